/**
 * Small random models of every family and layout against Hugging Face `transformers` in float32.
 * See tests/data/golden/README.md.
 */
import { assertLess } from "@std/assert";
import { fileURLToPath } from "node:url";
import { toF32 } from "../../src/base/half.ts";
import { openCheckpoint } from "../../src/checkpoint/checkpoint.ts";
import { openHead } from "../../src/checkpoint/head.ts";
import { openSafetensors } from "../../src/checkpoint/containers/safetensors.ts";
import { rows } from "../../src/device/mod.ts";
import { scoreTokens } from "../../src/engine/score.ts";
import { HeadModel, HeadState, Model } from "../../src/model/mod.ts";
import { gatherRows } from "../../src/ops/mod.ts";
import { backendTest } from "../backends.ts";
import { assertRows, modelLogits, TOLERANCE } from "../golden_logits.ts";

const GOLDEN = fileURLToPath(new URL("../data/golden", import.meta.url));

interface Golden {
  tokens: number[];
  read(name: string): { values: Float32Array; width: number };
}

function golden(dir: string): Golden {
  using source = openSafetensors(`${dir}/golden.safetensors`);
  const tensors = new Map(
    source.names().map((name) => [name, {
      bytes: source.read(name),
      width: source.info(name).shape.at(-1)!,
    }]),
  );
  return {
    tokens: [...new Int32Array(tensors.get("tokens")!.bytes.buffer)],
    read(name) {
      const { bytes, width } = tensors.get(name)!;
      return { values: new Float32Array(bytes.buffer), width };
    },
  };
}

const CASES = [...Deno.readDirSync(GOLDEN)].filter((one) => one.isDirectory)
  .map((one) => one.name).sort();

for (const name of CASES.filter((one) => !/^(eagle|dflash|dspark)/.test(one))) {
  backendTest(`golden logits: ${name}`, (rig) => {
    using checkpoint = openCheckpoint(`${GOLDEN}/${name}`);
    using model = Model.load(rig.device, checkpoint);
    const { tokens, read } = golden(checkpoint.dir);
    const { values, width } = read("logits");
    const tolerance = TOLERANCE[model.dtype];
    assertRows(modelLogits(rig, model, tokens), values, width, tolerance);

    const { logprobs, top } = scoreTokens(model, tokens, { top: 3 });
    for (let i = 1; i < tokens.length; i++) {
      const row = values.subarray((i - 1) * width, i * width);
      const largest = Math.max(...row);
      const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
      const expected = (id: number): number => row[id] - largest - Math.log(sum);
      for (const { id, logprob } of [{ id: tokens[i], logprob: logprobs[i]! }, ...top[i]]) {
        assertLess(Math.abs(logprob - expected(id)), 2 * tolerance, `token ${i}, id ${id}`);
      }
    }
  });
}

for (const name of CASES.filter((one) => one.startsWith("eagle2"))) {
  backendTest(`golden head: ${name}`, (rig) => {
    const { device } = rig;
    using checkpoint = openCheckpoint(`${GOLDEN}/llama-tied`);
    using model = Model.load(device, checkpoint);
    using stored = openHead(`${GOLDEN}/${name}`);
    using head = HeadModel.load(device, stored, model);
    const { tokens, read } = golden(stored.dir);
    const { values, width } = read("verifier_hidden");
    const count = tokens.length - 1;
    using state = new HeadState(head, {
      context: count,
      slots: count,
      rows: count,
      logitsRows: count,
    });
    state.cache.ensure(count);
    const hidden = rig.put("f16", [count, width], values.subarray(0, count * width));
    const index = rig.put("i32", [count], Int32Array.from({ length: count }, (_, i) => i));
    gatherRows(device, state.input, hidden, index);
    const ids = rig.put("i32", [tokens.length], tokens);
    state.queueForward({ rows: count, cacheLength: state.cacheLength }, { tokens: ids, shift: 1 });
    state.queueLogits(rows(state.hidden, 0, count));
    const found = toF32(device.download(state.hidden), "f16");
    const expected = read("hidden").values;
    const worst = expected.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - found[i])),
      0,
    );
    assertLess(worst, TOLERANCE.f16, "largest error of a hidden state");
    const logits = new Float32Array(device.download(state.logits).buffer);
    const reference = read("logits");
    assertRows(logits, reference.values, reference.width, TOLERANCE.f16);
  });
}
