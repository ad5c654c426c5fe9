/**
 * How long single products take at the shapes of Llama-3 8B, by how their weights are stored and by rows, and the
 * share of the read ceiling of the same run that their weights come to.
 *
 *     deno run -A bench/products.ts [--rows 1,10,30,60,512] [--forms a,b] [--dtype f16] [--runs 20] [--json FILE]
 *
 * A graph holds the products of one shape with distinct weights of a gigabyte, so that none of them is in a cache.
 * Weights are random bytes: what they say costs nothing. Prints microseconds a product and the share.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { Arena, Device, rows, type Tensor } from "../src/device/mod.ts";
import {
  gemmW4A16,
  gemmW8A16,
  gemmW8A16Group,
  w4a16Bytes,
  w8Bytes,
  w8GroupBytes,
  type Zeros,
} from "../src/ops/mod.ts";
import { measureRead } from "../src/cli/commands/bench/ceilings.ts";
import { timeCaptured } from "../src/cli/commands/bench/timing.ts";

/** Outputs and inputs: of q and o, of gate and up, of down, of the output projection. */
const SHAPES = [[4096, 4096], [28672, 4096], [4096, 14336], [128256, 4096]] as const;

interface Size {
  readonly n: number;
  readonly k: number;
}

/** How weights are stored: the bytes of one, and its product. */
interface Form {
  bytes(size: Size): number;
  queue(y: Tensor, x: Tensor, w: Tensor<"u8">, size: Size): void;
}

const device = Device.open();
const markdown = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

function fourBits(group: number, zeros: Zeros): Form {
  return {
    bytes: ({ n, k }) => w4a16Bytes(device, n, k, group, zeros),
    queue: (y, x, w, size) => gemmW4A16(device, y, x, w, { ...size, group, zeros }),
  };
}

function eightBits(group: number, offsets: boolean): Form {
  return {
    bytes: (size) => w8GroupBytes(device, { ...size, group, offsets }),
    queue: (y, x, w, size) => gemmW8A16Group(device, y, x, w, { ...size, group, offsets }),
  };
}

/** By name; in brackets GGUF's types that come to it. */
const FORMS: Record<string, Form> = {
  "w4a16-g128": fourBits(128, "none"),
  "w4a16-g32 (Q4_0)": fourBits(32, "none"),
  "w4a16-g32 offsets (Q4_1, Q4_K)": fourBits(32, "offsets"),
  "w8a16": {
    bytes: ({ n, k }) => w8Bytes(device, n, k),
    queue: (y, x, w, size) => gemmW8A16(device, y, x, w, size),
  },
  "w8a16-g32 (Q5_0, Q8_0)": eightBits(32, false),
  "w8a16-g32 offsets (Q5_1, Q5_K)": eightBits(32, true),
  "w8a16-g16 (Q6_K)": eightBits(16, false),
};

const args = parseArgs(Deno.args, {
  string: ["rows", "forms", "dtype", "runs", "json"],
  default: { rows: "1,10,30,60,512", forms: "", dtype: "f16", runs: "20" },
});
const counts = args.rows.split(",").map(Number);
const wanted = args.forms.split(",");
const dtype = args.dtype === "bf16" ? "bf16" : "f16";
/** Bytes of all weights of a graph: some times a cache. */
const BYTES = device.backend === "cuda" ? 2 ** 30 : 2 ** 28;

using arena = new Arena(device, "products");
const memory = arena.allocate("u8", [BYTES]);
const block = new Uint32Array(2 ** 22);
let state = 0x9e3779b9;
for (let i = 0; i < block.length; i++) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  block[i] = state;
}
for (let at = 0; at < BYTES; at += block.byteLength) {
  device.upload(rows(memory, at, at + block.byteLength), block);
}

const read = measureRead(device, Number(args.runs));
const ceiling = read.bytes / read.samples.median / 1e6;
console.log(`read ceiling: ${ceiling.toFixed(0)} GB/s`);

const lines: string[][] = [];
const figures: Record<string, unknown>[] = [];
for (const [name, form] of Object.entries(FORMS)) {
  if (!wanted.some((start) => name.startsWith(start))) continue;
  for (const [n, k] of SHAPES) {
    const bytes = form.bytes({ n, k });
    const step = Math.ceil(bytes / 256) * 256;
    const weights = Array.from(
      { length: Math.max(1, Math.floor(BYTES / step)) },
      (_, i) => rows(memory, i * step, i * step + bytes),
    );
    const line = [name, `${n} x ${k}`];
    for (const m of counts) {
      using buffers = new Arena(device, "rows");
      const x = buffers.allocate(dtype, [m, k]);
      // Numbers of 1 to 2 in size, of either sign.
      const exponent = dtype === "f16" ? 0x83ff83ff : 0x807f807f;
      const base = dtype === "f16" ? 0x3c003c00 : 0x3f803f80;
      device.upload(
        x,
        Uint32Array.from({ length: m * k / 2 }, (_, i) => {
          return (block[i % block.length] & exponent | base) >>> 0;
        }),
      );
      const y = buffers.allocate(dtype, [m, n]);
      const samples = timeCaptured(device, Number(args.runs), () => {
        for (const w of weights) form.queue(y, x, w, { n, k });
      });
      const microseconds = samples.median * 1000 / weights.length;
      const share = bytes / microseconds / 1e3 / ceiling;
      line.push(`${microseconds.toFixed(1)} (${(share * 100).toFixed(0)}%)`);
      figures.push({ name, n, k, m, dtype, bytes, microseconds, share });
    }
    lines.push(line);
    console.log(markdown(line));
  }
}
const header = ["weights", "shape", ...counts.map((m) => m === 1 ? "1 row" : `${m} rows`)];
console.log("\n" + [header, header.map(() => "---"), ...lines].map(markdown).join("\n"));
if (args.json) {
  Deno.writeTextFileSync(
    args.json,
    JSON.stringify({ device: device.name, ceiling, figures }, null, 1) + "\n",
  );
}
