/**
 * The twin, as a program that answers lines of standard input:
 *
 *     deno run -A ours.ts MODEL THREADS
 *
 * See `llama_cpp.ts` for the lines.
 *
 * @module
 */
import { TextLineStream } from "./lines.ts";
import { Arena, Device } from "../../src/device/mod.ts";
import { Model } from "../../src/model/mod.ts";
import { Round, sequenceMemory } from "../../src/speculation/mod.ts";

const [path, threads] = Deno.args;
using device = Device.open({ backend: "cpu", threads: Number(threads) });
using model = Model.load(device, path);
using arena = new Arena(device, "bench");
using round = new Round(model, sequenceMemory(device, arena, 1024));

function read(prompt: readonly number[]): number {
  const start = performance.now();
  for (const _ of round.read(prompt));
  return performance.now() - start;
}

function decode(prompt: readonly number[], warm: number, tokens: number): number {
  read(prompt);
  for (let i = 0; i < warm; i++) round.run();
  const start = performance.now();
  for (let i = 0; i < tokens; i++) round.run();
  return performance.now() - start;
}

console.log(JSON.stringify({ about: device.name }));
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(
  new TextLineStream(),
);
for await (const line of lines) {
  const { what, prompt, warm, tokens } = JSON.parse(line);
  // The last token of a prompt stays out of the cache until the first round: one more, so that as many are read.
  const ms = what === "decode" ? decode(prompt, warm, tokens) : read([...prompt, 0]);
  console.log(JSON.stringify({ ms }));
}
