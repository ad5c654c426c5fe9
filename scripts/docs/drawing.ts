/**
 * Draws the architecture, `docs/architecture.svg`, from the floors that `scripts/floors.ts` checks:
 *
 *     deno run -A scripts/docs/drawing.ts
 *
 * A folder that is on a floor and has no words here is an error, so that the drawing goes with the code.
 *
 * @module
 */
import { BESIDE, FLOORS, SEE_FFI } from "../floors.ts";
import { root } from "../native/run.ts";
import { escapeHtml } from "./page.ts";

/** Where the drawing lies in the repository. */
export const DRAWING = "docs/architecture.svg";

/** What each folder of `src` is for. */
const WORDS: Readonly<Record<string, string>> = {
  base: "errors, dtypes, shapes",
  ffi: "opens a library, calls symbols",
  device: "memory, tensors, graphs",
  ops: "a typed wrapper for each op",
  quant: "schemes: packed linear layers",
  model: "layers, KV caches, forwards",
  speculation: "drafters, rounds, policy",
  engine: "generate, sessions, slots",
  quantize: "writes quantized models",
  eval: "benchmarks, reports",
  server: "OpenAI's API, playground",
  cli: "one file a command",
  gguf: "GGUF's headers and tensors",
  checkpoint: "files, configs, formats",
  grammar: "schemas, EBNF, patterns",
  hub: "fetches from Hugging Face",
  text: "tokenizers, chat templates",
};

/** The libraries, left to right, and what each is. */
const LIBRARIES: readonly (readonly [name: string, words: string])[] = [
  ["libspecmquant.so", "CUDA kernels: cuda/ops, cuda/gemm"],
  ["libspecmquant_cpu.so", "the twin: cuda/cpu, the same ABI in C++"],
];

/** Pixels. */
const [WIDTH, ROW, BOX, GAP] = [920, 62, 50, 12];

/** The columns: what lies beside the tower, and the tower. */
const [ASIDE, TOWER] = [{ x: 16, width: 276 }, { x: 320, width: 584 }];

const TOP = 44;

const words = (name: string): string => {
  const found = WORDS[name];
  if (found === undefined) {
    throw new Error(`there are no words for src/${name}, expected some here`);
  }
  return found;
};

/** The floor of each folder beside the tower: that of the lowest that sees it, below those of others beside that do; one each. */
function besideFloors(): ReadonlyMap<string, number> {
  const floorOf = (name: string): number => {
    const level = FLOORS.findIndex((floor) => floor.includes(name));
    if (level >= 0) return level;
    const seen = BESIDE[name].map((seer) => seer in BESIDE ? floorOf(seer) - 1 : floorOf(seer));
    return Math.min(...seen);
  };
  const taken = new Map<number, string>();
  for (const name of Object.keys(BESIDE).sort((a, b) => floorOf(a) - floorOf(b))) {
    let level = floorOf(name);
    while (taken.has(level)) level++;
    taken.set(level, name);
  }
  return new Map([...taken].map(([level, name]) => [name, level]));
}

/** Who sees a folder beside the tower, for people: floors above one another that all do are "NAME and above". */
function seers(name: string): string {
  const all = BESIDE[name];
  const isWhole = (level: number) => FLOORS.slice(level).flat().every((one) => all.includes(one));
  const from = FLOORS.findIndex((_, level) => isWhole(level));
  const above = from < 0 || from === FLOORS.length - 1 ? [] : FLOORS.slice(from).flat();
  const others = all.filter((one) => !above.includes(one));
  const whole = above.length > 0 ? [`${FLOORS[from][0]} and above`] : [];
  return `seen by ${[...others, ...whole].join(", ")}`;
}

function box(x: number, y: number, width: number, name: string, more: string, kind = ""): string {
  return `<g class="${
    `box ${kind}`.trim()
  }"><rect x="${x}" y="${y}" width="${width}" height="${BOX}" rx="8"/>` +
    `<text x="${x + 12}" y="${y + 21}" class="name">${escapeHtml(name)}</text>` +
    `<text x="${x + 12}" y="${y + 39}">${escapeHtml(more)}</text></g>`;
}

