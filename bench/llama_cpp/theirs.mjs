// llama.cpp by node-llama-cpp's prebuilt library, as a program that answers lines of standard input:
//     node theirs.mjs FOLDER MODEL.gguf THREADS
// FOLDER is where npm has installed the package. See llama_cpp.ts for the lines.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [folder, modelPath, count] = process.argv.slice(2);
const threads = Number(count);
const entry = createRequire(`${folder}/package.json`).resolve("node-llama-cpp");
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(entry).href);

// `never`: the prebuilt library, or an error.
const llama = await getLlama({
  gpu: false,
  build: "never",
  maxThreads: threads,
  logLevel: LlamaLogLevel.error,
});
const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
const context = await model.createContext({ contextSize: 1024, batchSize: 512, threads });
const sequence = context.getSequence();

async function decode(prompt, warm, tokens) {
  await sequence.clearHistory();
  let made = 0;
  let start = 0;
  for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    made++;
    if (made === warm) start = performance.now();
    if (made === warm + tokens) break;
  }
  return performance.now() - start;
}

async function read(prompt) {
  await sequence.clearHistory();
  const start = performance.now();
  await sequence.evaluateWithoutGeneratingNewTokens(prompt);
  return performance.now() - start;
}

const { repo, release } = llama.llamaCppRelease;
console.log(
  JSON.stringify({ about: `${repo} ${release}, ${llama.buildType}; ${llama.systemInfo.trim()}` }),
);
for await (const line of createInterface({ input: process.stdin })) {
  const { what, prompt, warm, tokens } = JSON.parse(line);
  const ms = what === "decode" ? await decode(prompt, warm, tokens) : await read(prompt);
  console.log(JSON.stringify({ ms }));
}
process.exit(0);
