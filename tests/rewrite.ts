/**
 * Models and heads with other tensors and keys, for tests of what may be stored otherwise.
 *
 * @module
 */
import { openSafetensors } from "../src/checkpoint/containers/safetensors.ts";
import {
  type TensorToWrite,
  writeSafetensors,
} from "../src/checkpoint/containers/safetensors_writer.ts";

/** Tensors by the names that they will have. */
export type Tensors = Map<string, TensorToWrite>;

/** The tensors of `model.safetensors` in `dir`. */
export function tensorsOf(dir: string): Tensors {
  using source = openSafetensors(`${dir}/model.safetensors`);
  return new Map(
    source.names().map((name) => {
      const { dtype, shape } = source.info(name);
      const bytes = source.read(name);
      return [name, { name, dtype, shape, data: () => bytes }];
    }),
  );
}

/**
 * Copies the model or head in `from` to `to`, which may be the same, with its tensors changed and with other keys in
 * its `config.json`; one of undefined goes. Returns `to`.
 */
export function rewrite(
  from: string,
  to: string,
  change: (tensors: Tensors) => void = () => {},
  config: object = {},
): string {
  const tensors = tensorsOf(from);
  change(tensors);
  Deno.mkdirSync(to, { recursive: true });
  for (const { name } of Deno.readDirSync(from)) {
    if (from !== to) Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
  const named = [...tensors].map(([name, tensor]) => ({ ...tensor, name }));
  writeSafetensors(`${to}/model.safetensors`, named);
  const plain = JSON.parse(Deno.readTextFileSync(`${from}/config.json`));
  Deno.writeTextFileSync(`${to}/config.json`, JSON.stringify({ ...plain, ...config }));
  return to;
}

/** Gives the f16 matrices called `names` `rows` rows: cut, or with what `fill` gives for the elements behind. */
export function resizeRows(
  tensors: Tensors,
  names: readonly string[],
  rows: number,
  fill: (values: Float16Array, index: number, name: string) => number = () => 0,
): void {
  for (const name of names) {
    const tensor = tensors.get(name);
    if (tensor === undefined) continue;
    const bytes = tensor.data() as Uint8Array<ArrayBuffer>;
    const old = new Float16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
    const values = new Float16Array(rows * tensor.shape[1]);
    values.set(old.subarray(0, values.length));
    for (let i = old.length; i < values.length; i++) values[i] = fill(values, i, name);
    const data = () => new Uint8Array(values.buffer);
    tensors.set(name, { ...tensor, shape: [rows, tensor.shape[1]], data });
  }
}
