/**
 * Feeds mutated files to the readers: each returns or throws a CheckpointError, soon.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { CheckpointError } from "../../src/base/errors.ts";
import { pickleSource } from "../../src/checkpoint/containers/pickle.ts";
import { memoryReader, readAt } from "../../src/base/reader.ts";
import { readHeader } from "../../src/checkpoint/containers/safetensors.ts";
import { fileSource, type TensorSource } from "../../src/checkpoint/containers/source.ts";
import { readZip } from "../../src/checkpoint/containers/zip.ts";
import { random as seeded } from "../random.ts";
import { makeZip } from "./zip.ts";

const HEADERS = 10_000;
const PICKLES = 2_000;
/** One input must never take longer than this; usual is well below a millisecond. */
const SLOWEST_MS = 2_000;

type Random = () => number;
const below = (random: Random, limit: number) => Math.floor(random() * limit);
const pick = <T>(random: Random, list: readonly T[]) => list[below(random, list.length)];

/** Numbers that break careless arithmetic. */
const NUMBERS = [
  "0",
  "-1",
  "1e999",
  "1e300",
  "0.5",
  "2147483648",
  "4294967296",
  "9007199254740993",
];

/** Flips, inserts, removes, repeats or cuts bytes. */
function mutateBytes(random: Random, input: Uint8Array): Uint8Array<ArrayBuffer> {
  let bytes = [...input];
  for (let times = 1 + below(random, 4); times > 0; times--) {
    const at = below(random, bytes.length);
    const kind = below(random, 6);
    if (kind === 0) bytes[at] ^= 1 << below(random, 8);
    else if (kind === 1) bytes[at] = below(random, 256);
    else if (kind === 2) bytes.splice(at, 0, below(random, 256), below(random, 256));
    else if (kind === 3) bytes.splice(at, 1 + below(random, 8));
    else if (kind === 4) bytes.splice(at, 0, ...bytes.slice(at, at + below(random, 40)));
    else bytes = bytes.slice(0, random() < 0.3 ? at : bytes.length);
    if (bytes.length === 0) break;
  }
  return Uint8Array.from(bytes);
}

/** Changes a number, key or value of the header's text, and sometimes nothing that matters. */
function mutateJson(random: Random, text: string): string {
  const kind = below(random, 7);
  if (kind === 0) {
    const spots = [...text.matchAll(/-?\d+/g)];
    const { index, 0: number } = pick(random, spots);
    const value = random() < 0.5
      ? pick(random, NUMBERS)
      : `${Number(number) + below(random, 5) - 2}`;
    return text.slice(0, index) + value + text.slice(index + number.length);
  }
  if (kind === 1) {
    const words = ["shape", "dtype", "data_offsets", "F16", "F32", "__metadata__", "w"];
    return text.replace(pick(random, words), pick(random, [...words, "__proto__", "toString"]));
  }
  if (kind === 2) {
    return text.replace(/\[[^[\]]*\]/, pick(random, ["[]", "{}", "null", "[[1]]", "3"]));
  }
  if (kind === 3) return text.replace("{", `{"extra":${"[".repeat(below(random, 2000))}`);
  if (kind === 4) return text + " ".repeat(below(random, 20));
  if (kind === 5) return text.replaceAll(",", pick(random, [", ", ",\n", ",,"]));
  const json = JSON.parse(text);
  const names = Object.keys(json);
  const [a, b] = [pick(random, names), pick(random, names)];
  return JSON.stringify({ ...json, [a]: json[b], [b]: json[a] });
}

/** Runs `read` and tells whether it returned; anything thrown but a CheckpointError is a failure. */
function survives(read: () => void, input: Uint8Array, label: string): boolean {
  const start = performance.now();
  let returned = true;
  try {
    read();
  } catch (error) {
    returned = false;
    if (!(error instanceof CheckpointError)) {
      const shown = JSON.stringify(new TextDecoder("latin1").decode(input.subarray(0, 4000)));
      throw new Error(`${label} threw ${error} for ${shown}`, { cause: error });
    }
  }
  const took = performance.now() - start;
  assert(took < SLOWEST_MS, `${label} took ${took} ms, expected less than ${SLOWEST_MS}`);
  return returned;
}

/** Reads every tensor, so that a header that was accepted is also honest. */
function readAll(source: TensorSource): void {
  for (const name of source.names()) {
    assertEquals(source.read(name).length, source.info(name).bytes);
  }
}

function report(what: string, outcomes: readonly boolean[]): void {
  const returned = outcomes.filter((outcome) => outcome).length;
  console.log(`${what}: ${outcomes.length - returned} refused, ${returned} read`);
  assert(returned > 0, "no mutation was accepted: the seeds are broken");
  assert(returned < outcomes.length, "no mutation was refused");
}

Deno.test(`fuzz: ${HEADERS} mutated safetensors headers`, () => {
  const random = seeded(20250522);
  const size = 96;
  const text = JSON.stringify({
    __metadata__: { format: "pt" },
    "model.w": { dtype: "F16", shape: [4, 8], data_offsets: [0, 64] },
    "b": { dtype: "F32", shape: [6], data_offsets: [64, 88] },
    "none": { dtype: "I8", shape: [0, 7], data_offsets: [88, 88] },
    "flags": { dtype: "BOOL", shape: [2, 2, 2], data_offsets: [88, 96] },
  });
  const outcomes: boolean[] = [];
  for (let i = 0; i < HEADERS; i++) {
    const mutated = random() < 0.5 ? mutateJson(random, text) : text;
    let header = new TextEncoder().encode(mutated);
    if (mutated === text || random() < 0.2) header = mutateBytes(random, header);
    const file = new Uint8Array(8 + header.length + size);
    new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
    file.set(header, 8);
    // One in eight: the length or the file's end lies too.
    const lying = random() < 0.125;
    if (lying) file[below(random, 8)] ^= 1 << below(random, 8);
    const whole = random() < 0.9 ? file : file.subarray(0, below(random, file.length));
    outcomes.push(survives(
      () => {
        const reader = memoryReader(whole, "fuzz.safetensors");
        readAll(fileSource(reader, readHeader(reader).tensors));
      },
      whole,
      `header ${i}`,
    ));
  }
  report("safetensors headers", outcomes);
});

Deno.test(`fuzz: ${PICKLES} mutated pickles`, () => {
  const random = seeded(1950);
  const seeds = ["plain.bin", "protocol4.pt", "module.bin"].map((name) => {
    const whole = Deno.readFileSync(new URL(`../data/${name}`, import.meta.url));
    const reader = memoryReader(whole, name);
    const entries = [...readZip(reader).values()].map((entry) =>
      [entry.name, readAt(reader, entry.position, entry.size)] as const
    );
    return { whole, entries: new Map(entries) };
  });
  const outcomes: boolean[] = [];
  for (let i = 0; i < PICKLES; i++) {
    const { whole, entries } = pick(random, seeds);
    let file: Uint8Array;
    if (random() < 0.25) {
      file = mutateBytes(random, whole); // the archive itself
    } else {
      const changed = new Map(entries); // the pickle in a sound archive
      const key = [...entries.keys()].find((name) => name.endsWith("data.pkl"))!;
      changed.set(key, mutateBytes(random, entries.get(key)!));
      file = makeZip(changed, { zip64: random() < 0.2 });
    }
    outcomes.push(
      survives(() => readAll(pickleSource(memoryReader(file, "fuzz.bin"))), file, `pickle ${i}`),
    );
  }
  report("pickles", outcomes);
});
