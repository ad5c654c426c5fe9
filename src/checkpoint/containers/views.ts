/**
 * Tensors of a source under other names, or with a record of what was looked up.
 *
 * @module
 */
import { sourceOf, type TensorSource } from "./source.ts";

/**
 * The same tensors, each called what `rename` makes of its name. A tensor that already has that name keeps it, and the
 * other keeps its own. Disposing it disposes `source`.
 */
export function renamed(source: TensorSource, rename: (name: string) => string): TensorSource {
  const names = source.names();
  if (names.every((name) => rename(name) === name)) return source;
  const taken = new Set(names);
  const stored = new Map(names.map((name) => {
    const wanted = rename(name);
    return [taken.has(wanted) ? name : wanted, name];
  }));
  const nameOf = (name: string) => stored.get(name) ?? name;
  return sourceOf({
    file: source.file,
    names: () => [...stored.keys()],
    find(name) {
      const info = stored.has(name) ? source.find(nameOf(name)) : undefined;
      return info && { ...info, name };
    },
    fill: ({ name }, offset, into) => source.readInto(nameOf(name), offset, into),
    place: ({ name }) => source.place(nameOf(name)),
    why: (name) => source.whyAbsent(name),
    close: () => source[Symbol.dispose](),
  });
}

/** A source that remembers which of its tensors were looked up. */
export interface RecordedSource extends TensorSource {
  /** The names of the others, in order. */
  unused(): string[];
}

/** The same tensors, with a record. Disposing it disposes `source`. */
export function recorded(source: TensorSource): RecordedSource {
  const used = new Set<string>();
  const view = sourceOf({
    file: source.file,
    names: () => source.names(),
    find(name) {
      used.add(name);
      return source.find(name);
    },
    fill: ({ name }, offset, into) => source.readInto(name, offset, into),
    place: ({ name }) => source.place(name),
    why: (name) => source.whyAbsent(name),
    close: () => source[Symbol.dispose](),
  });
  return { ...view, unused: () => source.names().filter((name) => !used.has(name)) };
}
