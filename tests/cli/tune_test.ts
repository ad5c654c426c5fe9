/**
 * `tune`: what it predicts, what it prints and keeps, and its map.
 */
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { COMMANDS } from "../../src/cli/registry.ts";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { runProgram } from "../../src/cli/program.ts";
import { keepCosts, keptCosts } from "../../src/cli/commands/tune/cache.ts";
import { cellsOf, mapSvg } from "../../src/cli/commands/tune/map.ts";
import { DEMO_DIR } from "../../scripts/models/trio.ts";
import { Device } from "../../src/device/mod.ts";
import {
  always,
  CostTable,
  depthOf,
  expected,
  PLAIN,
  rateName,
  type Setting,
  settingName,
} from "../../src/speculation/mod.ts";
import { made } from "../policy/adversary.ts";
import { COSTS } from "../policy/costs.ts";
import { LATE } from "../policy/late.ts";
import { SETTINGS } from "../policy/settings.ts";
import { replay } from "../policy/simulator.ts";
import { joined, restore } from "../policy/trace.ts";

const recorded = joined(
  "all texts",
  JSON.parse(Deno.readTextFileSync(new URL("../data/traces.json", import.meta.url))).map(restore),
);
const drawn = made("drawn", 20_000, 5, () => ({ suffix: 0.3, tree: 0.7, draft: 0.8, inner: 0.75 }));

/** How far a prediction may be off: rounds of recorded texts begin where the one before has erred. */
for (const [trace, most] of [[drawn, 0.05], [recorded, 0.12]] as const) {
  Deno.test(`what is predicted from accept rates is what rounds come to, of ${trace.name}`, () => {
    const costs = COSTS["70B and 8B"];
    const beliefs = (level: number, of: Setting) => {
      const accepted = trace.accepted[`${level} ${rateName(of)}`];
      return {
        chances: Array.from(
          { length: depthOf(of) },
          (_, d) => accepted.filter((count) => count > d).length / accepted.length,
        ),
      };
    };
    for (const setting of SETTINGS) {
      // Suffixes propose as many rows as they are sure of, so that their time is counted, not predicted.
      if (settingName(setting).includes("suffix")) continue;
      const { tokens, ms } = expected(setting, beliefs, new CostTable(costs, 512));
      const realised = replay(trace, costs, always(setting));
      // Without what a draft model reads at the start, which has read the prompt.
      const off = tokens / ms / (realised.tokens / realised.ms) - 1;
      assertLess(
        Math.abs(off),
        most,
        `${settingName(setting)} is off by ${(100 * off).toFixed(1)}%`,
      );
    }
  });
}

const TRIO = [
  ...["--target", `${DEMO_DIR}/target`, "--draft", `${DEMO_DIR}/draft`],
  ...["--head", `${DEMO_DIR}/draft-eagle2`, "--target-head", `${DEMO_DIR}/target-eagle2`],
];

interface Tuned {
  readonly settings: readonly { name: string; predicted: number; realised?: number }[];
  readonly survival: Readonly<Record<string, readonly number[]>>;
  readonly costs: { contexts: number[]; levels: { rows: number[]; verify_ms: number[][] }[] };
  readonly kept: string | null;
}

