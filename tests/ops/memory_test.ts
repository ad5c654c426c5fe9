import { assertEquals, assertThrows } from "@std/assert";
import { ArgumentError } from "../../src/base/errors.ts";
import { checksum } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { Random } from "../random.ts";

backendTest("checksum: the wrapping sum of all words, of any size", (rig) => {
  const random = new Random(5);
  for (const count of [2, 6, 1000, 8192, 8194, 100_002]) {
    const words = BigUint64Array.from(
      { length: count },
      () => (BigInt(random.integer(2 ** 32)) << 32n) | BigInt(random.integer(2 ** 32)),
    );
    const src = rig.put("u64", [count], words);
    const out = rig.output("u64", [1]);
    checksum(rig.device, out.tensor, src);
    const [found] = new BigUint64Array(rig.device.download(out.tensor).buffer);
    assertEquals(
      found,
      BigInt.asUintN(64, words.reduce((sum, word) => sum + word, 0n)),
      `${count}`,
    );
  }
});

backendTest("checksum: refuses what it cannot read in whole words", (rig) => {
  const src = rig.put("u64", [5], new BigUint64Array(5));
  const out = rig.put("u64", [1], new BigUint64Array(1));
  assertThrows(() => checksum(rig.device, out, src), ArgumentError, "40 bytes");
});
