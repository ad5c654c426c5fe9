import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "./errors.ts";
import {
  checkOptions,
  integer,
  type Kind,
  type Kinds,
  object,
  oneOf,
  PATH,
  pathOf,
  required,
  show,
  SIGNAL,
} from "./options.ts";

interface Options {
  readonly maxTokens?: number;
  readonly method?: string;
  readonly target: string;
}

const KINDS: Kinds<Options> = {
  maxTokens: integer(1, 9),
  method: oneOf(["ar", "draft", "hier"]),
  target: required(PATH),
};

function refused(options: unknown, argument: string, message: string): void {
  const error = assertThrows(
    () => checkOptions("generate", options as Options, KINDS),
    ArgumentError,
    message,
  );
  assertEquals(error.argument, argument);
}

Deno.test("checkOptions: what fits, and what is absent or undefined", () => {
  checkOptions("generate", { target: "dir" }, KINDS);
  checkOptions("generate", { target: "dir", maxTokens: undefined, method: "ar" }, KINDS);
  // Options may come with a prototype, or with none.
  checkOptions("generate", Object.assign(Object.create(null), { target: "dir" }), KINDS);
});

Deno.test("checkOptions: names option, value and expectation", () => {
  const target = "dir";
  const is = (value: string) => `Cannot generate: maxTokens is ${value}, expected a whole number`;
  for (
    const [value, shown] of [
      ["5", '"5"'],
      [NaN, "NaN"],
      [0, "0"],
      [10, "10"],
      [1.5, "1.5"],
      [null, "null"],
      [5n, "5n"],
      [true, "true"],
      [[5], "[5]"],
      [new Uint8Array(1), "of type Uint8Array"],
      [() => 5, "a function"],
    ] as const
  ) refused({ target, maxTokens: value }, "maxTokens", `${is(shown)} from 1 to 9`);
  refused({ target, method: "AR" }, "method", 'method is "AR", expected ar, draft or hier');
  refused({}, "target", "target is undefined, expected a path or a file: URL");
});

Deno.test("checkOptions: an option that there is not, and the name that was meant", () => {
  const target = "dir";
  refused(
    { target, maxToken: 5 },
    "maxToken",
    "Cannot generate: there is no option maxToken; did you mean maxTokens?",
  );
  refused({ target, max_tokens: 5 }, "max_tokens", "did you mean maxTokens?");
  refused({ target, temperature: undefined }, "temperature", "there is no option temperature");
  // No option is inherited from objects in general.
  refused({ target, toString: 1 }, "toString", "there is no option toString");
});

Deno.test("checkOptions: options that are no object", () => {
  for (const options of [null, "dir", 5, ["dir"], true]) {
    refused(options, "options", `options is ${show(options)}, expected an object`);
  }
});

Deno.test("pathOf: paths, and URLs of files", () => {
  const path = (value: string | URL) => pathOf("load", "target", value);
  assertEquals(path("models/demo"), "models/demo");
  assertEquals(path(new URL("file:///a%20b/c/")), "/a b/c");
  assertEquals(path(new URL("file:///")), "/");
  for (const value of ["", new URL("https://host/a"), new URL("file:///a%2Fb"), 5, {}, null]) {
    assertThrows(() => path(value as string), ArgumentError, "expected a path or a file: URL");
  }
});

Deno.test("kinds: what they take", () => {
  const takes = (kind: Kind, fit: readonly unknown[], misfit: readonly unknown[]) => {
    for (const value of fit) assertEquals(kind.fits(value), true, show(value));
    for (const value of misfit) assertEquals(kind.fits(value), false, show(value));
  };
  takes(integer(), [0, -5, 2 ** 53 - 1], [2 ** 53, -Infinity, 0.1, "1", Object(1)]);
  takes(SIGNAL, [AbortSignal.abort()], [{ aborted: false }, new AbortController(), null]);
  takes(object("it", ({ a }) => a === 1), [{ a: 1 }], [{ a: 2 }, [1], null, "a"]);
});

Deno.test("show: short, whatever the value", () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  assertEquals(show("x".repeat(100)).length, 60);
  assertEquals(show({ a: 1 }), '{"a":1}');
  assertEquals(show(circle), "Object");
  assertEquals(show(undefined), "undefined");
  assertEquals(show(Symbol("s")), "Symbol(s)");
  assertEquals(show(new Map()), "of type Map");
  assertEquals(show(Object.create(null)), "{}");
});
