/**
 * What the few allowed globals mean when a pickle "calls" them: plain data in, plain data out.
 *
 * @module
 */
import { describe, Dict, Global, StorageRef, STORAGES, TensorRef, Tuple } from "./pickle_values.ts";

/** More than any real tensor has. */
const MAX_DIMENSIONS = 64;

/** Reports what is wrong, with the position of the opcode; never returns. */
export type Fail = (message: string) => never;

/** The value of `callable(*args)`. */
export function rebuild(callable: unknown, args: unknown, fail: Fail): unknown {
  if (!(callable instanceof Global) || !(args instanceof Tuple)) {
    return fail(`it calls ${describe(callable)} with ${describe(args)}`);
  }
  const { items } = args;
  switch (callable.name) {
    case "collections.OrderedDict":
      // PyTorch fills it by SETITEMS afterwards. Arguments are refused: one long list, used again and
      // again, would cost far more time than the pickle has bytes. Hence too the limit of MAX_DIMENSIONS.
      return items.length === 0
        ? new Dict(true)
        : fail("OrderedDict gets arguments, expected none");
    case "torch._utils._rebuild_tensor_v2":
      return tensor(items, fail);
    case "torch._utils._rebuild_parameter":
      if (items[0] instanceof TensorRef) return items[0];
      return fail(`_rebuild_parameter gets ${describe(items[0])}, expected a tensor`);
    default:
      return fail(`it calls ${callable.name}, which is no function`);
  }
}

/** The storage that a persistent id names: ("storage", class, key, location, length). */
export function storage(id: unknown, fail: Fail): StorageRef {
  if (!(id instanceof Tuple) || id.items.length < 5 || id.items[0] !== "storage") {
    return fail(`the persistent id is ${describe(id)}, expected that of a storage`);
  }
  const [, type, key, , length] = id.items;
  const dtype = type instanceof Global ? STORAGES.get(type.name) : undefined;
  if (dtype === undefined) return fail(`the storage's class is ${describe(type)}`);
  if (typeof key !== "string") return fail(`the storage's key is ${describe(key)}`);
  if (!isSize(length)) return fail(`the storage's length is ${describe(length)}`);
  return new StorageRef(key, dtype, length);
}

/** Sets `dict[key]`; keys are strings or numbers. */
export function setItem(dict: Dict, key: unknown, value: unknown, fail: Fail): void {
  if (typeof key !== "string" && typeof key !== "number") fail(`a dict key is ${describe(key)}`);
  dict.entries.set(key, value);
}

function tensor(items: readonly unknown[], fail: Fail): TensorRef {
  const [base, offset, shape, strides] = items;
  if (!(base instanceof StorageRef)) return fail(`a tensor's storage is ${describe(base)}`);
  if (!isSize(offset)) return fail(`a tensor's offset is ${describe(offset)}`);
  const sizes = list(shape, "shape", fail);
  const steps = list(strides, "stride", fail);
  if (sizes.length !== steps.length) {
    return fail(`a tensor has ${sizes.length} sizes and ${steps.length} strides`);
  }
  return new TensorRef(base, offset, sizes, steps);
}

function list(value: unknown, what: string, fail: Fail): readonly number[] {
  const items = value instanceof Tuple ? value.items : value;
  if (!Array.isArray(items) || items.length > MAX_DIMENSIONS || !items.every(isSize)) {
    return fail(`a tensor's ${what} is ${describe(value)}, expected sizes`);
  }
  return items;
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
