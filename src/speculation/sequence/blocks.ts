/**
 * Which forwards verify the rows of several sequences: blocks of seats side by side, halved where that is cheaper.
 *
 * @module
 */

/** Seats `from` to `end - 1`. */
export interface Block {
  /** The first. */
  readonly from: number;
  /** Behind the last. */
  readonly end: number;
}

/** A name for a block, which no other one has. */
export function blockName({ from, end }: Block): string {
  return `${from}-${end}`;
}

/** Every block of two seats and more that `cover` may choose among `seats` seats of which `abreast`, a power of two, fit side by side. */
export function allBlocks(seats: number, abreast: number): Block[] {
  const blocks: Block[] = [];
  for (let size = Math.min(abreast, 2 ** Math.ceil(Math.log2(seats))); size > 1; size /= 2) {
    for (let from = 0; from < seats; from += size) {
      const end = Math.min(from + size, seats);
      // What ends early is the half of it that there is.
      if (end - from > size / 2) blocks.push({ from, end });
    }
  }
  return blocks;
}

/**
 * The cheapest blocks that have all of `taken`, ascending seats, in them. A forward costs 1, and each of its seats `seatCost`
 * more, whether it is taken or not.
 */
export function cover(
  taken: readonly number[],
  seats: number,
  abreast: number,
  seatCost: number,
): Block[] {
  const size = Math.min(abreast, 2 ** Math.ceil(Math.log2(seats)));
  const blocks: Block[] = [];
  for (let from = 0; from < seats; from += size) {
    blocks.push(...best(taken, { from, end: from + size }, seats, seatCost).blocks);
  }
  return blocks;
}

/** The fewest blocks, of `allBlocks` or of one seat, that have all of `taken`, ascending seats, in them and no other one. */
export function exactly(taken: readonly number[], seats: number, abreast: number): Block[] {
  const size = Math.min(abreast, 2 ** Math.ceil(Math.log2(seats)));
  const split = ({ from, end }: Block): Block[] => {
    const last = Math.min(end, seats);
    const within = taken.filter((seat) => from <= seat && seat < last).length;
    if (within === 0) return [];
    if (within === last - from) return [{ from, end: last }];
    const middle = (from + end) / 2;
    return [...split({ from, end: middle }), ...split({ from: middle, end })];
  };
  const blocks: Block[] = [];
  for (let from = 0; from < seats; from += size) blocks.push(...split({ from, end: from + size }));
  return blocks;
}

function best(
  taken: readonly number[],
  { from, end }: Block,
  seats: number,
  seatCost: number,
): { blocks: Block[]; cost: number } {
  const within = taken.filter((seat) => from <= seat && seat < end);
  if (within.length === 0) return { blocks: [], cost: 0 };
  const last = Math.min(end, seats);
  const whole = { blocks: [{ from, end: last }], cost: 1 + (last - from) * seatCost };
  if (end - from === 1) return whole;
  const middle = (from + end) / 2;
  const [left, right] = [{ from, end: middle }, { from: middle, end }].map((half) =>
    best(taken, half, seats, seatCost)
  );
  const cost = left.cost + right.cost;
  return cost < whole.cost || last <= middle
    ? { blocks: [...left.blocks, ...right.blocks], cost }
    : whole;
}
