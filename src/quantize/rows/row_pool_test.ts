import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Random } from "../../../tests/random.ts";
import { ArgumentError } from "../../base/errors.ts";
import { Device } from "../../device/mod.ts";
import { gptq, gptqInputs, INPUT_ORDERS } from "../methods/gptq.ts";
import type { Grid } from "../grids/grid.ts";
import { findQuantizer } from "../quantizers/registry.ts";
import { rotateColumns, rotateRows } from "../methods/rotate_rows.ts";
import { Rotation } from "../methods/rotation.ts";
import { RowPool } from "./row_pool.ts";
import type { RowWork } from "./row_work.ts";
import { roundRows } from "../methods/round_rows.ts";
import { roundToNearest } from "../methods/rtn.ts";
import { smoothingFactors } from "../methods/smooth.ts";
import { w4a16 } from "../quantizers/w4a16.ts";

/** Threads beside this one. */
const WORKERS = [0, 1, 3];

/** A scheme of each kind of grid. */
const QUANTIZERS = [
  findQuantizer("w4a16-g32"),
  w4a16(128, "gptq"),
  findQuantizer("w4a8-qoq"),
  findQuantizer("w4a8-qqq-g128"),
  findQuantizer("w4a8-qoq-g128"),
  findQuantizer("fp8"),
];

// No multiple of what a piece or a block holds.
const [N, K] = [70, 384];

const normals = (count: number, seed: number) =>
  Float32Array.from(new Random(seed).normals(count, 0.05));

/** What `use` gives with each number of workers: all must be alike. */
async function sameForAll<T>(use: (pool: RowPool) => T): Promise<void> {
  let first: T | undefined;
  for (const workers of WORKERS) {
    using pool = await RowPool.open(workers + 1);
    assertEquals(pool.threads, workers + 1);
    // Twice: memory of the pool is used again.
    for (let time = 0; time < 2; time++) {
      const found = use(pool);
      first ??= found;
      assertEquals(found, first, `${workers} workers`);
    }
  }
}

/** All that a grid has chosen. */
const chosen = (grid: Grid) => structuredClone(grid.parts!.numbers);

for (const { scheme, draft } of QUANTIZERS) {
  Deno.test(`row pool: ${scheme} is rounded to the same by any number of workers`, async () => {
    const importance = normals(K, 1).map(Math.abs);
    await sameForAll((pool) => {
      const { grid } = draft(N, K);
      const values = normals(N * K, 2);
      const codes = roundToNearest(values, grid, { pool, importance, values });
      return { codes, values, chosen: chosen(grid) };
    });
  });
}

for (const { scheme, draft, namesGroups } of QUANTIZERS) {
  Deno.test(`row pool: gptq to ${scheme} is the same for any number of workers`, async () => {
    using device = Device.open({ backend: "cpu" });
    const x = normals(K * K, 3);
    const hessian = new Float32Array(K * K);
    for (let i = 0; i < K; i++) {
      for (let j = 0; j < K; j++) {
        for (let row = 0; row < K; row += 4) hessian[i * K + j] += x[row * K + i] * x[row * K + j];
      }
    }
    for (const order of INPUT_ORDERS) {
      if (order === "activity" && !namesGroups) continue;
      using inputs = gptqInputs(device, hessian, K, { damping: 0.01, order });
      await sameForAll((pool) => {
        const { grid } = draft(N, K);
        const values = normals(N * K, 4);
        const coded = gptq(values, grid, inputs, { pool, values });
        return { coded, values, chosen: chosen(grid) };
      });
    }
  });
}

Deno.test("row pool: smoothing finds the same with any number of workers", async () => {
  const squares = normals(K, 5).map((value) => value * value * 400);
  const problem = {
    k: K,
    weights: [normals(40 * K, 6), normals(7 * K, 7)],
    absmax: squares.map((value) => 3 * Math.sqrt(value)),
    squares,
    sample: normals(9 * K, 8),
  };
  const quantizer = findQuantizer("w4a8-qqq-g128");
  await sameForAll((pool) => smoothingFactors(problem, quantizer, pool));
});

Deno.test("row pool: rotating gives what each vector's rotation gives", async () => {
  const rotation = Rotation.random(K, 1);
  const expected = normals(N * K, 2);
  rotation.apply(expected);
  await sameForAll((pool) => {
    const rows = normals(N * K, 2);
    rotateRows(rotation, rows, pool);
    assertEquals(rows, expected);
    const columns = normals(N * K, 3);
    rotateColumns(rotation, columns, N, pool);
    return columns;
  });
});

Deno.test("row pool: what fails on any thread fails here, with its own error", async () => {
  using pool = await RowPool.open(3);
  // Its name makes the workers round, for which they are not given what it takes.
  const refusing: RowWork<{ least: number }, string> = {
    name: roundRows.name,
    begin: ({ least }) => (call, from, to) => {
      if (to > least) throw new ArgumentError("weight", `${call} of ${from} to ${to}`);
    },
  };
  for (const least of [0, 90]) {
    const { run } = pool.share(refusing, { least });
    assertThrows(() => run("rows", 100), ArgumentError, "rows of");
  }
  // Workers that fail leave their rows to this thread, and the pool goes on.
  const seen = new Set<number>();
  const counting: RowWork<object, null> = {
    name: "of no worker",
    begin: () => (_, from, to) => {
      for (let row = from; row < to; row++) seen.add(row);
    },
  };
  pool.share(counting, {}).run(null, 101);
  assertEquals(seen.size, 101);
  const { grid } = findQuantizer("w8a8").draft(2, 16);
  const weight = new Float32Array(32).fill(NaN, 20, 21);
  assertThrows(() => roundToNearest(weight, grid, { pool }), ArgumentError, "it holds NaN");
  assertEquals(roundToNearest(weight.fill(0), grid, { pool }), new Uint8Array(32));
});

Deno.test("row pool: a grid that cannot travel is worked on here", async () => {
  using pool = await RowPool.open(2);
  const { grid } = findQuantizer("w8a8").draft(5, 16);
  class Local implements Grid {
    readonly n = 5;
    readonly k = 16;
    readonly group = 16;
    fit(row: number, g: number, values: Float32Array): void {
      grid.fit(row, g, values);
    }
    code(row: number, g: number, value: number): number {
      return grid.code(row, g, value);
    }
    value(row: number, g: number, code: number): number {
      return grid.value(row, g, code);
    }
  }
  const weight = normals(80, 9);
  const codes = roundToNearest(weight, new Local(), { pool });
  assertEquals(codes, roundToNearest(weight, findQuantizer("w8a8").draft(5, 16).grid));
});

Deno.test("row pool: without workers, and ended twice", async () => {
  await assertRejects(() => RowPool.open(1.5), ArgumentError, "threads is 1.5");
  using alone = await RowPool.open(1);
  assertEquals(alone.threads, 1);
  const { grid } = findQuantizer("w8a8").draft(2, 16);
  const weight = normals(32, 1);
  const codes = roundToNearest(weight, grid, { pool: alone });
  const ended = await RowPool.open(2);
  ended[Symbol.dispose]();
  ended[Symbol.dispose]();
  assertEquals(roundToNearest(weight, grid, { pool: ended }), codes);
});
