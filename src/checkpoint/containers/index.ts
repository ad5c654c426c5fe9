/**
 * Checkpoints split into shards, described by an index file.
 *
 * @module
 */
import { CheckpointError } from "../../base/errors.ts";
import { Fields, readJson, show } from "./json.ts";
import { openPickle } from "./pickle.ts";
import { openSafetensors } from "./safetensors.ts";
import { sourceOf, type TensorSource } from "./source.ts";

/**
 * Opens every shard that `indexFile` (a file of `dir`, such as `model.safetensors.index.json`) names. The tensors are
 * those of all shards, as in transformers: the `weight_map` says no more than which shards there are, and which of
 * them counts where several hold a tensor. A name that its shard does not hold is not there.
 */
export function openIndexed(dir: string, indexFile: string): TensorSource {
  const file = `${dir}/${indexFile}`;
  const map = new Fields(file, readJson(file)).fields("weight_map");
  if (map === undefined) throw new CheckpointError(file, `key "weight_map" is missing`);
  const shards = new Map<string, TensorSource>();
  const close = () => shards.forEach((shard) => shard[Symbol.dispose]());
  try {
    const named = new Map<string, string>();
    for (const [name, shard] of Object.entries(map.object)) {
      named.set(name, openShard(dir, file, name, shard, shards));
    }
    const owners = ownersOf(named, shards);
    return sourceOf({
      file,
      names: () => [...owners.keys()],
      find: (name) => owners.get(name)?.find(name),
      fill: ({ name }, offset, into) => owners.get(name)!.readInto(name, offset, into),
      place: ({ name }) => owners.get(name)!.place(name),
      why: (name) => named.has(name) ? `shard ${named.get(name)} does not hold it` : undefined,
      close,
    });
  } catch (error) {
    close();
    throw error;
  }
}

/** Which shard holds each tensor: those that the index names in its order, then the others. */
function ownersOf(
  named: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, TensorSource>,
): Map<string, TensorSource> {
  const owners = new Map<string, TensorSource>();
  for (const [name, shardFile] of named) {
    const shard = shards.get(shardFile)!;
    if (shard.find(name) !== undefined) owners.set(name, shard);
  }
  for (const shard of shards.values()) {
    for (const name of shard.names()) if (!owners.has(name)) owners.set(name, shard);
  }
  return owners;
}

/** Opens the shard that is to hold the tensor `name`, once, and returns its name. */
function openShard(
  dir: string,
  file: string,
  name: string,
  shardFile: unknown,
  shards: Map<string, TensorSource>,
): string {
  if (typeof shardFile !== "string" || !isShardName(shardFile)) {
    throw new CheckpointError(
      file,
      `its shard is ${show(shardFile)}, expected the name of a .safetensors, .bin or .pt file in ` +
        "this directory or in one below",
      name,
    );
  }
  if (shards.has(shardFile)) return shardFile;
  const path = `${dir}/${shardFile}`;
  try {
    const open = shardFile.endsWith(".safetensors") ? openSafetensors : openPickle;
    shards.set(shardFile, open(path));
  } catch (cause) {
    if (!(cause instanceof CheckpointError)) throw cause;
    const reason = `shard ${shardFile} is unusable. ${cause.message}`;
    throw new CheckpointError(file, reason, name, { cause });
  }
  return shardFile;
}

/** Whether a name stays within the directory: plain names with "/" between them, none of dots alone. */
function isShardName(name: string): boolean {
  return /^[^\\\0]+\.(safetensors|bin|pt)$/.test(name) &&
    name.split("/").every((part) => !/^\.*$/.test(part));
}
