/**
 * `hidden-states`: what it writes of small random models, against what their own parts say, and a process that is killed
 * again and again.
 */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { fileURLToPath } from "node:url";
import { toF32 } from "../../src/base/half.ts";
import { ArgumentError, CheckpointError } from "../../src/base/errors.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { openWeights } from "../../src/checkpoint/containers/weights.ts";
import { Device } from "../../src/device/mod.ts";
import { scoreTokens } from "../../src/engine/mod.ts";
import { Model } from "../../src/model/mod.ts";
import {
  quantizeCheckpoint,
  writeStates,
  type WriteStatesOptions,
} from "../../src/quantize/mod.ts";
import { type RandomModel, SMALL } from "../models.ts";
import { relativeError } from "../rig.ts";
import { filesOf, makeModel, readNames, VOCAB } from "../whole_models.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const SHAPE: RandomModel = { ...SMALL, layers: 3, vocab: VOCAB };

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const model = makeModel(`${root}/model`, SHAPE);
const quantized = `${root}/quantized`;
await quantizeCheckpoint({
  model,
  out: quantized,
  scheme: "w4a16-g32",
  method: "rtn",
  lmHead: "w4a16",
});

/** Texts of several lengths, one longer than a forward reads at once. */
const LENGTHS = [5, 300, 2, 40, 17];
const TEXTS = LENGTHS.map((length, i) =>
  Array.from({ length }, (_, j) => (i * 31 + j * 37 + (j * j) % 11) % VOCAB)
);
const file = `${root}/texts.jsonl`;
Deno.writeTextFileSync(
  file,
  TEXTS.map((tokens, i) => JSON.stringify({ tokens, prompt: i })).join("\n\n"),
);

const write = (out: string, options: Partial<WriteStatesOptions> = {}) =>
  writeStates({
    model: quantized,
    texts: file,
    out,
    device: () => Device.open({ backend: "cpu" }),
    ...options,
  });

/** A tensor of a directory, as numbers. */
function numbers(dir: string, name: string): Float32Array {
  using source = openWeights(dir);
  const { dtype } = source.info(name);
  const bytes = source.read(name);
  return dtype === "i32"
    ? Float32Array.from(new Int32Array(bytes.slice().buffer))
    : toF32(bytes, "f16");
}

