import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { SpecMQuantError } from "../../mod.ts";
import { testIo } from "../../src/cli/fixtures_test.ts";
import { Reporter } from "../native/reporter.ts";
import { smollm2Trio } from "./smollm2_trio.ts";

Deno.test("the trio of SmolLM2 says what is missing before it fetches or loads anything", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${dir}/draft.gguf`, "");
    Deno.mkdirSync(`${dir}/draft-eagle3`);
    const io = testIo();
    using reporter = new Reporter(io.stderr);
    const { message } = await assertRejects(() => smollm2Trio(reporter, dir), SpecMQuantError);
    const missing = "target-eagle3, target-dspark, draft-dspark not in";
    assertStringIncludes(message, `Cannot load the trio of SmolLM2: ${missing} ${dir}, expected`);
    assertEquals(io.stderr.text, "");
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
