/**
 * What differs between two runs of the same command is written `...`: the rules, each as its readers are told.
 *
 * @module
 */

/** A rule. */
interface Rule {
  /** What differs, for people. */
  readonly what: string;
  /** Where it stands. */
  readonly pattern: RegExp;
}

/** All rules; docs/tutorial/first-text.md tells them. */
export const RULES: readonly Rule[] = [
  { what: "times", pattern: /(?<![\w.])\d[\d.,]*(?= (?:ms|s|us|min)\b)/g },
  { what: "speeds", pattern: /(?<![\w.])\d[\d.,]*(?= (?:tokens\/s|GB\/s|TFLOP\/s)(?![\w]))/g },
  { what: "speeds", pattern: /(?<=_per_second":)\d[\d.e+-]*/g },
  { what: "times", pattern: /(?<="(?:[a-z_]*_)?ms":|"created":|"time":")[^,"}]+/g },
  { what: "memory that is free", pattern: /\d[\d.]* GB free of \d[\d.]* GB/g },
  {
    what: "memory that is free",
    pattern: /\d[\d.]* [MG]B(?= are free)|(?<=context that fits is )\d+/g,
  },
  { what: "hashes of the ABI", pattern: /(?<=ABI (?:is )?|expected )0x[0-9a-f]{16}/g },
  {
    what: "ids",
    pattern: /(?<="id":"(?:chatcmpl|cmpl|resp|msg)[-_])[\w-]+|(?<="id":")[0-9a-f]{32}/g,
  },
  { what: "the processor", pattern: /(?<=^(?:device +| {14}))\S.* threads? available$/gm },
  { what: "the processor", pattern: /(?<= on )[^,\n]+(?= \(cpu, )/g },
  { what: "the processor", pattern: /(?<=^CPU {11})\S.*$/gm },
];

/** `output` with what differs as `...`. */
export function steady(output: string): string {
  return RULES.reduce((text, { pattern }) => text.replaceAll(pattern, "..."), output);
}

/** Controls of a terminal. */
const CONTROLS = new RegExp(String.raw`\x1b\[[0-9;?]*[A-Za-z]`, "g");

/** What a terminal shows of what it was sent: a line that is written anew is its last state. */
export function shown(sent: string): string {
  return sent.replaceAll("\r\n", "\n").split("\n")
    .map((line) => line.split("\r").at(-1)!.replaceAll(CONTROLS, "").trimEnd())
    .join("\n").replace(/\n+$/, "");
}
