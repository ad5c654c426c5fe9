import { assertEquals, assertThrows } from "@std/assert";
import { ABI_HASH } from "../../src/ffi/symbols.ts";
import { BuildError, root } from "../native/run.ts";
import { config } from "./npm.ts";
import { changesOf, checkVersion } from "./release.ts";

const HASH = `0x${ABI_HASH.toString(16).padStart(16, "0")}`;
const LOG = `# Changes\n\n## 1.2.0\n\nC ABI \`${HASH}\`.\n\n- b\n\n## 1.1.0\n\nC ABI \`0x0\`.\n`;

Deno.test("a version's changes are those below its heading", () => {
  assertEquals(changesOf(LOG, "1.1.0"), "\nC ABI `0x0`.\n");
  assertEquals(changesOf(LOG, "1.2"), undefined);
});

Deno.test("a release has one version and one C ABI", () => {
  checkVersion("1.2.0", "1.2.0", LOG);
  const refused = (version: string, ofConfig: string, what: string) =>
    assertThrows(() => checkVersion(version, ofConfig, LOG), BuildError, what);
  refused("1.2.0", "1.1.0", "Cannot release 1.2.0: deno.json has 1.1.0");
  refused("1.3.0", "1.3.0", "Cannot release 1.3.0: CHANGELOG.md has no such heading");
  refused("1.1.0", "1.1.0", `expected ${HASH}`);
  refused("1.2", "1.2", "it is no version");
});

Deno.test("the changelog has the version that deno.json has", () => {
  const { version } = config();
  checkVersion(version, version, Deno.readTextFileSync(`${root}CHANGELOG.md`));
});
