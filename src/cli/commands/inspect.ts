/**
 * `inspect`: what a directory holds and what it would take to run.
 *
 * @module
 */
import { snakeCase } from "../../base/key_case.ts";
import { layerPattern } from "../../checkpoint/names.ts";
import { megabytes } from "../../engine/mod.ts";
import { type Command, command } from "../options/command.ts";
import { describeDirectory, type Description, type Unused } from "./describe.ts";
import { tableColumns } from "../terminal/io.ts";
import { writeJson } from "../terminal/json.ts";
import { JSON_OPTION, KV_CACHE_OPTION } from "../options/shared.ts";
import { type Cell, table } from "../terminal/table.ts";
import { groupTensors } from "./tensor_groups.ts";
import { paragraph } from "../terminal/wrap.ts";

/** The `inspect` command. */
export const inspect: Command = command({
  name: "inspect",
  summary: "Print what a model or a draft head is made of, and the memory that it will take.",
  notes: ["Every tensor is checked as for loading; no weights are read and no library is needed."],
  positional: {
    name: "dir",
    value: "MODEL",
    summary: "the directory of a model or a head, or a GGUF file",
  },
  options: [
    {
      name: "context",
      type: "integer",
      value: "N",
      min: 2,
      summary: "Longest text in tokens to plan for; 4096 or the model's limit where absent",
    },
    KV_CACHE_OPTION,
    {
      name: "bandwidth",
      type: "number",
      value: "GB/S",
      min: 1e-3,
      summary: "Also print the least time of a forward at this read bandwidth",
    },
    JSON_OPTION,
  ],
  example: "inspect models/demo/target --context 2048",

  async run({ dir, context, bandwidth, json, "kv-cache": kvCache }, io) {
    const description = describeDirectory(dir, context, kvCache);
    const floorMs = bandwidth && description.forwardBytes / (bandwidth * 1e6);
    if (json) {
      const { tensors } = description;
      const all = { ...description, tensors: tensors.map(({ file: _, ...rest }) => rest) };
      await writeJson(io.stdout, snakeCase(floorMs === undefined ? all : { ...all, floorMs }));
    } else await io.stdout.write(inspectText(description, floorMs, tableColumns(io.stdout)));
    return 0;
  },
});

/** What families of heads are called. */
const FAMILY_NAMES: Readonly<Record<NonNullable<Description["family"]>, string>> = {
  eagle2: "EAGLE-2",
  eagle3: "EAGLE-3",
  dflash: "DFlash",
  dspark: "DSpark",
};

/** Of a head the tokens that it drafts, where they are not all; whether its model ties embeddings is not known. */
function showVocabulary({ kind, config, draftVocabSize, recentTokens }: Description): string {
  const { vocabSize, tiedEmbeddings } = config;
  if (kind === "model") return `${vocabSize}${tiedEmbeddings ? ", embeddings tied" : ""}`;
  return draftVocabSize === vocabSize
    ? `${vocabSize}`
    : `${vocabSize}, of which it drafts ${draftVocabSize}` +
      (recentTokens === undefined ? "" : `, and ${recentTokens} recent tokens`);
}

