/**
 * What was found, for people.
 *
 * @module
 */
import { megabytes } from "../../../engine/mod.ts";
import type { LibraryReport } from "../../../device/mod.ts";
import { table } from "../../terminal/table.ts";
import { paragraph } from "../../terminal/wrap.ts";
import type { CacheReport } from "./caches.ts";
import { type Examination, PERMISSIONS } from "./examine.ts";
import type { Fit } from "./fits.ts";

/** What libraries are called. */
const LIBRARIES = { cuda: "CUDA library", cpu: "CPU library" } as const;

/** `found` as text in `columns` columns. */
export function render(found: Examination, columns: number): string {
  const { version, usable, device, message, driver, libraries, cpu, deno, caches, fits } = found;
  const rows: [string, string][] = [
    ["usable", usable ? `yes, on ${device!.backend}` : "no"],
    ["why", device?.why ?? message!],
    ...(device
      ? [["device", `${device.name}, ${device.detail}`], ["memory", memoryOf(device.memory)]]
      : []) as [string, string][],
    ...libraries.flatMap(libraryRows),
    ["driver", driverText(driver)],
    ...driver.cards.map(({ name, computeCapability, memoryBytes }): [string, string] => [
      "card",
      `${name}, compute capability ${computeCapability}, ${megabytes(memoryBytes)}`,
    ]),
    ["CPU", `${cpu.architecture}, ${cpu.threads} threads`],
    ...caches.map(cacheRow),
    ["specmquant", `${version}, ABI ${found.abi}`],
    ["Deno", `${deno.version}, V8 ${deno.v8}, TypeScript ${deno.typescript}, ${deno.target}`],
    ["permissions", permissionsOf(found)],
  ];
  const facts = table(rows, ["left", "left"], undefined, columns);
  if (device === null) return facts;
  const title = `Largest context in tokens, of ${megabytes(device.memory.free)} that are free, ` +
    "by what is stored how; what a model was made for may be less:";
  return `${facts}\n${paragraph(title, columns)}${fitsTable(fits, columns)}`;
}

function memoryOf({ free, total }: { readonly free: number; readonly total: number }): string {
  return `${megabytes(free)} free of ${megabytes(total)}`;
}

function libraryRows(
  { kind, state, path, abi, message, device }: LibraryReport,
): [string, string][] {
  const words = state.replaceAll("_", " ");
  const about = [words, ...(path === null ? [] : [path]), ...(abi === null ? [] : [`ABI ${abi}`])];
  const more = message ?? `${device!.name}, ${device!.detail}`;
  return [[LIBRARIES[kind], about.join(", ")], ["", more]];
}

function driverText({ cuda, version, message }: Examination["driver"]): string {
  if (cuda === null) return `none: ${message}`;
  const text = `${version === null ? "" : `${version}, `}for CUDA ${cuda}`;
  return message === null ? text : `${text}: ${message}`;
}

function cacheRow({ what, path, files, bytes }: CacheReport): [string, string] {
  const found = files === null || bytes === null
    ? "may not be read"
    : `${files} files, ${megabytes(bytes)}`;
  return [`kept, ${what}`, path === null ? "no home is known" : `${path}: ${found}`];
}

function permissionsOf({ permissions }: Examination): string {
  const all = PERMISSIONS.filter((name) => permissions[name] === "granted");
  const rest = PERMISSIONS.filter((name) => permissions[name] !== "granted");
  return [
    ...(all.length > 0 ? [`for everything: ${all.join(", ")}`] : []),
    ...(rest.length > 0 ? [`for some or nothing: ${rest.join(", ")}`] : []),
  ].join("; ");
}

/** A row for each scheme, a column for each shape. */
function fitsTable(fits: readonly Fit[], columns: number): string {
  const shapes = [...new Set(fits.map(({ shape }) => shape))];
  const schemes = [...Map.groupBy(fits, ({ scheme }) => scheme)];
  return table(
    schemes.map(([scheme, row]) => [
      scheme,
      ...row.map(({ largestContext }) => largestContext === 0 ? "-" : `${largestContext}`),
    ]),
    ["left", ...shapes.map(() => "right" as const)],
    ["scheme", ...shapes],
    columns,
  );
}
