/**
 * Tokens that only files beside `tokenizer.json` name, against Hugging Face's `transformers`.
 */
import { assertEquals } from "@std/assert";
import { SPECIAL_ROLES } from "../../src/text/files/special_tokens.ts";
import { type Description, load, stored } from "../tokenizers.ts";

interface Case {
  name: string;
  files: Record<string, unknown>;
  added: { id: number; content: string; special: boolean }[];
  special: Record<string, string>;
  ids: number[][];
  decoded: string[];
}

const [{ description, texts }, ...CASES] = stored<
  [{ description: Description; texts: string[] }, ...Case[]]
>("files.json.gz");

for (const { name, files, added, special, ids, decoded } of CASES) {
  Deno.test(`token files: ${name}`, () => {
    const tokenizer = load(description, files);
    const { vocab } = description.model as { vocab: Record<string, number> };
    const last = Math.max(...Object.values(vocab), ...added.map(({ id }) => id));
    assertEquals(tokenizer.size, last + 1);
    for (const { id, content } of added) assertEquals(tokenizer.idToToken(id), content);
    const expected = added.filter((token) => token.special).map(({ id }) => id);
    assertEquals([...tokenizer.specialIds].sort((a, b) => a - b), expected);
    const roles = SPECIAL_ROLES.filter((role) => role in special);
    assertEquals(tokenizer.special, Object.fromEntries(roles.map((role) => [role, special[role]])));
    for (const [i, text] of texts.entries()) {
      assertEquals(tokenizer.encode(text), ids[i], JSON.stringify(text));
      assertEquals(tokenizer.decode(ids[i]), decoded[i], JSON.stringify(text));
    }
  });
}
