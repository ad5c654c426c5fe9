/**
 * How many of its cases a test tries. On the CPU library some tests take a part, which has every kind of case;
 * `SPECMQUANT_CASES=all` takes the whole (`deno task test:whole`), and so does CUDA, where it is quick.
 *
 * @module
 */

/** Whether the whole is asked for. */
export const ALL_CASES: boolean = Deno.env.get("SPECMQUANT_CASES") === "all";

/** One case of `every`, from number `first` on; all of them on CUDA and where the whole is asked for. */
export function someOf<T>(
  cases: readonly T[],
  every: number,
  { first = 0, backend = "cpu" }: { first?: number; backend?: string } = {},
): readonly T[] {
  if (ALL_CASES || backend === "cuda") return cases;
  return cases.filter((_, i) => i % every === first % every);
}
