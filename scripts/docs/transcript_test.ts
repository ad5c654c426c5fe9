import { assertEquals, assertThrows } from "@std/assert";
import { shown, steady } from "./steady.ts";
import { blocksOf, withOutputs } from "./transcript.ts";

const DOCUMENT = `# Title

<!-- situation: mkdir place -->

\`\`\`console task
$ first \\
    --more
out

put
$ second
\`\`\`

\`\`\`ts ignore a.ts
code();
\`\`\`

\`\`\`sh
$ nothing
\`\`\`
`;

Deno.test("documents: commands, outputs, files and situations are found", () => {
  assertEquals(blocksOf(DOCUMENT), [
    { command: "mkdir place" },
    {
      words: ["task"],
      line: 5,
      entries: [
        { command: "first \\\n    --more", output: "out\n\nput" },
        { command: "second", output: "" },
      ],
    },
    { name: "a.ts", text: "code();\n" },
  ]);
  assertThrows(() => blocksOf("```console tsak\n```"), Error, '"tsak" says nothing');
  assertThrows(() => blocksOf("```console\nls\n```"), Error, '"ls" is no command');
});

Deno.test("documents: other outputs are put in, and nothing else is changed", () => {
  const changed = withOutputs(DOCUMENT, new Map([[5, ["", "new"]]]));
  assertEquals(changed, DOCUMENT.replace("out\n\nput\n$ second", "$ second\nnew"));
  assertEquals(withOutputs(DOCUMENT, new Map()), DOCUMENT);
  // What is read is what was written.
  assertEquals(withOutputs(DOCUMENT, new Map([[5, ["out\n\nput", ""]]])), DOCUMENT);
});

Deno.test("documents: what differs from run to run is left out, and nothing else", () => {
  const cases = [
    [
      "43 tokens in 0.29 s, 148.3 tokens/s, tau 1.00, read in 23 ms",
      "43 tokens in ... s, ... tokens/s, tau 1.00, read in ... ms",
    ],
    ["memory        21.30 GB free of 25.28 GB", "memory        ..."],
    [
      "they need 4147.21 GB, 21.3 GB are free; the largest context that fits is 123",
      "they need 4147.21 GB, ... are free; the largest context that fits is ...",
    ],
    ["25.2 MB became 8.4 MB in my-w4", "25.2 MB became 8.4 MB in my-w4"],
    [`{"id":"${"0a".repeat(16)}"}`, '{"id":"..."}'],
    ['{"id":"demo","created":12}', '{"id":"demo","created":...}'],
    ['{"id":"chatcmpl-1f","total_ms":1.5}', '{"id":"chatcmpl-...","total_ms":...}'],
    ["device        AMD EPYC, avx2, 2 threads available", "device        ..."],
    ["method auto on AMD EPYC (cpu, because", "method auto on ... (cpu, because"],
    [
      "its ABI is 0xe64094c13d57224b, expected 0x0123456789abcdef;",
      "its ABI is ..., expected ...;",
    ],
  ];
  for (const [output, expected] of cases) assertEquals(steady(output), expected);
});

Deno.test("documents: a line that was written anew is its last state", () => {
  assertEquals(shown("a\r\nquantizing 3%\r\x1b[Kdone\r\n\r\n"), "a\ndone");
});
