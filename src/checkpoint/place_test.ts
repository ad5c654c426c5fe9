import { assertEquals, assertThrows } from "@std/assert";
import { fileURLToPath } from "node:url";
import { readSync } from "node:fs";
import { ggufBytes, llamaMetadata, llamaTensors, withFiles } from "../../tests/gguf/gguf_writer.ts";
import { Random } from "../../tests/random.ts";
import { CheckpointError } from "../base/errors.ts";
import { openIndexed } from "./containers/index.ts";
import { openPickle } from "./containers/pickle.ts";
import { writeSafetensors } from "./containers/safetensors_writer.ts";
import type { TensorSource } from "./containers/source.ts";
import { recorded, renamed } from "./containers/views.ts";
import { openCheckpoint } from "./checkpoint.ts";

/** The tensors of `source` that no file has as they are; of all others the descriptor gives what `read` does. */
function elsewhere(source: TensorSource): string[] {
  return source.names().filter((name) => {
    const place = source.place(name);
    const { file, bytes } = source.info(name);
    if (place === undefined) return bytes > 0;
    assertEquals(place.file, file);
    const found = new Uint8Array(bytes);
    assertEquals(readSync(place.descriptor, found, 0, bytes, place.position), bytes);
    assertEquals(found, source.read(name), name);
    return false;
  });
}

Deno.test("place: shards, and views of them", () => {
  const dir = Deno.makeTempDirSync();
  try {
    const random = new Random(1);
    const tensor = (name: string) => ({
      ...{ name, dtype: "u8", shape: [7] } as const,
      data: () => Uint8Array.from({ length: 7 }, () => random.integer(256)),
    });
    writeSafetensors(`${dir}/a.safetensors`, [tensor("a"), tensor("b")]);
    writeSafetensors(`${dir}/b.safetensors`, [tensor("c")]);
    const map = { a: "a.safetensors", b: "a.safetensors", c: "b.safetensors" };
    Deno.writeTextFileSync(`${dir}/index.json`, JSON.stringify({ weight_map: map }));
    const shards = openIndexed(dir, "index.json");
    const view = recorded(renamed(shards, (name) => `model.${name}`));
    assertEquals([elsewhere(view), view.names()], [[], ["model.a", "model.b", "model.c"]]);
    view[Symbol.dispose]();
    assertThrows(() => view.place("model.a"), CheckpointError, "closed");
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("place: archives of PyTorch, but for their transposed matrices", () => {
  const path = (name: string) =>
    fileURLToPath(new URL(`../../tests/data/${name}`, import.meta.url));
  using plain = openPickle(path("plain.bin"));
  assertEquals(elsewhere(plain), ["transposed"]);
});

Deno.test("place: GGUF, but for rows in another order", () => {
  const bytes = ggufBytes({ metadata: llamaMetadata(), tensors: llamaTensors() });
  const size = llamaTensors().reduce((sum, tensor) => sum + Number(tensor.bytes), 0);
  const random = new Random(2);
  bytes.subarray(bytes.length - size).forEach((_, i, data) => data[i] = random.integer(256));
  withFiles({ "m.gguf": bytes }, (dir) => {
    using model = openCheckpoint(`${dir}/m.gguf`);
    const attention = "model.layers.0.self_attn";
    assertEquals(elsewhere(model.tensors), [
      `${attention}.q_proj.weight`,
      `${attention}.k_proj.weight`,
    ]);
  });
});
