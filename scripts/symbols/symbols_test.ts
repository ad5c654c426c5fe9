import { assert, assertEquals, assertThrows } from "@std/assert";
import { ABI_HASH, SMQ_LIMIT, SMQ_MAX_MASK, SYMBOLS } from "../../src/ffi/symbols.ts";
import { abiHash } from "./abi_hash.ts";
import { difference, generate } from "./symbols.ts";
import { parseHeader } from "./symbols_parse.ts";

const header = Deno.readTextFileSync(
  new URL("../../cuda/include/specmquant.h", import.meta.url),
);
const committed = Deno.readTextFileSync(new URL("../../src/ffi/symbols.ts", import.meta.url));

const SMALL = `
// colours
#define SMQ_RED 1
#define SMQ_BLUE -2  // the sky's
typedef struct smq_pen smq_pen;

// ---- section ----
// Draws a line; two
// lines of comment.
int32_t smq_draw(smq_pen* pen, uint64_t at, const void* src,
                 int64_t n, float w, int32_t i);  // behind
int32_t smq_new(smq_pen** out);
`;

Deno.test("the committed symbols are those of the header", () => {
  assertEquals(difference(committed, generate(header)), null);
  assertEquals(ABI_HASH, abiHash(header));
  assertEquals([SMQ_LIMIT, SMQ_MAX_MASK], [5, 4]);
});

Deno.test("every function of the header is a symbol with as many parameters", () => {
  const text = header.replace(/\/\/.*$/gm, "");
  const declared = [...text.matchAll(/int32_t (smq_\w+)\(([^)]*)\);/g)];
  assertEquals(Object.keys(SYMBOLS), declared.map(([, name]) => name));
  for (const [, name, list] of declared) {
    const { parameters } = SYMBOLS[name as keyof typeof SYMBOLS];
    assertEquals(parameters.length, list.split(",").length, name);
  }
});

Deno.test("a header is parsed with its comments", () => {
  const { constants, handles, declarations } = parseHeader(SMALL);
  assertEquals(constants, [
    { name: "SMQ_RED", value: 1, doc: "colours: SMQ_RED" },
    { name: "SMQ_BLUE", value: -2, doc: "the sky's" },
  ]);
  assertEquals(handles, ["pen"]);
  assertEquals(declarations.map(({ name }) => name), ["smq_draw", "smq_new"]);
  assertEquals(declarations[0].doc, ["Draws a line; two", "lines of comment."]);
  const types = declarations.map(({ parameters }) => parameters.map(({ type }) => type));
  assertEquals(types, [["handle:pen", "u64", "buffer", "i64", "f32", "i32"], ["buffer"]]);
});

Deno.test("what leaves the grammar is refused with its line", () => {
  const refused: [string, string][] = [
    ["\nvoid smq_x(int32_t a);", `line 2: found "void smq_x(int32_t a);"`],
    ["int32_t smq_x(double a);", `line 1: the type of a is "double"`],
    ["int32_t smq_x(const int32_t a);", `line 1: the type of a is "const int32_t"`],
    ["int32_t smq_x(int32_t);", `line 1: the parameter is "int32_t"`],
    ["int32_t smq_x();", `line 1: the parameter is ""`],
    ["\n\nint32_t smq_x(smq_y* y);", "line 3: the handle smq_y has no typedef above"],
    ["int32_t smq_x(int32_t** y);", `line 1: the type of y is "int32_t**"`],
    ["int32_t smq_x(int32_t a);\nint32_t smq_x(int32_t a);", "line 2: smq_x is declared twice"],
    ["int32_t smq_x(int32_t a,\n", `line 1: the declaration "int32_t smq_x(int32_t a,`],
    ["#define SMQ_X 1.5", `line 1: found "#define SMQ_X 1.5"`],
    ["typedef struct smq_a smq_b;", `line 1: found "typedef struct smq_a smq_b;"`],
  ];
  for (const [text, message] of refused) {
    assertThrows(() => parseHeader(text), Error, `Cannot parse the header, ${message}`);
  }
});

Deno.test("--check shows the lines that differ and ends with 1", () => {
  assertEquals(difference("a\nb\nc", "a\nB\nc"), "@@ line 2 @@\n- b\n+ B");
  assertEquals(difference("a", "a\nb"), "@@ line 2 @@\n+ b");
  const stale = committed.replace("smq_fill", "smq_pour");
  assert(difference(stale, committed)?.includes("smq_pour"));
});

Deno.test("the generated file is as deno fmt leaves it", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--check", "--ext", "ts", "--line-width", "100", "-"],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(generate(header)));
  await writer.close();
  assertEquals((await child.status).code, 0);
});
