/**
 * Writes GGUF files for tests, byte by byte, whether they make sense or not.
 */

/** A metadata value with its type. */
export type Value =
  | readonly ["u8" | "i8" | "u16" | "i16" | "u32" | "i32" | "f32" | "f64", number]
  | readonly ["u64" | "i64", bigint]
  | readonly ["bool", boolean]
  | readonly ["string", string]
  | readonly ["list", readonly Value[]]
  | readonly ["raw", Uint8Array];

/** A tensor: its sizes innermost first, as the file has them. */
export interface Tensor {
  readonly name: string;
  readonly sizes: readonly (number | bigint)[];
  readonly type: number;
  /** Behind the start of the data; where the last one ended, rounded up, where absent. */
  readonly offset?: number | bigint;
  /** What follows at its place; zeros where absent. */
  readonly bytes: number;
}

/** What to write; what is absent is as it should be. */
export interface Parts {
  readonly magic?: string;
  readonly version?: number;
  readonly counts?: readonly [tensors: bigint, entries: bigint];
  readonly metadata?: readonly (readonly [string, Value])[];
  readonly tensors?: readonly Tensor[];
  readonly alignment?: number;
  /** Bytes left out at the end. */
  readonly cut?: number;
}

const NUMBERS = {
  u8: [0, 1, "setUint8"],
  i8: [1, 1, "setInt8"],
  u16: [2, 2, "setUint16"],
  i16: [3, 2, "setInt16"],
  u32: [4, 4, "setUint32"],
  i32: [5, 4, "setInt32"],
  f32: [6, 4, "setFloat32"],
  f64: [12, 8, "setFloat64"],
} as const;

/** Bytes, one behind another. */
export class Bytes {
  readonly #parts: Uint8Array[] = [];
  length = 0;

  add(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.length += bytes.length;
    return this;
  }

  u32(value: number): this {
    return this.#number(4, (view) => view.setUint32(0, value, true));
  }

  u64(value: bigint | number): this {
    return this.#number(8, (view) => view.setBigUint64(0, BigInt(value), true));
  }

  string(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u64(bytes.length).add(bytes);
  }

  value(value: Value): this {
    return this.u32(typeOf(value)).content(value);
  }

  content([type, value]: Value): this {
    if (type === "raw") return this.add(value.subarray(1));
    if (type === "string") return this.string(value);
    if (type === "bool") return this.add(Uint8Array.of(value ? 1 : 0));
    if (type === "u64" || type === "i64") return this.u64(BigInt.asUintN(64, value));
    if (type === "list") {
      this.u32(value.length === 0 ? 4 : typeOf(value[0])).u64(value.length);
      value.forEach((one) => this.content(one));
      return this;
    }
    const [, size, set] = NUMBERS[type];
    return this.#number(size, (view) => view[set](0, Number(value), true));
  }

  pad(multiple: number): this {
    return this.add(new Uint8Array((multiple - this.length % multiple) % multiple));
  }

  whole(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  #number(size: number, set: (view: DataView) => void): this {
    const bytes = new Uint8Array(size);
    set(new DataView(bytes.buffer));
    return this.add(bytes);
  }
}

function typeOf([type, value]: Value): number {
  switch (type) {
    case "raw":
      // Its first byte; what it holds are the others.
      return value[0];
    case "string":
      return 8;
    case "bool":
      return 7;
    case "list":
      return 9;
    case "u64":
      return 10;
    case "i64":
      return 11;
    default:
      return NUMBERS[type][0];
  }
}

/** A file of these parts. */
export function ggufBytes(parts: Parts): Uint8Array<ArrayBuffer> {
  const { metadata = [], tensors = [], alignment = 32 } = parts;
  const [tensorCount, entryCount] = parts.counts ?? [tensors.length, metadata.length];
  const header = new Bytes().add(new TextEncoder().encode(parts.magic ?? "GGUF"))
    .u32(parts.version ?? 3).u64(tensorCount).u64(entryCount);
  for (const [key, value] of metadata) header.string(key).value(value);
  const data = new Bytes();
  for (const { name, sizes, type, offset, bytes } of tensors) {
    data.pad(alignment);
    header.string(name).u32(sizes.length);
    sizes.forEach((size) => header.u64(size));
    header.u32(type).u64(offset ?? data.length);
    data.add(new Uint8Array(bytes));
  }
  const whole = header.pad(alignment).add(data.whole()).whole();
  return whole.slice(0, whole.length - (parts.cut ?? 0));
}

/** The metadata of a tiny model of architecture llama, with other entries instead of those of the same key. */
export function llamaMetadata(
  changes: Readonly<Record<string, Value | undefined>> = {},
): (readonly [string, Value])[] {
  const all: Record<string, Value | undefined> = {
    "general.architecture": ["string", "llama"],
    "llama.block_count": ["u32", 1],
    "llama.context_length": ["u32", 64],
    "llama.embedding_length": ["u32", 32],
    "llama.feed_forward_length": ["u32", 32],
    "llama.attention.head_count": ["u32", 2],
    "llama.attention.head_count_kv": ["u32", 1],
    "llama.attention.layer_norm_rms_epsilon": ["f32", 1e-5],
    "tokenizer.ggml.eos_token_id": ["u32", 2],
    ...changes,
  };
  return Object.entries(all).filter((entry): entry is [string, Value] => entry[1] !== undefined);
}

/** The tensors of that model in F32, with others instead of those of the same name. */
export function llamaTensors(
  changes: Readonly<Record<string, Partial<Tensor> | undefined>> = {},
): Tensor[] {
  const shapes: Record<string, readonly number[]> = {
    "token_embd.weight": [32, 8],
    "blk.0.attn_norm.weight": [32],
    "blk.0.attn_q.weight": [32, 32],
    "blk.0.attn_k.weight": [32, 16],
    "blk.0.attn_v.weight": [32, 16],
    "blk.0.attn_output.weight": [32, 32],
    "blk.0.ffn_norm.weight": [32],
    "blk.0.ffn_gate.weight": [32, 32],
    "blk.0.ffn_up.weight": [32, 32],
    "blk.0.ffn_down.weight": [32, 32],
    "output_norm.weight": [32],
  };
  for (const name of Object.keys(changes)) shapes[name] ??= [32];
  return Object.entries(shapes).filter(([name]) =>
    !(name in changes && changes[name] === undefined)
  )
    .map(([name, sizes]) => ({
      name,
      sizes,
      type: 0,
      bytes: 4 * sizes.reduce((product, size) => product * size, 1),
      ...changes[name],
    }));
}

/** Runs `use` in a directory with these files. */
export function withFiles(
  files: Readonly<Record<string, Uint8Array>>,
  use: (dir: string) => void,
): void {
  const dir = Deno.makeTempDirSync();
  try {
    for (const [name, bytes] of Object.entries(files)) Deno.writeFileSync(`${dir}/${name}`, bytes);
    use(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}
