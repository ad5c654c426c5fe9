import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";

// Fails to compile unless the two types are the same.
function sameType<A>() {
  return <B>(
    _same: (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false,
  ) => {};
}

Deno.test("parseArgs: types follow the options", () => {
  const flags = parseArgs(["--json", "--name", "x", "-n", "3"], {
    boolean: ["json", "chat"],
    string: ["name", "stop", "max"],
    collect: ["stop"],
    default: { max: "160" },
    alias: { max: "n" },
  });
  sameType<typeof flags.json>()<boolean>(true);
  sameType<typeof flags.name>()<string | undefined>(true);
  sameType<typeof flags.stop>()<string[]>(true);
  sameType<typeof flags.max>()<string>(true);
  sameType<typeof flags.n>()<string>(true);
  sameType<typeof flags.other>()<unknown>(true);
  assertEquals<unknown>(flags, {
    _: [],
    json: true,
    chat: false,
    name: "x",
    stop: [],
    max: "3",
    n: "3",
  });
});

Deno.test("parseArgs: runtime option lists", () => {
  const lists: { boolean: string[]; string: string[] } = { boolean: ["a"], string: ["b"] };
  const flags = parseArgs(["-a", "--b=1", "rest"], lists);
  assertEquals<unknown>(flags, { _: ["rest"], a: true, b: "1" });
});

const CASES: ReadonlyArray<
  [name: string, args: string[], options: Parameters<typeof parseArgs>[1], want: unknown]
> = [
  ["numbers", ["--x", "3", "-y4", "-z=5", "7", "0x10", "1e3", "a1"], {}, {
    _: [7, 16, 1000, "a1"],
    x: 3,
    y: 4,
    z: 5,
  }],
  ["strings stay strings", ["--x", "3", "--y", "5"], { string: ["x", "_", "y"] }, {
    _: [],
    x: "3",
    y: "5",
  }],
  ["a string without a value", ["--x", "--y"], { string: "x" }, { _: [], x: "", y: true }],
  ["an empty value after =", ["--x="], { string: "x" }, { _: [], x: "" }],
  ["= in a value", ["--x=a=b"], {}, { _: [], x: "a=b" }],
  ["a boolean takes no value", ["--v", "a"], { boolean: "v" }, { _: ["a"], v: true }],
  ["but true and false", ["--v", "false", "--w=false"], { boolean: ["v", "w"] }, {
    _: [],
    v: false,
    w: false,
  }],
  ["all boolean", ["--v", "a"], { boolean: true }, { _: ["a"], v: true }],
  ["collect", ["--s", "a", "--s=b"], { collect: "s" }, { _: [], s: ["a", "b"] }],
  ["collect with default", ["--s", "a"], { collect: "s", default: { s: ["z"] } }, {
    _: [],
    s: ["a"],
  }],
  ["collect, none given", [], { string: "s", collect: "s", default: { s: ["z"] } }, {
    _: [],
    s: ["z"],
  }],
  [
    "negatable",
    ["--no-color"],
    { boolean: "color", negatable: "color", default: { color: true } },
    {
      _: [],
      color: false,
    },
  ],
  ["not negatable", ["--no-color"], { boolean: "color" }, {
    _: [],
    "no-color": true,
    color: false,
  }],
  ["alias", ["-h"], { boolean: "help", alias: { help: ["h", "H"] } }, {
    _: [],
    h: true,
    H: true,
    help: true,
  }],
  ["alias of a default", [], { alias: { a: "b" }, default: { a: 1 } }, { _: [], a: 1, b: 1 }],
  ["cluster", ["-abc", "x"], {}, { _: [], a: true, b: true, c: "x" }],
  ["stopEarly", ["-a", "--x=1", "run", "--y", "2"], { stopEarly: true, boolean: "a" }, {
    _: ["run", "--y", "2"],
    a: true,
    x: 1,
  }],
  ["after --", ["a", "--", "--b"], {}, { _: ["a", "--b"] }],
  ["after -- apart", ["a", "--", "--b"], { "--": true }, { _: ["a"], "--": ["--b"] }],
  ["a lone dash", ["-", "--x", "-"], { string: "x" }, { _: ["-", "-"], x: "" }],
];

for (const [name, args, options, want] of CASES) {
  Deno.test(`parseArgs: ${name}`, () => assertEquals<unknown>(parseArgs(args, options), want));
}

Deno.test("parseArgs: unknown is called with flags and arguments, and can drop them", () => {
  const seen: unknown[] = [];
  const flags = parseArgs(["--good", "--bad", "v", "file", "--cut=2"], {
    boolean: ["good"],
    unknown: (arg, key, value) => {
      seen.push([arg, key, value]);
      return arg === "file";
    },
  });
  assertEquals<unknown>(flags, { _: ["file"], good: true });
  assertEquals(seen, [["--bad", "bad", "v"], ["file", undefined, undefined], [
    "--cut=2",
    "cut",
    "2",
  ]]);
});
