import { assertThrows } from "@std/assert";
import { CheckpointError } from "../base/errors.ts";
import { checkSameTokenizer } from "./same_tokenizer.ts";

const BPE = {
  model: { type: "BPE", vocab: { "<s>": 0, a: 1, b: 2, ab: 3 }, merges: ["a b"] },
  added_tokens: [{ id: 0, content: "<s>", special: true }, { id: 4, content: "<|reserved_1|>" }],
};

/** Checks tokenizers (undefined: no file) of models with these vocabularies. */
function check(target: unknown, draft: unknown, sizes = [8, 8]): void {
  const root = Deno.makeTempDirSync();
  try {
    const [above, below] = [target, draft].map((json, i) => {
      const dir = `${root}/${i}`;
      Deno.mkdirSync(dir);
      if (json !== undefined) Deno.writeTextFileSync(`${dir}/tokenizer.json`, JSON.stringify(json));
      return { dir, config: { vocabSize: sizes[i] } };
    });
    checkSameTokenizer(above, below);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

const changed = (vocab: unknown, more: object = {}) => ({
  ...BPE,
  ...more,
  model: { ...BPE.model, vocab },
});
const refused = (draft: unknown, message: string, target: unknown = BPE) =>
  assertThrows(() => check(target, draft), CheckpointError, message);

Deno.test("tokenizers: the same one, however it is padded, written and whatever its special tokens are called", () => {
  check(BPE, BPE);
  check(BPE, BPE, [151936, 152064]); // Qwen2.5: 3B and 7B
  check(BPE, BPE, [9, 100000]);
  check(BPE, { ...BPE, version: "1.0" });
  const added_tokens = [{ id: 0, content: "<s>" }, { id: 4, content: "<|finetune_pad|>" }];
  check(BPE, { ...BPE, added_tokens }); // Llama 3.1 and 3
  check(BPE, changed({ "<begin>": 0, a: 1, b: 2, ab: 3 }));
  check(BPE, changed({ "<s>": 0, a: 1, b: 2 }));
  const unigram = { model: { type: "Unigram", vocab: [["<unk>", 0], ["a", -1.5], ["b", -2]] } };
  check(unigram, { model: { ...unigram.model, vocab: [["<unk>", 0], ["a", -3], ["b", -2]] } });
});

Deno.test("tokenizers: another one is refused, though its vocabulary be as long", () => {
  refused(changed({ "<s>": 0, a: 2, b: 1, ab: 3 }), 'token 2 is "a", expected "b" as in');
  refused(changed({ "<s>": 0, a: 1, b: 2, ba: 3 }), 'token 3 is "ba", expected "ab"');
  refused({ model: { vocab: [["<s>", 0], ["b", 0]] } }, 'token 1 is "b", expected "a"');
  refused({ model: {} }, '"model.vocab" is no vocabulary');
  refused([], '"model.vocab" is no vocabulary');
});

Deno.test("tokenizers: without a file the lengths of vocabularies must do", () => {
  check(BPE, undefined);
  check(undefined, BPE, [1000, 1512]);
  const far = () => check(BPE, undefined, [32000, 32768]);
  assertThrows(far, CheckpointError, "its vocabulary has 32768 entries, expected 32000");
});
