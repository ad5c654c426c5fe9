/**
 * The choice of tokens against the logits processors of Hugging Face `transformers`. See tests/data/choices/README.md.
 */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { toF32 } from "../../src/base/half.ts";
import { openSafetensors } from "../../src/checkpoint/containers/safetensors.ts";
import { backendTest } from "../backends.ts";
import { runChoose } from "../choosing.ts";
import type { ReferenceOptions } from "../reference/choice.ts";
import { rowOf } from "../rig.ts";

const DATA = fileURLToPath(new URL("../data/choices", import.meta.url));

/** The largest |score - expected| / |expected|: penalties and what they are subtracted from may be rounded together. */
const RELATIVE = 5e-7;

interface Group {
  readonly name: string;
  readonly vocab: number;
  readonly rows: readonly string[];
  readonly text: readonly number[];
  readonly generated: number;
  readonly bias: Readonly<Record<number, number>>;
  readonly cases: readonly (Omit<ReferenceOptions, "logitBias"> & { logitBias?: boolean })[];
}

const { groups } = JSON.parse(Deno.readTextFileSync(`${DATA}/choices.json`)) as {
  groups: readonly Group[];
};

/** The tensors of a group, by the end of their names. */
function tensors({ name }: Group): Map<string, Uint8Array<ArrayBuffer>> {
  using source = openSafetensors(`${DATA}/choices.safetensors`);
  const own = source.names().filter((one) => one.startsWith(`${name}.`));
  return new Map(own.map((one) => {
    const bytes = source.read(one);
    const f16 = source.info(one).dtype === "f16";
    return [one.slice(name.length + 1), f16 ? new Uint8Array(toF32(bytes, "f16").buffer) : bytes];
  }));
}

const floats = (bytes: Uint8Array<ArrayBuffer>): Float64Array =>
  Float64Array.from(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4));

const cuts = ({ topK, topP, minP }: ReferenceOptions): boolean =>
  topK !== undefined || topP !== undefined || minP !== undefined;

for (const group of groups) {
  const { name, vocab, rows, text, generated, bias, cases } = group;
  backendTest(`choices as those of transformers: ${name}`, (rig) => {
    const stored = tensors(group);
    const logits = floats(stored.get("logits")!);
    const m = rows.length;
    // Rows side by side at the end of the text, which is its last token's row.
    const tree = {
      tokens: rows.map(() => text.at(-1)!),
      parents: rows.map(() => -1),
      depths: rows.map(() => 0),
    };
    const given = { m, vocab, logits, history: text, length: text.length - 1, tree };
    for (const [number, { logitBias, ...rest }] of cases.entries()) {
      // Where no temperature is asked for, 1 is none.
      const options = { temperature: 1, ...rest, logitBias: logitBias ? bias : {}, generated };
      const { scores, choice } = runChoose(rig, given, options, true);
      const uncut = { ...options, topK: 0, topP: 1, minP: 0 };
      const all = cuts(options) ? runChoose(rig, given, uncut, true).scores : scores;
      const bits = stored.get(`${number}.kept`)!;
      const values = stored.get(`${number}.scores`);
      for (const [i, kind] of rows.entries()) {
        const what = `${JSON.stringify(cases[number])} of "${kind}"`;
        const row = rowOf(scores, i, vocab);
        const full = rowOf(all, i, vocab);
        const ids = Array.from(row, (_, id) => id);
        const kept = ids.filter((id) => row[id] > -Infinity);
        const theirs = ids.filter((id) => bits[i * vocab / 8 + (id >> 3)] >> (id & 7) & 1);
        if (rest.topP === undefined) assertEquals(kept, theirs, what);
        else {
          // Which of the equals at the end theirs keeps is by chance: they are as many here, those of the lowest ids.
          assertEquals(kept.length, theirs.length, what);
          const least = kept.reduce((a, id) => Math.min(a, full[id]), Infinity);
          const above = (id: number) => full[id] > least;
          assertEquals(kept.filter(above), theirs.filter(above), what);
          const ends = ids.filter((id) => full[id] === least);
          assert(theirs.every((id) => full[id] >= least), what);
          assertEquals(
            kept.filter((id) => !above(id)),
            ends.slice(0, kept.length - kept.filter(above).length),
          );
        }
        for (const id of kept) assertEquals(row[id], full[id], what);
        if (!values) continue;
        const expected = rowOf(floats(values), i, vocab);
        const most = rest.frequencyPenalty || rest.presencePenalty ? RELATIVE : 0;
        for (const id of theirs) {
          const error = Math.abs(full[id] - expected[id]);
          assert(error <= most * Math.max(1, Math.abs(expected[id])), `${what}: ${id}, ${error}`);
        }
        assert(kept.includes(choice[i]), `${what}: ${choice[i]} was not kept`);
      }
    }
  }, ["cpu", "cuda"]);
}

Deno.test("the golden data has ties in the midst of which cuts fall, and rows with infinities", () => {
  const [{ cases, rows }] = groups;
  for (const kind of ["ties", "equal", "extreme", "absent", "tiny"]) assert(rows.includes(kind));
  for (const option of ["logitBias", "repetitionPenalty", "presencePenalty", "frequencyPenalty"]) {
    assert(cases.some((one) => option in one), option);
  }
  const stored = tensors(groups[0]);
  const count = (number: number, i: number) =>
    stored.get(`${number}.kept`)!.subarray(i * 125, (i + 1) * 125)
      .reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
  // All ties with the fifth are kept, and of equals no more than the probability asks for.
  assert(count(cases.findIndex(({ topK }) => topK === 5), rows.indexOf("ties")) > 5);
  assertEquals(count(cases.findIndex(({ topP }) => topP === 0.8995), rows.indexOf("equal")), 900);
});
