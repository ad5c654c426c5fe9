/**
 * Builds zip archives of stored entries in memory, for tests of the readers.
 *
 * @module
 */

/** How {@link makeZip} writes. */
export interface ZipOptions {
  /** Whether to write sizes and positions as zip64 does. */
  readonly zip64?: boolean;
}

/** An archive of the named entries, in order, as PyTorch lays it out. */
export function makeZip(
  entries: ReadonlyMap<string, Uint8Array>,
  { zip64 = false }: ZipOptions = {},
): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  const put = (value: number, size: number) => {
    let rest = BigInt(value);
    for (let i = 0; i < size; i++, rest >>= 8n) bytes.push(Number(rest & 255n));
  };
  const fields = (...pairs: [number, number][]) =>
    pairs.forEach(([value, size]) => put(value, size));
  const central: (() => void)[] = [];
  for (const [text, data] of entries) {
    const name = new TextEncoder().encode(text);
    const at = bytes.length;
    fields([0x04034b50, 4], [0, 22], [name.length, 2], [0, 2]);
    bytes.push(...name, ...data);
    central.push(() => {
      const short = (value: number) => zip64 ? 0xffffffff : value;
      fields([0x02014b50, 4], [0, 16], [short(data.length), 4], [short(data.length), 4]);
      fields([name.length, 2], [zip64 ? 28 : 0, 2], [0, 10], [short(at), 4]);
      bytes.push(...name);
      if (zip64) fields([1, 2], [24, 2], [data.length, 8], [data.length, 8], [at, 8]);
    });
  }
  const directory = bytes.length;
  central.forEach((write) => write());
  const size = bytes.length - directory;
  if (zip64) {
    const record = bytes.length;
    fields([0x06064b50, 4], [44, 8], [0, 12], [entries.size, 8], [entries.size, 8]);
    fields([size, 8], [directory, 8]);
    fields([0x07064b50, 4], [0, 4], [record, 8], [1, 4]);
  }
  fields([0x06054b50, 4], [0, 4], [zip64 ? 0xffff : entries.size, 2]);
  fields([zip64 ? 0xffff : entries.size, 2], [zip64 ? 0xffffffff : size, 4]);
  fields([zip64 ? 0xffffffff : directory, 4], [0, 2]);
  return Uint8Array.from(bytes);
}
