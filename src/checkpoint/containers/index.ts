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
 * Opens every shard that `indexFile` (a file of `dir`, such as `model.safetensors.index.json`) names. The
 * tensors are those of its `weight_map`; each must be in its shard.
 */
export function openIndexed(dir: string, indexFile: string): TensorSource {
  const file = `${dir}/${indexFile}`;
  const map = new Fields(file, readJson(file)).fields("weight_map");
  if (map === undefined) throw new CheckpointError(file, `key "weight_map" is missing`);
  const shards = new Map<string, TensorSource>();
  const close = () => shards.forEach((shard) => shard[Symbol.dispose]());
  try {
    const owners = new Map<string, TensorSource>();
    for (const [name, shardFile] of Object.entries(map.object)) {
      owners.set(name, openShard(dir, file, name, shardFile, shards));
    }
    return sourceOf({
      file,
      names: () => [...owners.keys()],
      find: (name) => owners.get(name)?.find(name),
      fill: ({ name }, offset, into) => owners.get(name)!.readInto(name, offset, into),
      close,
    });
  } catch (error) {
    close();
    throw error;
  }
}

/** The shard that holds `name`, opened once. */
function openShard(
  dir: string,
  file: string,
  name: string,
  shardFile: unknown,
  shards: Map<string, TensorSource>,
): TensorSource {
  // A plain name only: an index must not reach outside its directory.
  if (typeof shardFile !== "string" || !/^[^/\\\0]+\.(safetensors|bin|pt)$/.test(shardFile)) {
    throw new CheckpointError(
      file,
      `its shard is ${show(shardFile)}, expected the name of a .safetensors, .bin or .pt file`,
      name,
    );
  }
  let shard = shards.get(shardFile);
  if (shard === undefined) {
    const path = `${dir}/${shardFile}`;
    try {
      shard = shardFile.endsWith(".safetensors") ? openSafetensors(path) : openPickle(path);
    } catch (cause) {
      if (!(cause instanceof CheckpointError)) throw cause;
      throw new CheckpointError(file, `shard ${shardFile} is unusable. ${cause.message}`, name, {
        cause,
      });
    }
    shards.set(shardFile, shard);
  }
  if (shard.find(name) === undefined) {
    throw new CheckpointError(file, `shard ${shardFile} does not hold it`, name);
  }
  return shard;
}
