/**
 * Puts the parts of a quantized head together.
 *
 * @module
 */
import { openSafetensors } from "../../checkpoint/containers/safetensors.ts";
import {
  SafetensorsWriter,
  type TensorToWrite,
} from "../../checkpoint/containers/safetensors_writer.ts";
import type { TensorSource } from "../../checkpoint/containers/source.ts";
import type { Head } from "../../checkpoint/head.ts";
import { changedConfig, copyCompanions } from "../jobs/config_json.ts";
import type { WorkDirectory } from "../jobs/work_directory.ts";
import { type HeadScheme, leftAlone, quantizationConfig } from "./head_description.ts";
import { type HeadPart, linearsOf } from "./head_plan.ts";

/** The file of weights, as published heads have it. */
const WEIGHTS = "model.safetensors";

/** Where the tensors of a part lie until all are there. */
export function partFile(work: WorkDirectory, part: number): string {
  return work.state(`part-${part}.safetensors`);
}

/**
 * Writes the head that `parts` in `work` are of: their tensors, those of the head that no part has made, and `map`; its
 * configuration and what belongs to it.
 */
export function writeHead(
  work: WorkDirectory,
  how: HeadScheme & { readonly head: Head },
  parts: readonly HeadPart[],
  map: readonly TensorToWrite[],
): void {
  const { head, lmHead } = how;
  const { dir, tensors } = head;
  using files = new DisposableStack();
  const made = parts.map((_, i) => files.use(openSafetensors(partFile(work, i))));
  const gone = new Set([
    ...made.flatMap((part) => part.names()),
    ...linearsOf(parts).map((linear) => `${linear}.weight`),
  ]);
  const copied = (source: TensorSource, name: string): TensorToWrite => ({
    ...source.info(name),
    data: () => source.chunks(name),
  });
  const all = [
    ...tensors.names().filter((name) => !gone.has(name)).map((name) => copied(tensors, name)),
    ...made.flatMap((part) => part.names().map((name) => copied(part, name))),
    ...map,
  ];
  using writer = new SafetensorsWriter(`${work.model}/${WEIGHTS}`, all, { format: "pt" });
  for (const { name, data } of all) writer.write(name, data());
  writer.finish();
  copyCompanions(dir, work.model);
  const text = changedConfig(dir, {
    quantization_config: quantizationConfig(how, leftAlone(head, lmHead)),
    ...(map.length > 0 && { draft_vocab_size: map[0].shape[0] }),
  });
  work.writeFile(`${work.model}/config.json`, new TextEncoder().encode(text));
}