/** The same of all shards, behind one another. */
function ofShards(dir: string, name: string): Float32Array {
  const parts = readNames(dir).filter((file) => file.startsWith("states-")).sort().map((file) => {
    const alone = Deno.makeTempDirSync({ dir: root });
    Deno.copyFileSync(`${dir}/${file}`, `${alone}/model.safetensors`);
    return numbers(alone, name);
  });
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

function tables(dir: string): { embedding: Float32Array; output: Float32Array } {
  const alone = Deno.makeTempDirSync({ dir: root });
  Deno.copyFileSync(`${dir}/verifier.safetensors`, `${alone}/model.safetensors`);
  return {
    embedding: numbers(alone, "model.embed_tokens.weight"),
    output: numbers(alone, "lm_head.weight"),
  };
}

Deno.test("hidden-states: states and projection give the log-probabilities that score gives", async () => {
  const out = `${root}/scored`;
  const result = await write(out, { shardTokens: 100 });
  const tokens = LENGTHS.reduce((sum, length) => sum + length);
  assertEquals(result, { texts: LENGTHS.length, tokens, shards: 2, resumed: 0 });
  assertEquals([...ofShards(out, "lengths")], LENGTHS);
  assertEquals([...ofShards(out, "prompts")], [0, 1, 2, 3, 4]);
  assertEquals([...ofShards(out, "ids")], TEXTS.flat());
  const [hidden, { output }] = [ofShards(out, "hidden"), tables(out)];
  using device = Device.open({ backend: "cpu" });
  using loaded = Model.load(device, quantized);
  const width = SHAPE.hidden;
  let [at, worst] = [0, 0];
  for (const ids of TEXTS) {
    const { logprobs } = scoreTokens(loaded, ids);
    for (let i = 0; i + 1 < ids.length; i++) {
      const row = hidden.subarray((at + i) * width, (at + i + 1) * width);
      const logits = Array.from(
        { length: VOCAB },
        (_, v) => row.reduce((sum, x, j) => sum + x * output[v * width + j], 0),
      );
      const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
      worst = Math.max(worst, Math.abs(logits[ids[i + 1]] - total - logprobs[i + 1]!));
    }
    at += ids.length;
  }
  // f16 weights and states, f32 sums of another order.
  assertLess(worst, 5e-3);
});

Deno.test("hidden-states: taps count the layers that have run", async () => {
  const out = `${root}/tapped`;
  await write(out, { taps: [0, 2, SHAPE.layers] });
  const width = SHAPE.hidden;
  const [taps, hidden, ids] = ["taps", "hidden", "ids"].map((name) => ofShards(out, name));
  const { embedding } = tables(out);
  const norm = numbers(model, "model.norm.weight");
  const { rmsNormEps } = (() => {
    using checkpoint = openCheckpoint(model);
    return checkpoint.config;
  })();
  const column = (i: number, row: number) =>
    taps.subarray((row * 3 + i) * width, (row * 3 + i + 1) * width);
  const normed = new Float32Array(hidden.length);
  const between: number[] = [];
  ids.forEach((id, row) => {
    // None has run: the embedding. All have: the final norm makes it the last hidden state.
    assertEquals(column(0, row), embedding.subarray(id * width, (id + 1) * width), `row ${row}`);
    const last = column(2, row);
    const mean = last.reduce((sum, x) => sum + x * x, 0) / width;
    last.forEach((x, j) => normed[row * width + j] = x / Math.sqrt(mean + rmsNormEps) * norm[j]);
    between.push(
      relativeError(column(1, row), last),
      relativeError(column(1, row), column(0, row)),
    );
  });
  assertLess(relativeError(normed, hidden), 2e-3);
  assert(Math.min(...between) > 0.01, "the tap between is one of its neighbours");
});

Deno.test("hidden-states: killed again and again, it gives the bytes of one run", async () => {
  const many = `${root}/many.jsonl`;
  const lines = Array.from({ length: 40 }, (_, i) => JSON.stringify({ tokens: TEXTS[1].slice(i) }));
  Deno.writeTextFileSync(many, lines.join("\n"));
  const arrange = (out: string) =>
    new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", MAIN, "hidden-states", "--target", quantized],
        ...["--texts", many, "--out", out, "--taps", "1,3", "--shard-tokens", "600"],
        ...["--backend", "cpu", "--threads", "1"],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    });
  const begun = performance.now();
  assertEquals((await arrange(`${root}/whole`).output()).code, 0);
  const whole = performance.now() - begun;
  const out = `${root}/pieces`;
  let [kills, resumed] = [0, 0];
  for (let i = 0; kills < 5; i++) {
    const child = arrange(out).spawn();
    const timer = setTimeout(() => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has just ended.
      }
    }, whole * (0.5 + ((i * 3) % 5) / 10));
    const { code, signal, stderr } = await child.output();
    clearTimeout(timer);
    if (signal === "SIGKILL") kills++;
    if (signal === "SIGKILL" && readNames(root).includes("pieces.partial")) {
      if (readNames(`${out}.partial/model`).some((name) => name.endsWith(".safetensors"))) {
        resumed++;
      }
      continue;
    }
    if (signal !== "SIGKILL") assertEquals(code, 0, new TextDecoder().decode(stderr));
    if (readNames(out).length === 0) continue;
    assertEquals(filesOf(out), filesOf(`${root}/whole`));
    Deno.removeSync(out, { recursive: true });
  }
  assertEquals((await arrange(out).output()).code, 0);
  assertEquals(filesOf(out), filesOf(`${root}/whole`));
  assert(resumed > 0, "no run was killed with something finished");
});

Deno.test("hidden-states: what it cannot read it refuses before work", async () => {
  const out = `${root}/refused`;
  const refused = async (line: string, message: string) => {
    const bad = `${root}/bad.jsonl`;
    Deno.writeTextFileSync(bad, `{"tokens": [1, 2, 3]}\n${line}\n`);
    await assertRejects(() => write(out, { texts: bad }), CheckpointError, message);
  };
  await refused("{", "line 2 is no JSON");
  await refused('{"words": "a"}', 'line 2: it has none of "text"');
  await refused('{"question": "a", "answer": 1}', "line 2: it has none of");
  await refused(
    `{"tokens": [1, ${VOCAB}]}`,
    `line 2: a token is ${VOCAB}, expected 0 to ${VOCAB - 1}`,
  );
  await refused('{"tokens": [1, 2], "prompt": 3}', 'line 2: "prompt" is 3, expected 0 to 2');
  const empty = `${root}/empty.jsonl`;
  Deno.writeTextFileSync(empty, '{"tokens": [1]}\n');
  await assertRejects(() => write(out, { texts: empty }), CheckpointError, "no text of two tokens");
  for (const taps of [[2, 1], [4], [-1], [1, 1], [1.5]]) {
    await assertRejects(() => write(out, { taps }), ArgumentError, "0 to 3");
  }
  assertEquals(readNames(root).filter((name) => name.startsWith("refused")), []);
});

Deno.test("hidden-states: it goes on with the same options only", async () => {
  const out = `${root}/stopped`;
  const stop = new AbortController();
  const kept: number[] = [];
  await assertRejects(
    () =>
      write(out, {
        shardTokens: 1,
        signal: stop.signal,
        onProgress: (done) => done >= 305 && stop.abort(new Error("enough")),
        onKept: (_, done) => void kept.push(done),
      }),
    Error,
    "enough",
  );
  assertEquals(kept, [1]);
  await assertRejects(
    () => write(out, { shardTokens: 1, taps: [1] }),
    ArgumentError,
    "begun with taps",
  );
  assertEquals((await write(out, { shardTokens: 1 })).resumed, 1);
});
