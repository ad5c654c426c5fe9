import * as a from "@std/assert";
import { assertEquals, AssertionError, assertThrows } from "@std/assert";

const fails = (fn: () => void) => assertThrows(fn, AssertionError);

Deno.test("assertEquals: as the registry's package", () => {
  assertEquals(0, -0);
  assertEquals(NaN, NaN);
  assertEquals<unknown>({ a: 1, b: undefined }, { a: 1 });
  assertEquals(Object.assign(Object.create(null), { a: [1] }), { a: [1] });
  assertEquals(new Set([1, [2]]), new Set([1, [2]]));
  assertEquals(new Map([["a", 1]]), new Map([["a", 1]]));
  assertEquals(new Uint8Array([1, 2]), new Uint8Array([1, 2]));
  fails(() => assertEquals<unknown>([1, 2], [1, 3]));
  fails(() => assertEquals<unknown>(1, "1"));
  fails(() => assertEquals<unknown>({ a: { b: 1 } }, { a: { b: 2 } }));
  fails(() => assertEquals<unknown>(new Uint8Array([1]), new Int8Array([1])));
  fails(() => assertEquals<unknown>([1], [1, undefined]));
  fails(() => assertEquals(new Date(0), new Date(1)));
});

Deno.test("every assertion can fail", () => {
  a.assert(1);
  a.assertFalse(0);
  a.assertNotEquals(1, 2);
  a.assertStrictEquals(NaN, NaN);
  a.assertAlmostEquals(0.1 + 0.2, 0.3);
  a.assertAlmostEquals(1, 1.05, 0.1);
  a.assertInstanceOf(new TypeError(), Error);
  a.assertMatch("abc", /b/);
  a.assertNotMatch("abc", /d/);
  a.assertStringIncludes("abc", "bc");
  a.assertArrayIncludes([1, [2], 3], [[2]]);
  a.assertGreater(2, 1);
  a.assertGreaterOrEqual(2, 2);
  a.assertLess(1, 2);
  a.assertLessOrEqual(2n, 2n);
  a.assertExists("");
  fails(() => a.assert(""));
  fails(() => a.assertFalse(1));
  fails(() => a.assertNotEquals([1], [1]));
  fails(() => a.assertStrictEquals({}, {}));
  fails(() => a.assertNotStrictEquals(1, 1));
  fails(() => a.assertAlmostEquals(1, 1.001));
  fails(() => a.assertAlmostEquals(NaN, 1, 5));
  fails(() => a.assertInstanceOf(new Error(), TypeError));
  fails(() => a.assertMatch("abc", /d/));
  fails(() => a.assertNotMatch("abc", /b/));
  fails(() => a.assertStringIncludes("abc", "d"));
  fails(() => a.assertArrayIncludes([1], [2]));
  fails(() => a.assertGreater(1, 1));
  fails(() => a.assertGreaterOrEqual(1, 2));
  fails(() => a.assertLess(1, 1));
  fails(() => a.assertLessOrEqual(NaN, 1));
  fails(() => a.assertExists(null));
  fails(() => a.fail("x"));
  fails(() => a.unreachable());
});

Deno.test("assertThrows and assertRejects: the error comes back, class and words are checked", async () => {
  const error = assertThrows(
    () => {
      throw new RangeError("too far");
    },
    RangeError,
    "far",
  );
  assertEquals(error.message, "too far");
  fails(() => assertThrows(() => 1));
  fails(() =>
    assertThrows(
      () => {
        throw new Error("x");
      },
      TypeError,
    )
  );
  fails(() =>
    assertThrows(
      () => {
        throw new Error("x");
      },
      Error,
      "y",
    )
  );
  await a.assertRejects(() => Promise.reject(new TypeError("no")), TypeError, "no");
  await a.assertRejects(
    () => a.assertRejects(() => Promise.resolve(1)),
    AssertionError,
    "reject",
  );
  await a.assertRejects(
    () => a.assertRejects(() => Promise.reject(new Error("x")), TypeError),
    AssertionError,
  );
});
