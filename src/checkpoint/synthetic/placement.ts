/**
 * Where a small model's dimensions lie in a bigger one that computes the same.
 *
 * The residual stream lies in dimensions 0..h-1 of H. A norm over H sees a smaller mean square, so its
 * output grows, and its weights must shrink by sqrt(h / H), which f16 cannot hold exactly. Echoes, the
 * residual stream again and again behind itself, scaled, raise the mean square to a power of four: then norm
 * weights shrink by a power of two, exactly. Echoes are scaled by powers of two, exactly too, as long as there
 * is room; the last one takes what is left. The last dimension holds a small constant, which serves as the bias
 * that puts padded vocabulary rows out of reach.
 *
 * @module
 */
import { ArgumentError } from "../../base/errors.ts";
import type { ModelConfig } from "../config/config.ts";

/** A run of a small axis in a big one. */
export interface Segment {
  /** Where it begins in the small axis. */
  readonly from: number;
  /** Where it begins in the big axis. */
  readonly to: number;
  /** Its elements. */
  readonly length: number;
  /** What weights that write to it are multiplied by. */
  readonly scale: number;
}

/** Where the axes of a small model lie. */
export interface Placement {
  /** The residual stream, as layers write it: with its echoes. */
  readonly written: readonly Segment[];
  /** The residual stream, as layers read it. */
  readonly read: readonly Segment[];
  /** The inputs of an EAGLE-2 head's `fc`: embedding, then hidden state. */
  readonly pair: readonly Segment[];
  /** The query heads' outputs. */
  readonly queries: readonly Segment[];
  /** The key and value heads' outputs. */
  readonly keys: readonly Segment[];
  /** The MLP's inner width. */
  readonly inner: readonly Segment[];
  /** The vocabulary. */
  readonly vocabulary: readonly Segment[];
  /** What norm weights are multiplied by: a power of two. Its square multiplies epsilons. */
  readonly gain: number;
  /** The dimension of the residual stream that holds the constant. */
  readonly constant: number;
}

/** A part of a mean square that f32 does not see. */
const NEGLIGIBLE = 2 ** -25;

/** Places `small` in `big`; an ArgumentError where it does not fit. `group`: inputs that share a scale, 1 without. */
export function place(small: ModelConfig, big: ModelConfig, group: number): Placement {
  checkSizes(small, big, group);
  const [h, H] = [small.hiddenSize, big.hiddenSize];
  if (H <= h) refuse("hiddenSize", `hidden size is ${H}, expected ${h + 1} or more`);
  const halvings = Math.floor(Math.log2(H / h) / 2 + 1e-9);
  const read = [{ from: 0, to: 0, length: h, scale: 1 }];
  const whole = (length: number): Segment[] => [{ from: 0, to: 0, length, scale: 1 }];
  return {
    written: [...read, ...echoes(h, H, H / h / 4 ** halvings - 1)],
    read,
    pair: [...read, { from: h, to: H, length: h, scale: 1 }],
    ...placeHeads(small, big),
    inner: whole(small.intermediateSize),
    vocabulary: whole(small.vocabSize),
    gain: 2 ** -halvings,
    constant: H - 1,
  };
}

/** Echoes whose squared scales add up to `missing`, 0 to 3, behind the stream and before the last dimension. */
function echoes(h: number, H: number, missing: number): Segment[] {
  const room = Math.floor((H - 1) / h) - 1;
  const found: Segment[] = [];
  for (let left = missing; left > NEGLIGIBLE;) {
    if (found.length === room) {
      refuse("hiddenSize", `hidden size is ${H}, expected ${2 * h + 1} or more for one of ${h}`);
    }
    const exact = 2 ** Math.floor(Math.log2(left) / 2);
    const scale = found.length === room - 1 ? Math.sqrt(left) : exact;
    found.push({ from: 0, to: h * (found.length + 1), length: h, scale });
    left -= scale ** 2;
  }
  return found;
}

/**
 * Each key and value head gets as many copies as its query heads need groups, and each query head lies in
 * the group of a copy of its own.
 */
function placeHeads(
  small: ModelConfig,
  big: ModelConfig,
): { queries: Segment[]; keys: Segment[] } {
  const inGroup = small.heads / small.kvHeads;
  const room = big.heads / big.kvHeads;
  const copies = Math.ceil(inGroup / room);
  if (small.kvHeads * copies > big.kvHeads) {
    refuse(
      "heads",
      `there are ${big.kvHeads} key and value heads of ${room} query heads, expected ` +
        `${small.kvHeads * copies} or more for ${small.kvHeads} of ${inGroup}`,
    );
  }
  const head = (from: number, to: number): Segment => {
    const length = small.headDim;
    return { from: from * length, to: to * length, length, scale: 1 };
  };
  const queries = Array.from({ length: small.heads }, (_, q) => {
    const [kv, t] = [Math.floor(q / inGroup), q % inGroup];
    return head(q, (kv * copies + Math.floor(t / room)) * room + (t % room));
  });
  const keys = Array.from(
    { length: small.kvHeads * copies },
    (_, kv) => head(Math.floor(kv / copies), kv),
  );
  return { queries, keys };
}

function checkSizes(small: ModelConfig, big: ModelConfig, group: number): void {
  if (small.headDim !== big.headDim) {
    refuse("headDim", `the head width is ${big.headDim}, expected ${small.headDim}`);
  }
  for (const key of ["vocabSize", "intermediateSize", "layers"] as const) {
    if (big[key] < small[key]) {
      refuse(key, `${key} is ${big[key]}, expected at least ${small[key]}`);
    }
  }
  // Scales are taken as they are, so no group may be cut by a boundary.
  for (const key of ["hiddenSize", "intermediateSize", "headDim"] as const) {
    if (small[key] % group !== 0) {
      refuse(
        "group",
        `${key} of the small model is ${small[key]}, expected a multiple of ${group}`,
      );
    }
  }
}

function refuse(argument: string, message: string): never {
  throw new ArgumentError(argument, `Cannot inflate a model: ${message}`);
}