/** The box of a folder beside the tower. */
function aside(y: number, name: string): string {
  const x = ASIDE.x + 12;
  return `<g class="aside"><rect x="${ASIDE.x}" y="${y}" width="${ASIDE.width}" height="${BOX}" rx="8"/>` +
    `<text x="${x}" y="${y + 21}"><tspan class="name">${name}</tspan> ${
      escapeHtml(words(name))
    }</text>` +
    `<text x="${x}" y="${y + 39}" class="note">${escapeHtml(seers(name))}</text></g>`;
}

/** Boxes that share the tower's width. */
function row(
  y: number,
  names: readonly string[],
  of: (name: string) => string,
  kind = "",
): string[] {
  const width = (TOWER.width - GAP * (names.length - 1)) / names.length;
  return names.map((name, i) => box(TOWER.x + i * (width + GAP), y, width, name, of(name), kind));
}

/** The drawing in words, for who does not see it. */
function description(): string {
  const floors = FLOORS.map((floor) =>
    floor.map((name) => `${name} (${words(name)})`).join(" and ")
  );
  const beside = Object.keys(BESIDE).map((name) => `${name} (${words(name)}), ${seers(name)}`);
  return `Folders of src as floors, lowest first: ${floors.join("; ")}. Beside them: ${
    beside.join("; ")
  }. Only ${SEE_FFI.join(" and ")} see ffi, which calls the C ABI; two libraries have it: ${
    LIBRARIES.map(([name, more]) => `${name} (${more})`).join(" and ")
  }.`;
}

/** The whole drawing, as SVG. */
export function drawing(): string {
  const yOf = (level: number) => TOP + (FLOORS.length - 1 - level) * ROW;
  const bottom = TOP + FLOORS.length * ROW;
  const height = bottom + 2 * ROW + 16;
  const beside = [...besideFloors()].map(([name, level]) => aside(yOf(level), name));
  const ffi = FLOORS.findIndex((floor) => floor.includes("ffi"));
  const x = TOWER.x + TOWER.width / 2;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title words">
<title id="title">The architecture</title>
<desc id="words">${escapeHtml(description())}</desc>
<style>
svg { --paper: #ffffff; --ink: #1d2128; --soft: #545d6b; --tower: #e7effb; --aside: #eef3e6; --native: #f8ecd9; --line: #b9c3d3; }
@media (prefers-color-scheme: dark) {
svg { --paper: #16181d; --ink: #dfe3ea; --soft: #a4adbb; --tower: #1f2b3d; --aside: #253021; --native: #382d1c; --line: #4a5566; }
}
.paper { fill: var(--paper); }
text { font: 12.5px system-ui, sans-serif; fill: var(--soft); }
.name { font: 600 15px ui-monospace, monospace; fill: var(--ink); }
.note { font-size: 11px; }
.head { font-weight: 600; fill: var(--ink); }
rect { stroke: var(--line); fill: var(--tower); }
.aside rect { fill: var(--aside); }
.native rect { fill: var(--native); }
rect.paper { stroke: none; fill: var(--paper); }
line, path { stroke: var(--soft); fill: none; stroke-width: 1.5; }
</style>
<rect class="paper" width="${WIDTH}" height="${height}"/>
<text x="${ASIDE.x}" y="26" class="head">beside the tower</text>
<text x="${TOWER.x}" y="26" class="head">floors of src: an import goes down, never up or sideways</text>
${FLOORS.flatMap((floor, level) => row(yOf(level), floor, words)).join("\n")}
${beside.join("\n")}
<path d="M ${TOWER.x} ${yOf(ffi) + BOX / 2} h -14 V ${bottom + BOX / 2} h 14"/>
${
    box(
      TOWER.x,
      bottom,
      TOWER.width,
      "cuda/include/specmquant.h",
      `the C ABI; ${SEE_FFI.join(" and ")} call it through ffi, nobody else`,
      "native",
    )
  }
<line x1="${x}" y1="${bottom + BOX}" x2="${x}" y2="${bottom + ROW}"/>
${
    row(
      bottom + ROW,
      LIBRARIES.map(([name]) => name),
      (name) => new Map(LIBRARIES).get(name)!,
      "native",
    ).join("\n")
  }
</svg>
`;
}

if (import.meta.main) Deno.writeTextFileSync(root + DRAWING, drawing());
