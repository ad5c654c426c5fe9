/**
 * What a head is calibrated on: at every place of a text what it reads is, bit for bit, what it reads when that much of the text
 * stands and drafting begins there. Places are taken from the last one on, in one cache: none sees what another left.
 */
import { assertEquals, assertGreater } from "@std/assert";
import { rows, type Tensor } from "../../src/device/mod.ts";
import { BlockState, HeadModel, HeadState, Model, withLinears } from "../../src/model/mod.ts";
import { headRunner } from "../../src/quantize/heads/head_runner.ts";
import { backendTest } from "../backends.ts";
import { type Family, writeHead, writeTarget } from "../made_heads.ts";
import { Random } from "../random.ts";
import type { Rig } from "../rig.ts";
import { VOCAB } from "../whole_models.ts";

const LENGTH = 30;
const IDS = Array.from({ length: LENGTH }, (_, i) => (i * 31 + 7) % VOCAB);

/** States of a verifier for each token, bytes [LENGTH, width]. */
function statesFor(rig: Rig, width: number): Uint8Array<ArrayBuffer> {
  const values = rig.put("f16", [LENGTH, width], new Random(5).normals(LENGTH * width));
  return rig.device.download(values);
}

/** The head, and every row that its output projection is asked about, in order. */
function watched(rig: Rig, head: HeadModel) {
  const asked: string[] = [];
  const seen = withLinears(head, (name, linear) =>
    name !== "lm_head" ? linear : {
      ...linear,
      queue(_, x) {
        const all = x as Tensor;
        for (let i = 0; i < all.shape[0]; i++) {
          asked.push(rig.device.download(rows(all, i, i + 1)).toHex());
        }
      },
    });
  return { seen, asked };
}

for (const family of ["eagle2", "eagle3"] as const satisfies readonly Family[]) {
  backendTest(`calibration: ${family} reads what it would read while it drafts`, (rig) => {
    const dir = Deno.makeTempDirSync();
    const { device } = rig;
    using model = Model.load(device, writeTarget(`${dir}/target`));
    using head = HeadModel.load(device, writeHead(`${dir}/head`, family), model);
    const width = family === "eagle2" ? head.config.hiddenSize : head.fc.k;
    const states = statesFor(rig, width);
    const { seen, asked } = watched(rig, head);
    {
      using runner = headRunner(seen, LENGTH, LENGTH);
      runner.run({ ids: IDS, states });
    }
    const pairs = LENGTH - 1;
    const places = [0, 4, 8, 12, 16, 20];
    assertEquals(asked.length, pairs + 5 * places.length);
    // From the last place on.
    const found = new Map(
      places.toReversed().map((
        place,
        i,
      ) => [place, asked.slice(pairs + 5 * i, pairs + 5 * (i + 1))]),
    );
    const again = watched(rig, head);
    for (const place of places) {
      const sizes = { context: 64, slots: 64, rows: LENGTH, logitsRows: LENGTH };
      using state = new HeadState(again.seen, sizes);
      state.cache.ensure(64);
      const { cacheLength } = state;
      const history = rig.put("i32", [LENGTH], IDS);
      const next = { tokens: history, start: cacheLength, shift: 1 };
      for (let i = 0; i <= place; i++) {
        const row = states.subarray(2 * i * width, 2 * (i + 1) * width);
        device.upload(rows(state.input, i, i + 1), row);
      }
      state.queueForward({ rows: place + 1, cacheLength }, next);
      let index = rig.put("i32", [1], [place]);
      again.asked.length = 0;
      for (let step = 1; step <= 5; step++) {
        state.setLength(place + step);
        state.queueContinue({ rows: 1, cacheLength }, next, state.hidden, index);
        state.queueLogits(rows(state.hidden, 0, 1));
        index = rig.put("i32", [1], [0]);
      }
      assertEquals(again.asked, found.get(place), `place ${place}`);
    }
    Deno.removeSync(dir, { recursive: true });
  }, ["cpu", "cuda"]);
}

for (const family of ["dflash", "dspark"] as const satisfies readonly Family[]) {
  backendTest(`calibration: ${family} reads what it would read while it drafts`, (rig) => {
    const dir = Deno.makeTempDirSync();
    const { device } = rig;
    using model = Model.load(device, writeTarget(`${dir}/target`));
    using head = HeadModel.load(device, writeHead(`${dir}/head`, family), model);
    const states = statesFor(rig, head.fc.k);
    const { seen, asked } = watched(rig, head);
    {
      using runner = headRunner(seen, LENGTH, LENGTH);
      runner.run({ ids: IDS, states });
    }
    const drafted = 7;
    const places = [8, 16];
    assertEquals(asked.length, drafted * places.length);
    assertGreater(new Set(asked).size, drafted);
    const again = watched(rig, head);
    for (const [i, place] of places.toReversed().entries()) {
      const sizes = { context: 64, slots: 64, rows: LENGTH, drafted, branches: 1 };
      using state = new BlockState(again.seen, sizes);
      state.cache.ensure(64);
      const bytes = 2 * head.fc.k;
      device.upload(rows(state.input, 0, place), states.subarray(0, place * bytes));
      state.queueContext(place);
      state.setLength(place);
      again.asked.length = 0;
      state.queueBlock(rig.put("i32", [LENGTH], IDS));
      assertEquals(again.asked, asked.slice(drafted * i, drafted * (i + 1)), `place ${place}`);
    }
    Deno.removeSync(dir, { recursive: true });
  }, ["cpu", "cuda"]);
}
