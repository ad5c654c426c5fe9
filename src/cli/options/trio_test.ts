import { assertEquals } from "@std/assert";
import { trioModels } from "./trio.ts";

function withTrio(names: readonly string[], body: (dir: string) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    for (const name of names) {
      if (name.endsWith(".gguf")) Deno.writeTextFileSync(`${dir}/${name}`, "");
      else Deno.mkdirSync(`${dir}/${name}`);
    }
    body(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

Deno.test("trioModels: what each method takes", () => {
  const names = ["target", "draft", "target-eagle2", "draft-eagle2"];
  withTrio(names, (dir) => {
    const [target, draft, targetHead, head] = names.map((name) => `${dir}/${name}`);
    const all = { target, draft, head, "target-head": targetHead };
    assertEquals(trioModels(dir, {}), all);
    assertEquals(trioModels(dir, { method: "auto" }), all);
    assertEquals(trioModels(dir, { method: "ar" }), { target });
    assertEquals(trioModels(dir, { method: "suffix" }), { target });
    assertEquals(trioModels(dir, { method: "draft" }), { target, draft });
    assertEquals(trioModels(dir, { method: "eagle2" }), { target, head: targetHead });
    assertEquals(trioModels(dir, { method: "hier" }), { target, draft, head });
    assertEquals(trioModels(dir, { inner: "eagle2" }), { target, draft, head });
    assertEquals(trioModels(dir, { inner: "suffix" }), { target, draft });
    // What is not there is named all the same, and found missing where it is opened.
    assertEquals(trioModels(dir, { method: "dspark" }), { target, head: `${dir}/target-dspark` });
  });
});

Deno.test("trioModels: heads of other families, GGUF files, a target from elsewhere", () => {
  const names = ["draft.gguf", "target-dspark", "target-eagle3", "draft-dspark"];
  withTrio(names, (dir) => {
    const [draft, , targetHead, head] = names.map((name) => `${dir}/${name}`);
    const target = "elsewhere.gguf";
    assertEquals(trioModels(dir, { target }), { target, draft, head, "target-head": targetHead });
    assertEquals(trioModels(dir, { target, method: "hier" }), { target, draft, head });
    assertEquals(trioModels(dir, { method: "ar" }), { target: `${dir}/target` });
  });
});
