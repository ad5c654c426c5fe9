import { assert, assertEquals } from "@std/assert";
import { E4M3_VALUES, toE4m3 } from "./e4m3.ts";

Deno.test("e4m3: known codes", () => {
  const known = [[0, 0], [2 ** -9, 1], [2 ** -6, 8], [1, 0x38], [1.125, 0x39], [448, 126]] as const;
  for (const [value, code] of known) {
    assertEquals(E4M3_VALUES[code], value);
    assertEquals([toE4m3(value), toE4m3(-value)], [code, code | 128]);
  }
  assertEquals([toE4m3(1e9), toE4m3(-Infinity), toE4m3(NaN)], [126, 254, 127]);
});

Deno.test("e4m3: every number is the nearest to what becomes it, ties to even", () => {
  const sizes = [...E4M3_VALUES.subarray(0, 127)];
  for (let i = 0; i < 20000; i++) {
    const value = (i % 2 ? 1 : -1) * 2 ** ((i % 397) / 20 - 11) * (1 + i / 20000);
    const size = Math.min(448, Math.abs(value));
    const nearest = sizes.reduce((best, one) =>
      Math.abs(one - size) < Math.abs(best - size) ? one : best
    );
    assertEquals(E4M3_VALUES[toE4m3(value)], Math.sign(value) * nearest, `${value}`);
  }
  for (let code = 0; code < 126; code++) {
    const tie = (sizes[code] + sizes[code + 1]) / 2;
    assert(toE4m3(tie) % 2 === 0, `${tie} became the odd code ${toE4m3(tie)}`);
  }
});
