/**
 * Small tokenizers that the tests of this folder write to temporary directories.
 *
 * @module
 */

/** The sign that byte-level BPE writes for each byte: printable Latin-1 as it is, others from U+0100. */
export function byteSigns(): string[] {
  const signs: string[] = [];
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    signs.push(String.fromCharCode(printable ? byte : next++));
  }
  return signs;
}

const MERGES: ReadonlyArray<[string, string]> = [
  ["h", "e"],
  ["l", "l"],
  ["he", "ll"],
  ["hell", "o"],
  ["Ġ", "w"],
  ["Ġw", "o"],
  // The first two of the four bytes of most emoji, so that tokens split characters unevenly.
  ["ð", "Ł"],
];

/** A byte-level BPE: 256 bytes, a few merges, and special tokens 263 to 265 (BOS, EOS, `<|user|>`). */
export function byteLevelTokenizer(): Record<string, unknown> {
  const tokens = [...byteSigns(), ...MERGES.map(([a, b]) => a + b)];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const special = ["<|bos|>", "<|eos|>", "<|user|>"].map((content, i) => ({
    id: tokens.length + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    version: "1.0",
    added_tokens: special,
    normalizer: null,
    pre_tokenizer: {
      type: "ByteLevel",
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: {
      type: "TemplateProcessing",
      single: [
        { SpecialToken: { id: "<|bos|>", type_id: 0 } },
        { Sequence: { id: "A", type_id: 0 } },
      ],
      pair: [],
      special_tokens: {
        "<|bos|>": { id: "<|bos|>", ids: [tokens.length], tokens: ["<|bos|>"] },
      },
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      vocab,
      merges: MERGES.map((pair) => pair.join(" ")),
      byte_fallback: false,
    },
  };
}

/** A BPE as Llama 2 has it: `▁` for spaces, a prefix space, bytes `<0x00>` to `<0xFF>` as fallback. */
export function metaspaceTokenizer(): Record<string, unknown> {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
  );
  const merges = [["▁", "h"], ["▁h", "i"], ["▁", "▁"], ["t", "h"], ["th", "e"], ["▁", "the"]];
  const letters = ["▁", ..."abcdefghijklmnopqrstuvwxyz.,!?é"];
  const tokens = ["<unk>", "<s>", "</s>", ...bytes, ...letters, ...merges.map((m) => m.join(""))];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  return {
    version: "1.0",
    added_tokens: ["<unk>", "<s>", "</s>"].map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      vocab,
      merges: merges.map((pair) => pair.join(" ")),
      unk_token: "<unk>",
      fuse_unk: true,
      byte_fallback: true,
    },
  };
}

/** The configuration that goes with {@linkcode byteLevelTokenizer}. */
export const BYTE_LEVEL_CONFIG: Readonly<Record<string, unknown>> = {
  bos_token: { content: "<|bos|>", lstrip: false },
  eos_token: "<|eos|>",
};

/** Writes files (text, or values as JSON) to a temporary directory for as long as `use` runs. */
export function withDirectory<T>(
  files: Readonly<Record<string, unknown>>,
  use: (dir: string) => T,
): T {
  const dir = Deno.makeTempDirSync();
  try {
    for (const [name, content] of Object.entries(files)) {
      const text = content instanceof Uint8Array
        ? content
        : new TextEncoder().encode(typeof content === "string" ? content : JSON.stringify(content));
      Deno.writeFileSync(`${dir}/${name}`, text);
    }
    return use(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** Whole numbers from 0 to `below - 1` that look random and are the same in each run. */
export function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
