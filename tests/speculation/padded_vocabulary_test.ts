/**
 * Models and heads of one tokenizer whose vocabularies are padded differently: the tokens are those of plain decoding,
 * and what the smaller vocabulary lacks is proposed by nobody and read as zeros.
 */
import { assertEquals, assertGreater, assertThrows } from "@std/assert";
import { CheckpointError } from "../../src/base/errors.ts";
import { openHead } from "../../src/checkpoint/head.ts";
import type { Device } from "../../src/device/mod.ts";
import { HeadModel, Model } from "../../src/model/mod.ts";
import { backendTest } from "../backends.ts";
import { METHODS, type Trio } from "../methods.ts";
import { SMALL, writeRandomHead, writeRandomModel } from "../models.ts";
import { resizeRows, rewrite, type Tensors } from "../rewrite.ts";
import { decode, prompts } from "../rounds.ts";

const TABLES = ["model.embed_tokens.weight", "lm_head.weight"];

/** Gives the tables of the model in `dir` `rows` rows: new ones are the likeliest after every token where `loud`. */
function resize(dir: string, rows: number, loud: boolean): string {
  const change = (tensors: Tensors) =>
    resizeRows(tensors, TABLES, rows, (values, i, name) => {
      // Copies of other rows; twice as loud, each beats what it is a copy of wherever that wins.
      return values[i - SMALL.vocab * SMALL.hidden] * (loud && name === "lm_head.weight" ? 2 : 1);
    });
  return rewrite(dir, dir, change, { vocab_size: rows });
}

/** Vocabularies of a trio; a head with rows of its own has its own embedding. */
interface Sizes {
  target: number;
  draft: number;
  head?: number;
  loud: "target" | "draft";
}

function withTrio(device: Device, sizes: Sizes, body: (trio: Trio) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    using stack = new DisposableStack();
    const load = (name: "target" | "draft"): Model => {
      const path = writeRandomModel(`${dir}/${name}`, SMALL);
      return stack.use(Model.load(device, resize(path, sizes[name], sizes.loud === name)));
    };
    const [target, draft] = [load("target"), load("draft")];
    const path = writeRandomHead(`${dir}/head`, { ...SMALL, seed: 9 });
    if (sizes.head !== undefined) addEmbedding(path, sizes.head);
    const headOf = (verifier: Model) => stack.use(HeadModel.load(device, path, verifier));
    body({ target, draft, targetHead: headOf(target), draftHead: headOf(draft) });
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** Gives a head an embedding of `rows` rows, and takes the vocabulary out of its configuration. */
function addEmbedding(dir: string, rows: number): void {
  const name = "embed_tokens.weight";
  const values = Float16Array.from({ length: rows * SMALL.hidden }, (_, i) => (i % 7) / 7 - 0.5);
  const data = () => new Uint8Array(values.buffer);
  const add = (tensors: Tensors) =>
    tensors.set(name, { name, dtype: "f16", shape: [rows, SMALL.hidden], data });
  rewrite(dir, dir, add, { vocab_size: undefined });
}

const CASES: Sizes[] = [
  // The target says tokens all the time that nothing below it knows.
  { target: SMALL.vocab + 64, draft: SMALL.vocab, loud: "target" },
  { target: SMALL.vocab + 64, draft: SMALL.vocab, head: SMALL.vocab - 32, loud: "target" },
  // What drafts prefers tokens that the target does not know.
  { target: SMALL.vocab, draft: SMALL.vocab + 64, loud: "draft" },
  { target: SMALL.vocab, draft: SMALL.vocab + 64, head: SMALL.vocab + 96, loud: "draft" },
];

for (const sizes of CASES) {
  const name = `target ${sizes.target}, draft ${sizes.draft}, head ${sizes.head ?? "without"}`;
  backendTest(`padded vocabularies (${name}): the tokens of plain decoding`, ({ device }) => {
    withTrio(device, sizes, (trio) => {
      for (const prompt of prompts(2)) {
        const { tokens } = decode(trio.target, prompt, 16);
        const beyond = tokens.filter((token) => token >= SMALL.vocab).length;
        assertEquals(beyond > 12, sizes.loud === "target", `${beyond} tokens of padding`);
        for (const method of METHODS) {
          const plan = method.plan(trio);
          const found = decode(trio.target, prompt, 16, plan);
          assertEquals(found.tokens, tokens, method.name);
          // But for its padding the draft model is the target: it is right where it may say what it likes best of
          // what the target knows.
          if (sizes.loud === "draft" && plan.name.startsWith("draft")) {
            assertGreater(found.tau, 4, `tau of ${method.name}`);
          }
        }
      }
    });
  });
}

backendTest("vocabularies that padding does not explain are refused", ({ device }) => {
  const dir = Deno.makeTempDirSync();
  try {
    using target = Model.load(device, writeRandomModel(`${dir}/target`, SMALL));
    const head = writeRandomHead(`${dir}/head`, { ...SMALL, vocab: SMALL.vocab + 513 });
    const message = "its vocabulary has 673 entries, expected 160";
    assertThrows(() => HeadModel.load(device, head, target), CheckpointError, message);
    const near = writeRandomHead(`${dir}/near`, { ...SMALL, vocab: SMALL.vocab + 512 });
    HeadModel.load(device, openHead(near), target)[Symbol.dispose]();
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