function inspectText(
  description: Description,
  floorMs: number | undefined,
  columns: number,
): string {
  const { config, memory } = description;
  const { heads, kvHeads, headDim, hiddenSize, intermediateSize, layers } = config;
  const special = Object.entries(description.specialTokens)
    .map(([role, tokens]) => `${role} ${tokens.map(showToken).join(" ")}`.trim());
  const facts = [
    [
      "kind",
      description.family ? `${FAMILY_NAMES[description.family]} draft head` : "model",
    ],
    ["architecture", config.architecture],
    ["parameters", `${(description.parameters / 1e6).toFixed(2)} million`],
    ["format", description.format ?? "not quantized"],
    ...showGguf(description),
    ["scheme", `${description.scheme}, activations ${description.dtype}`],
    ...showSchemes(description),
    ["layers", `${layers}, hidden size ${hiddenSize}, MLP ${intermediateSize}`],
    ["attention", `${heads} heads, ${kvHeads} for keys and values, width ${headDim}`],
    ["rope", showRope(config)],
    ["positions", `${config.maxPositions}`],
    ["vocabulary", showVocabulary(description)],
    ["special tokens", special.length === 0 ? "none" : special.join(", ")],
    ["chat template", description.chatTemplate ? "yes" : "no"],
  ];
  const groups = groupTensors(description.tensors).map((
    { name, count, dtype, shape, bytes },
  ): Cell[] => [
    name,
    `${count}`,
    dtype,
    [`[${shape.join(", ")}]`],
    `${bytes}`,
  ]);
  const tensors = table(
    groups,
    ["left", "right", "left", "left", "right"],
    ["tensor", "count", "dtype", "shape", "bytes"],
    columns,
  );
  const unused = groupUnused(description.unused).map(({ kind, name, file, count, matters }) => [
    `  ${kind}`,
    count === 1 ? name : `${name} (${count})`,
    file,
    matters ? description.kind === "head" ? "may propose worse" : "may change the output" : "",
  ]);
  const parts = [...memory.parts, { label: "total", bytes: memory.total }];
  const reads = `one forward reads ${megabytes(description.forwardBytes)}` +
    (description.kind === "head" ? ", the output projection of its model included" : "") +
    (floorMs === undefined ? "" : `: ${floorMs.toFixed(3)} ms at least`);
  return [
    table(facts, ["left", "left"], undefined, columns),
    tensors,
    paragraph(
      `${description.tensors.length} tensors, ${description.bytes} bytes ` +
        `(${megabytes(description.bytes)})`,
      columns,
    ),
    ...(unused.length === 0 ? [] : [
      "not used:\n" + table(unused, ["left", "left", "left", "left"], undefined, columns),
    ]),
    `memory at a context of ${memory.context}:\n` +
    table(
      parts.map(({ label, bytes }) => [`  ${label}`, megabytes(bytes)]),
      ["left", "right"],
      undefined,
      columns,
    ),
    paragraph(reads, columns),
  ].join("\n");
}

/** The same tensor of several layers is one row. */
function groupUnused(unused: Description["unused"]): (Unused & { readonly count: number })[] {
  const groups = new Map<string, Unused & { readonly count: number }>();
  for (const one of unused) {
    const name = one.kind === "tensor" ? layerPattern(one.name) : one.name;
    const key = `${one.kind} ${name} ${one.matters}`;
    const { count } = groups.get(key) ?? { count: 0 };
    groups.set(key, { ...one, ...(count > 0 && { name }), count: count + 1 });
  }
  return [...groups.values()];
}

/** What a GGUF file says of itself: the types of its matrices with their shares, and its parts. */
function showGguf({ gguf }: Description): [string, string][] {
  if (gguf === undefined) return [];
  const { version, files, name, tokenizer, types } = gguf;
  const all = types.reduce((sum, { elements }) => sum + elements, 0);
  const shares = types.toSorted((a, b) => b.elements - a.elements)
    .map(({ type, elements }) => `${type} ${(100 * elements / all).toFixed(1)}%`);
  return [
    ["", `version ${version}${files.length > 1 ? `, ${files.length} files` : ""}`],
    ["", shares.join(", ")],
    ...(files.length > 1 ? files.map((file): [string, string] => ["", file]) : []),
    ...(name === undefined ? [] : [["name", name] as [string, string]]),
    ...(tokenizer === undefined ? [] : [["tokenizer", tokenizer] as [string, string]]),
  ];
}

/** Where not all linear layers are stored alike: each group of layers with its scheme. */
function showSchemes({ schemes }: Description): [string, string][] {
  if (new Set(schemes.map(({ scheme }) => scheme)).size === 1) return [];
  return schemes.map(({ name, count, scheme }) => [
    "",
    `${name}${count > 1 ? ` (${count})` : ""}: ${scheme}`,
  ]);
}

function showToken({ id, text }: { readonly id: number; readonly text?: string }): string {
  return text === undefined ? `${id}` : `${id} ${JSON.stringify(text)}`;
}

function showRope({ ropeTheta, ropeScaling }: Description["config"]): string {
  if (ropeScaling === undefined) return `theta ${ropeTheta}`;
  if (ropeScaling.type === "factors") {
    const [least, most] = [Math.min, Math.max].map((of) => of(...ropeScaling.factors));
    return `theta ${ropeTheta}, frequencies divided by ${least} to ${most}`;
  }
  const { type, ...rest } = ropeScaling;
  const values = Object.entries(snakeCase(rest) as object).map(([key, value]) =>
    `${key.replaceAll("_", " ")} ${value}`
  );
  return `theta ${ropeTheta}, ${type} (${values.join(", ")})`;
}
