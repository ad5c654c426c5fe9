/**
 * The charts of an evaluation, as Vega-Lite describes them, and as SVG.
 *
 * @module
 */
import type { TopLevelSpec } from "vega-lite";
import type { Summary } from "../summary/summary.ts";

/** A chart. */
export interface Chart {
  /** What it shows. */
  readonly title: string;
  /** Draws it as SVG. */
  draw(): Promise<string>;
}

/** A chart as it is described. */
interface Described {
  readonly title: string;
  readonly spec: TopLevelSpec;
}

const STEP = 22;

/** Bars of a speed-up with whiskers of its interval, for decoding and for whole requests. */
function speedChart({ targets }: Summary): Described | undefined {
  const methods = targets[0].methods.map(({ name }) => name);
  const values = targets.flatMap(({ name: target, methods }) =>
    methods.flatMap(({ name: method, tasks, all }) =>
      (tasks.length > 1 ? [...tasks, all] : [all]).flatMap((figures) => {
        const row = targets.length > 1
          ? `${target}: ${figures.task ?? "all"}`
          : figures.task ?? "all";
        return (["decode", "whole"] as const).flatMap((part) => {
          const { speedup, speedupInterval } = figures[part];
          if (speedup === null) return [];
          const [low, high] = speedupInterval ?? [null, null];
          return [{ row, method, part: PARTS[part], speedup, low, high }];
        });
      })
    )
  );
  if (values.length === 0) return undefined;
  const y = { field: "method", type: "nominal", sort: methods, title: null } as const;
  return {
    title: "Times plain decoding",
    spec: {
      data: { values },
      facet: {
        row: {
          field: "row",
          sort: [...new Set(values.map(({ row }) => row))],
          title: null,
          header: { labelAngle: 0, labelAlign: "left" },
        },
        column: { field: "part", title: null, sort: Object.values(PARTS) },
      },
      spec: {
        width: 260,
        height: { step: STEP },
        layer: [
          {
            mark: { type: "bar" },
            encoding: {
              y,
              x: { field: "speedup", type: "quantitative", title: "times ar" },
              color: { field: "method", type: "nominal", sort: methods, legend: null },
            },
          },
          {
            transform: [{ filter: "isValid(datum.low)" }],
            mark: { type: "rule", strokeWidth: 2 },
            encoding: {
              y,
              x: { field: "low", type: "quantitative" },
              x2: { field: "high" },
            },
          },
          {
            mark: { type: "rule", strokeDash: [4, 4] },
            encoding: { x: { datum: 1, type: "quantitative" } },
          },
        ],
      },
    },
  };
}

const PARTS = { decode: "decoding alone", whole: "whole requests" } as const;

/** Where the time of an answer goes. */
function timeChart({ targets }: Summary): Described {
  const methods = targets[0].methods.map(({ name }) => name);
  const values = targets.flatMap(({ name: target, methods }) =>
    methods.flatMap(({ name: method, all: { prefillMs, decodeMs } }) => [
      { target, method, part: "reading prompts", ms: prefillMs ?? 0, order: 0 },
      { target, method, part: "decoding", ms: decodeMs ?? 0, order: 1 },
    ])
  );
  return {
    title: "Milliseconds an answer",
    spec: {
      data: { values },
      facet: {
        row: { field: "target", title: null, header: { labelAngle: 0, labelAlign: "left" } },
      },
      spec: {
        width: 520,
        height: { step: STEP },
        mark: { type: "bar" },
        encoding: {
          y: { field: "method", type: "nominal", sort: methods, title: null },
          x: { field: "ms", type: "quantitative", title: "ms an answer", stack: "zero" },
          order: { field: "order", type: "quantitative" },
          color: {
            field: "part",
            type: "nominal",
            sort: ["reading prompts", "decoding"],
            title: null,
            scale: { range: ["#f58518", "#4c78a8"] },
          },
        },
      },
    },
  };
}

/** Shares of accept lengths, a small chart for each method. */
function lengthsChart({ targets }: Summary): Described | undefined {
  const values = targets.flatMap(({ name: target, methods }) =>
    methods.filter(({ all }) => all.acceptLengths.length > 2).flatMap(({ name, all }) => {
      const rounds = all.acceptLengths.reduce((sum, count) => sum + count, 0);
      const row = targets.length > 1 ? `${target}: ${name}` : name;
      return all.acceptLengths.slice(1).map((count, i) => ({
        row,
        length: i + 1,
        share: count / rounds,
      }));
    })
  );
  if (values.length === 0) return undefined;
  return {
    title: "Accept lengths",
    spec: {
      data: { values },
      facet: {
        field: "row",
        type: "nominal",
        title: null,
        sort: [...new Set(values.map(({ row }) => row))],
      },
      columns: 3,
      spec: {
        width: 220,
        height: 120,
        mark: { type: "bar" },
        encoding: {
          x: { field: "length", type: "ordinal", title: "tokens a round", axis: { labelAngle: 0 } },
          y: {
            field: "share",
            type: "quantitative",
            title: "share of rounds",
            axis: { format: "%" },
          },
        },
      },
    },
  };
}

/** Targets beside methods, a colour for how many times plain decoding each is. */
function gridChart({ targets }: Summary): Described | undefined {
  if (targets.length < 2) return undefined;
  const methods = targets[0].methods.map(({ name }) => name);
  const values = targets.flatMap(({ name: target, methods }) =>
    methods.flatMap(({ name: method, all: { decode: { speedup } } }) =>
      speedup === null ? [] : [{ target, method, speedup }]
    )
  );
  if (values.length === 0) return undefined;
  const x = { field: "method", type: "nominal", sort: methods, title: null } as const;
  const y = { field: "target", type: "nominal", sort: null, title: null } as const;
  return {
    title: "Targets and methods: times plain decoding of the same target",
    spec: {
      data: { values },
      width: { step: 84 },
      height: { step: 36 },
      layer: [
        {
          mark: { type: "rect" },
          encoding: {
            x,
            y,
            color: {
              field: "speedup",
              type: "quantitative",
              // The cells have their numbers.
              legend: null,
              scale: { scheme: "redyellowgreen", domainMid: 1 },
            },
          },
        },
        {
          mark: { type: "text" },
          encoding: { x, y, text: { field: "speedup", type: "quantitative", format: ".2f" } },
        },
      ],
    },
  };
}

async function draw(spec: TopLevelSpec): Promise<string> {
  // A tenth of a second to load, which no other command waits for.
  const [{ compile }, { parse, View }] = await Promise.all([import("vega-lite"), import("vega")]);
  const config = { font: "system-ui, sans-serif", background: "white" };
  const view = new View(parse(compile({ ...spec, config }).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** All charts of `summary`, in the order of reports. */
export function chartsOf(summary: Summary): readonly Chart[] {
  return [gridChart, speedChart, timeChart, lengthsChart].map((make) => make(summary))
    .filter((chart) => chart !== undefined)
    .map(({ title, spec }) => ({ title, draw: () => draw(spec) }));
}
