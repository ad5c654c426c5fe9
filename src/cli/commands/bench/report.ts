/**
 * The results of a run as JSON. The format is described in `docs/bench-format.md`.
 *
 * @module
 */
import { snakeCase } from "../../../base/key_case.ts";
import { SpecMQuantError } from "../../../base/errors.ts";
import { onFile } from "../../../base/system_error.ts";
import type { DeviceDescription } from "./environment.ts";
import type { Figure, Section, Unit } from "./figure.ts";

/** The format's name and version; a change that readers can see raises the number. */
export const BENCH_SCHEMA = "specmquant-bench/1";

/** How a run was asked for. */
export interface ReportOptions {
  /** Tokens in the cache. */
  readonly context: number;
  /** Samples of each figure. */
  readonly runs: number;
  /** Row counts of forwards. */
  readonly rows: readonly number[];
}

/** All results of one run. */
export interface Report {
  /** Whose code was measured. */
  readonly source: string;
  /** When it began, ISO 8601. */
  readonly date: string;
  /** The commit of the code; null where it is not known. */
  readonly commit: string | null;
  /** Where it ran. */
  readonly device: DeviceDescription;
  /** How it was asked for. */
  readonly options: ReportOptions;
  /** The figures. */
  readonly sections: readonly Section[];
}

/** A figure with every key, null where it has no value. */
function complete(figure: Figure): Record<keyof Figure, unknown> {
  const { name, value, unit, better } = figure;
  const { p10, p90, runs, bytes, gbPerSecond, share, relative } = figure;
  const optional = { p10, p90, runs, bytes, gbPerSecond, share, relative };
  const filled = Object.fromEntries(
    Object.entries(optional).map(([key, one]) => [key, one ?? null]),
  ) as Record<keyof typeof optional, number | null>;
  return { name, value, unit, better, ...filled };
}

/** The JSON text of a report, for people to read, too. */
export function reportJson(report: Report): string {
  const sections = report.sections.map((section) => ({
    ...section,
    figures: section.figures.map(complete),
  }));
  return `${JSON.stringify(snakeCase({ schema: BENCH_SCHEMA, ...report, sections }), null, 2)}\n`;
}

type Fields = Record<string, unknown>;

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Reads a report, of this program or of another that keeps to the format. Throws where it does not. */
export function readReport(file: string): Report {
  const refuse = (what: string): never => {
    throw new SpecMQuantError("bench_file", `Cannot read ${file}: ${what}`);
  };
  let json: unknown;
  try {
    json = JSON.parse(onFile("read", file, () => Deno.readTextFileSync(file)));
  } catch (error) {
    if (error instanceof SyntaxError) return refuse(`it is not JSON: ${error.message}`);
    throw error;
  }
  if (!isObject(json)) return refuse("it is no object");
  if (json.schema !== BENCH_SCHEMA) {
    return refuse(`its schema is ${JSON.stringify(json.schema)}, expected "${BENCH_SCHEMA}"`);
  }
  const texts = (value: unknown, what: string): string =>
    typeof value === "string"
      ? value
      : refuse(`${what} is ${JSON.stringify(value)}, expected text`);
  const list = (value: unknown, what: string): unknown[] =>
    Array.isArray(value) ? value : refuse(`${what} is no list`);
  const object = (value: unknown, what: string): Fields =>
    isObject(value) ? value : refuse(`${what} is no object`);
  const figure = (value: unknown): Figure => {
    const fields = object(value, "a figure");
    const name = texts(fields.name, "the name of a figure");
    const { better } = fields;
    if (typeof fields.value !== "number") return refuse(`the value of ${name} is no number`);
    if (better !== "lower" && better !== "higher") {
      return refuse(`"better" of ${name} is ${JSON.stringify(better)}, expected lower or higher`);
    }
    const number = (key: string) => typeof fields[key] === "number" ? fields[key] : undefined;
    return {
      name,
      value: fields.value,
      unit: texts(fields.unit, `the unit of ${name}`) as Unit,
      better,
      p10: number("p10"),
      p90: number("p90"),
      runs: number("runs"),
      bytes: number("bytes"),
      gbPerSecond: number("gb_per_second"),
      share: number("share"),
      relative: number("relative"),
    };
  };
  const section = (value: unknown): Section => {
    const fields = object(value, "a section");
    return {
      table: texts(fields.table, "the table of a section"),
      subject: texts(fields.subject, "the subject of a section"),
      notes: list(fields.notes ?? [], "notes").map((note) => texts(note, "a note")),
      figures: list(fields.figures, "figures").map(figure),
    };
  };
  const device = object(json.device, "device");
  const options = object(json.options, "options");
  const orNull = (value: unknown, what: string) => value == null ? null : texts(value, what);
  return {
    source: texts(json.source, "source"),
    date: texts(json.date, "date"),
    commit: orNull(json.commit, "commit"),
    device: {
      backend: texts(device.backend, "backend of device"),
      name: texts(device.name, "name of device"),
      detail: orNull(device.detail, "detail of device"),
      memoryBytes: typeof device.memory_bytes === "number" ? device.memory_bytes : null,
      driver: orNull(device.driver, "driver of device"),
    },
    options: {
      context: Number(options.context),
      runs: Number(options.runs),
      rows: list(options.rows, "rows").map(Number),
    },
    sections: list(json.sections, "sections").map(section),
  };
}
