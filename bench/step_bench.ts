/**
 * What TypeScript costs a step of plain decoding: the round's code around captured graphs that hold no ops,
 * and the streaming of a token. The goal is under 60 us a step.
 *
 *     deno bench -A bench/step_bench.ts
 */
import { Graph } from "../src/device/mod.ts";
import { Arena } from "../src/device/mod.ts";
import { Round, sequenceMemory } from "../src/speculation/mod.ts";
import { StreamingDetokenizer } from "../src/text/mod.ts";
import { Trio } from "../scripts/models/trio.ts";

const trio = new Trio();
const arena = new Arena(trio.device, "bench");
const memory = sequenceMemory(trio.device, arena, 256);

// Graphs captured from here on hold nothing: what is left of a round is its TypeScript and its calls.
const capture = Graph.capture;
Graph.capture = (device) => capture.call(Graph, device, () => {});
const round = new Round(trio.target, memory);
Graph.capture = capture;
round.resume(0, memory.context);

Deno.bench("a plain-decoding step with op-free graphs", { group: "step", baseline: true }, () => {
  round.run();
});

const detokenizer = new StreamingDetokenizer(trio.tokenizer);
const tokens = trio.tokenizer.encode(
  "She sells 70 rolls before noon and half of the rest after noon.",
);
let next = 0;

Deno.bench("streaming the text of a token", { group: "step" }, () => {
  detokenizer.push([tokens[next++ % tokens.length]]);
});