Deno.test("tune: JSON, tables, a map, and costs that are kept", async () => {
  const dir = Deno.makeTempDirSync();
  const before = Deno.env.get("XDG_CACHE_HOME");
  Deno.env.set("XDG_CACHE_HOME", dir);
  try {
    const args = ["tune", ...TRIO, "--backend", "cpu", "-n", "8", "--contexts", "24,48"];
    const io = testIo();
    assertEquals(await runProgram([...args, "--json"], COMMANDS, io), 0, io.stderr.text);
    const { settings, survival, costs, kept }: Tuned = JSON.parse(io.stdout.text);
    // Plain decoding, suffixes, three trees, and four lengths of a draft model by itself, of suffixes and of a tree.
    assertEquals(settings.length, LATE["a CPU"].settings.length);
    settings.forEach(({ predicted, realised }, i) => {
      assertGreater(predicted, 0);
      assertEquals(realised !== undefined, i < 3);
      if (i > 0) assert(predicted <= settings[i - 1].predicted);
    });
    for (const chances of Object.values(survival)) {
      chances.forEach((chance, d) => assert(chance <= (chances[d - 1] ?? 1) && chance >= 0));
    }
    assertEquals(costs.contexts, [24, 48]);
    assertEquals(costs.levels.length, 2);
    // Of the target, whatever settings verify.
    for (const count of [1, 2, 4, 8, 16, 32, 64]) assert(costs.levels[0].rows.includes(count));
    for (const { rows, verify_ms } of costs.levels) {
      assertEquals(verify_ms.map(({ length }) => length), [rows.length, rows.length]);
      for (const ms of verify_ms) ms.forEach((one, j) => assert(one >= (ms[j - 1] ?? 0)));
    }
    assert(kept?.startsWith(`${dir}/specmquant/costs/`));
    assertEquals([...Deno.readDirSync(`${dir}/specmquant/costs`)].length, 1);
    const text = testIo();
    const plot = `${dir}/map.svg`;
    const given = ["--rates", "head=0.9,draft=0.8", "--plot", plot];
    assertEquals(await runProgram([...args, ...given], COMMANDS, text), 0, text.stderr.text);
    for (const said of ["Rounds of the target", "Proposals, ms", "The best at", "is the fastest"]) {
      assert(text.stdout.text.includes(said), said);
    }
    assert(Deno.readTextFileSync(plot).startsWith("<svg "));
    for (const rates of ["heads=0.9", "head", "head=1", "head=0.5=0.5"]) {
      const io = testIo();
      assertEquals(await runProgram([...args, "--rates", rates], COMMANDS, io), 2);
      assert(io.stderr.text.includes(`Cannot use --rates ${rates}: "${rates}" is in it`));
    }
  } finally {
    if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
    else Deno.env.set("XDG_CACHE_HOME", before);
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("costs are kept for these models, this device and these settings, and no others", () => {
  const dir = Deno.makeTempDirSync();
  const before = Deno.env.get("XDG_CACHE_HOME");
  Deno.env.set("XDG_CACHE_HOME", `${dir}/cache`);
  try {
    using device = Device.open({ backend: "cpu" });
    Deno.mkdirSync(`${dir}/model`);
    Deno.writeTextFileSync(`${dir}/model/config.json`, "{}");
    const models = { target: `${dir}/model`, draft: undefined };
    const costs = COSTS["a CPU"];
    assertEquals(keptCosts(models, device, SETTINGS), undefined);
    keepCosts(models, device, SETTINGS, costs);
    assertEquals(keptCosts(models, device, SETTINGS), costs);
    assertEquals(keptCosts(models, device, [PLAIN]), undefined);
    assertEquals(keptCosts({ ...models, draft: `${dir}/model` }, device, SETTINGS), undefined);
    Deno.writeTextFileSync(`${dir}/model/config.json`, "{ }");
    assertEquals(keptCosts(models, device, SETTINGS), undefined);
  } finally {
    if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
    else Deno.env.set("XDG_CACHE_HOME", before);
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("a map has the fastest method of each pair of accept rates", () => {
  const costs = COSTS["70B and 8B"];
  const cells = cellsOf(SETTINGS, costs, 512);
  assertEquals(cells.length, 17 * 17);
  const at = (head: number, draft: number) =>
    cells.find((one) => Math.abs(one.head - head) + Math.abs(one.draft - draft) < 0.01)!;
  // A head that is nearly always right, and a draft model that is not, and the other way round.
  assertEquals(at(0.94, 0.3).winner, "tree");
  assert(["draft", "hierarchy"].includes(at(0.3, 0.94).winner));
  assertGreater(at(0.94, 0.94).gain, 2);
  for (const { gain, lead } of cells) assert(gain >= 1 - 1e-9 && lead >= 1 - 1e-9);
  const svg = mapSvg("a < b & c", cells);
  assertEquals(
    svg.match(/<rect /g)!.length,
    cells.length + 1 + new Set(cells.map((c) => c.winner)).size,
  );
  assert(svg.includes("a &#60; b &#38; c"));
  for (const tag of ["g", "title", "text", "svg"]) {
    const count = (pattern: string) => svg.match(new RegExp(pattern, "g"))?.length;
    assertEquals(count(`<${tag}[ >]`), count(`</${tag}>`), tag);
  }
});
