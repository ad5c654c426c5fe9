import { assertEquals, assertThrows } from "@std/assert";
import { CheckpointError, UnsupportedModelError } from "../../base/errors.ts";
import { compressedLayer, parseCompressedTensors } from "./compressed_tensors_config.ts";
import { Fields } from "../containers/json.ts";

const weights = { num_bits: 4, type: "int", symmetric: true, strategy: "group", group_size: 32 };

function parse(groups: Record<string, object>, ignore: unknown = []) {
  const json = { format: "pack-quantized", config_groups: groups, ignore };
  return parseCompressedTensors(new Fields("c", json));
}

function sizes(config: ReturnType<typeof parse>, names: string[]): unknown[] {
  return names.map((name) => {
    const layer = compressedLayer(config, name);
    return layer?.kind === "w4a16" ? layer.groupSize : layer?.kind;
  });
}

Deno.test("compressed-tensors: names go before patterns, patterns before classes, ignored before all", () => {
  const of = (group_size: number, ...targets: string[]) => ({
    targets,
    weights: { ...weights, group_size },
  });
  const config = parse(
    { a: of(32, "Linear"), b: of(64, "re:.*mlp"), c: of(128, "x.mlp.down_proj", "Other") },
    ["lm_head", "re:y[.]", "Embedding"],
  );
  assertEquals(
    sizes(config, ["x.q_proj", "x.mlp.up_proj", "x.mlp.down_proj", "lm_head", "y.q_proj"]),
    [32, 64, 128, undefined, undefined],
  );
  // A pattern matches from the beginning of a name on, and a name is not a pattern.
  assertEquals(sizes(config, ["xy.q_proj", "x.lm_head"]), [32, 32]);
  assertEquals(sizes(parse({ a: of(32, "re:x") }), ["x.q_proj", "y.x"]), [32, undefined]);
});

Deno.test("compressed-tensors: strategies may be left to the group size", () => {
  const of = (more: object) =>
    parse({ a: { targets: ["Linear"], weights: { num_bits: 4, ...more } } });
  assertEquals(sizes(of({ group_size: 64 }), ["x"]), [64]);
  assertEquals(sizes(of({ group_size: -1 }), ["x"]), [-1]);
  assertThrows(() => of({}), UnsupportedModelError, "weights per tensor");
});

Deno.test("compressed-tensors: actorder", () => {
  const reordered = (actorder: unknown) => {
    const config = parse({ a: { targets: ["Linear"], weights: { ...weights, actorder } } });
    const layer = compressedLayer(config, "x");
    return layer?.kind === "w4a16" && layer.reordered;
  };
  assertEquals(["group", "dynamic", true].map(reordered), [true, true, true]);
  assertEquals(["weight", "static", false, null].map(reordered), [false, false, false, false]);
  assertThrows(() => reordered("other"), CheckpointError, "config_groups.a.weights.actorder");
});

Deno.test("compressed-tensors: malformed descriptions name the key", () => {
  const targets = ["Linear"];
  for (
    const [groups, ignore, message] of [
      [{ a: { targets } }, [], "config_groups.a.weights"],
      [{ a: { targets: "Linear", weights } }, [], "config_groups.a.targets"],
      [{ a: { targets, weights: { ...weights, group_size: 0 } } }, [], "weights.group_size"],
      [{ a: { targets, weights } }, [3], '"ignore"'],
    ] as const
  ) {
    assertThrows(() => parse(groups, ignore), CheckpointError, message);
  }
});
