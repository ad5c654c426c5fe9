/**
 * The values that the restricted unpickler builds. None of them is executable.
 *
 * @module
 */
import type { DType } from "../../base/dtype.ts";

/** A Python tuple. */
export class Tuple {
  /** Its items. */
  readonly items: readonly unknown[];

  /** Wraps the items. */
  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** A name that the pickle may use; a marker, never a function. */
export class Global {
  /** Module and name, such as `torch.HalfStorage`. */
  readonly name: string;

  /** Makes the marker. */
  constructor(name: string) {
    this.name = name;
  }
}

/** A Python dict or OrderedDict. */
export class Dict {
  /** Its entries, in order. Keys are compared by value for strings and numbers. */
  readonly entries: Map<unknown, unknown> = new Map();
  /** Whether it is an OrderedDict. */
  readonly ordered: boolean;

  /** Makes an empty dict. */
  constructor(ordered: boolean) {
    this.ordered = ordered;
  }
}

/** A reference to a storage of the archive. */
export class StorageRef {
  /** Name of its entry under `data/`. */
  readonly key: string;
  /** Element type. */
  readonly dtype: DType;
  /** Number of elements. */
  readonly length: number;

  /** Makes the reference. */
  constructor(key: string, dtype: DType, length: number) {
    this.key = key;
    this.dtype = dtype;
    this.length = length;
  }
}

/** A strided tensor over a storage; offset and strides count elements. */
export class TensorRef {
  /** The storage. */
  readonly storage: StorageRef;
  /** First element. */
  readonly offset: number;
  /** Shape. */
  readonly shape: readonly number[];
  /** Elements between neighbours of each dimension. */
  readonly strides: readonly number[];

  /** Makes the tensor. */
  constructor(
    storage: StorageRef,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** Storage classes of PyTorch and their dtypes. */
export const STORAGES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["torch.DoubleStorage", "f64"],
  ["torch.FloatStorage", "f32"],
  ["torch.HalfStorage", "f16"],
  ["torch.BFloat16Storage", "bf16"],
  ["torch.LongStorage", "i64"],
  ["torch.IntStorage", "i32"],
  ["torch.ShortStorage", "i16"],
  ["torch.CharStorage", "i8"],
  ["torch.ByteStorage", "u8"],
  ["torch.BoolStorage", "bool"],
  ["torch.ComplexFloatStorage", "c64"],
]);

/** Every global that a checkpoint may name. */
export const GLOBALS: ReadonlySet<string> = new Set([
  ...STORAGES.keys(),
  "collections.OrderedDict",
  "torch._utils._rebuild_tensor_v2",
  "torch._utils._rebuild_parameter",
]);

/** A short word for a value, for messages. */
export function describe(value: unknown): string {
  if (value === null) return "None";
  if (value instanceof Tuple) return `a tuple of ${value.items.length}`;
  if (value instanceof Dict) return "a dict";
  if (value instanceof Global) return value.name;
  if (value instanceof StorageRef) return "a storage";
  if (value instanceof TensorRef) return "a tensor";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return `the string ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === "number" || typeof value === "bigint") return `the number ${value}`;
  return value instanceof Uint8Array ? "bytes" : `${value}`;
}
