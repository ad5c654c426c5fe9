import { assertEquals, assertNotEquals } from "@std/assert";
import { abiHash, normalizeHeader } from "./abi_hash.ts";

Deno.test("abiHash is FNV-1a with 64 bits", () => {
  assertEquals(abiHash(""), 0xcbf29ce484222325n);
  assertEquals(abiHash("a"), 0xaf63dc4c8601ec8cn);
  assertEquals(abiHash("foobar"), 0x85944171f73967e8n);
});

Deno.test("comments and layout do not change the hash, declarations do", () => {
  const text = "int32_t smq_a(int32_t x);\n";
  assertEquals(
    abiHash(`// what it does\n  int32_t\tsmq_a(int32_t x);  // note\r\n\n`),
    abiHash(text),
  );
  assertNotEquals(abiHash("int32_t smq_a(int64_t x);\n"), abiHash(text));
});

Deno.test("normalizeHeader keeps one space between words", () => {
  assertEquals(normalizeHeader(" a // b\n\n\tc  d "), "a c d");
});
