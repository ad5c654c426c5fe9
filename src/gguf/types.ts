/**
 * The element types of GGUF files.
 *
 * @module
 */

/** A type by its number: its name, the elements of a block and the bytes of one. */
const NUMBERED: ReadonlyMap<number, readonly [string, number, number]> = new Map([
  [0, ["F32", 1, 4]],
  [1, ["F16", 1, 2]],
  [2, ["Q4_0", 32, 18]],
  [3, ["Q4_1", 32, 20]],
  [6, ["Q5_0", 32, 22]],
  [7, ["Q5_1", 32, 24]],
  [8, ["Q8_0", 32, 34]],
  [9, ["Q8_1", 32, 40]],
  [10, ["Q2_K", 256, 84]],
  [11, ["Q3_K", 256, 110]],
  [12, ["Q4_K", 256, 144]],
  [13, ["Q5_K", 256, 176]],
  [14, ["Q6_K", 256, 210]],
  [15, ["Q8_K", 256, 292]],
  [16, ["IQ2_XXS", 256, 66]],
  [17, ["IQ2_XS", 256, 74]],
  [18, ["IQ3_XXS", 256, 98]],
  [19, ["IQ1_S", 256, 50]],
  [20, ["IQ4_NL", 32, 18]],
  [21, ["IQ3_S", 256, 110]],
  [22, ["IQ2_S", 256, 82]],
  [23, ["IQ4_XS", 256, 136]],
  [24, ["I8", 1, 1]],
  [25, ["I16", 1, 2]],
  [26, ["I32", 1, 4]],
  [27, ["I64", 1, 8]],
  [28, ["F64", 1, 8]],
  [29, ["IQ1_M", 256, 56]],
  [30, ["BF16", 1, 2]],
  [34, ["TQ1_0", 256, 54]],
  [35, ["TQ2_0", 256, 66]],
  [39, ["MXFP4", 32, 17]],
  [40, ["NVFP4", 64, 36]],
  [41, ["Q1_0", 128, 18]],
]);

/** Types that llama.cpp had for a while, by their number: their size is not needed to say what they are. */
const REMOVED: ReadonlyMap<number, string> = new Map([
  [4, "Q4_2"],
  [5, "Q4_3"],
  [31, "Q4_0_4_4"],
  [32, "Q4_0_4_8"],
  [33, "Q4_0_8_8"],
  [36, "IQ4_NL_4_4"],
  [37, "IQ4_NL_4_8"],
  [38, "IQ4_NL_8_8"],
]);

/** An element type: elements come in blocks, within a row. */
export interface GgmlType {
  /** Its name as llama.cpp writes it, e.g. `"F32"` or `"Q4_K"`. */
  readonly name: string;
  /** Elements of a block; 1 for plain numbers. */
  readonly block: number;
  /** Bytes of a block. */
  readonly bytes: number;
}

const TYPES: ReadonlyMap<number, GgmlType> = new Map(
  [...NUMBERED].map(([id, [name, block, bytes]]) => [id, { name, block, bytes }]),
);

const BY_NAME: ReadonlyMap<string, GgmlType> = new Map(
  [...TYPES.values()].map((type) => [type.name, type]),
);

/** The type that files number `id`; undefined for one that is unknown or was removed from the format. */
export function ggmlType(id: number): GgmlType | undefined {
  return TYPES.get(id);
}

/** The type called `name`, as `"Q4_K"`; undefined where there is none. */
export function ggmlTypeNamed(name: string): GgmlType | undefined {
  return BY_NAME.get(name);
}

/** How messages call the type that files number `id`, known or not. */
export function typeLabel(id: number): string {
  return TYPES.get(id)?.name ?? REMOVED.get(id) ?? `number ${id}`;
}
