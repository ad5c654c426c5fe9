/**
 * What a program does to files, step by step: tests look at what lies there before each step, or let it fail.
 *
 * @module
 */

/** Functions of `Deno` that change files. */
const CHANGES = ["openSync", "mkdirSync", "renameSync", "removeSync"] as const;

/** Methods of an open file that do. */
const WRITES = ["writeSync", "syncSync", "syncDataSync"] as const;

/** Those that nobody notices while the machine runs: they are steps, but not taken, which saves seconds. */
const UNSEEN: readonly string[] = ["syncSync", "syncDataSync"];

/** Hears of the n-th step before it is taken, counted from 1; it fails with what this throws. */
export type BeforeStep = (step: number, name: string) => void;

// deno-lint-ignore no-explicit-any
type Call = (this: any, ...args: any[]) => any;

/** Whether a call only opens a file for reading. */
function onlyReads(name: string, args: unknown[]): boolean {
  const options = (args[1] ?? {}) as Deno.OpenOptions;
  return name === "openSync" && !options.write && !options.append;
}

/** Runs `body`; returns how many steps were taken. Files that `before` itself changes are no steps. */
export async function withSteps(
  before: BeforeStep,
  body: () => void | Promise<void>,
): Promise<number> {
  let steps = 0;
  let inside = false;
  using stack = new DisposableStack();
  const watch = (holder: object, name: string): void => {
    const methods = holder as Record<string, Call>;
    const original = methods[name];
    methods[name] = function (...args) {
      if (!inside && !onlyReads(name, args)) {
        inside = true;
        try {
          before(++steps, name);
        } finally {
          inside = false;
        }
      }
      return UNSEEN.includes(name) ? undefined : original.apply(this, args);
    };
    stack.defer(() => void (methods[name] = original));
  };
  for (const name of CHANGES) watch(Deno, name);
  for (const name of WRITES) watch(Deno.FsFile.prototype, name);
  await body();
  return steps;
}

/** Copies a directory with all that is in it. */
export function copyTree(from: string, to: string): void {
  Deno.mkdirSync(to, { recursive: true });
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyTree(`${from}/${name}`, `${to}/${name}`);
    else Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
}
