/**
 * A checkout as users have it, in an awkward folder: what runs from it, and the command installed from it.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { importMap } from "./install.ts";
import { AWKWARD, checkout } from "./native/fixtures_test.ts";

const parent = Deno.makeTempDirSync();
const at = `${parent}/${AWKWARD}`;
checkout(at);
addEventListener("unload", () => Deno.removeSync(parent, { recursive: true }));

/** Runs a program in a folder that has nothing to do with the checkout; what it printed. */
function run(command: string, ...args: string[]): string {
  const folder = Deno.execPath().replace(/\/[^/]*$/, "");
  const { code, stdout, stderr } = new Deno.Command(command, {
    args,
    cwd: parent,
    env: { NO_COLOR: "1", PATH: `${folder}:${Deno.env.get("PATH")}` },
  }).outputSync();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(code, 0, out + err);
  return out;
}

// 2 s.
Deno.test("the command line and the demo run in a folder with any signs in its name", () => {
  const main = ["run", "-A", "--no-check", `${at}/src/cli/main.ts`];
  const target = `${at}/models/demo/target`;
  assertMatch(run(Deno.execPath(), ...main, "inspect", target), /^kind +model\n/);
  const demo = run(Deno.execPath(), "run", "-A", "--no-check", `${at}/scripts/demo.ts`, "1 + 1?");
  assertStringIncludes(demo, "identical to plain decoding: yes");
});

// 2 s.
Deno.test("an installed specmquant runs from any folder, with a library and all imports", () => {
  const root = `${parent}/installed`;
  run(Deno.execPath(), "run", "-A", "--no-check", `${at}/scripts/install.ts`, "--root", root);
  const installed = `${root}/bin/specmquant`;
  assertMatch(run(installed, "--help"), /^Usage: specmquant /);
  const target = `${AWKWARD}/models/demo/target`;
  const options = ["--target", target, "--prompt", "1 + 1", "--max-tokens", "4", "--json"];
  assertEquals(JSON.parse(run(installed, "generate", ...options)).tokens.length, 4);
});

Deno.test("the import map has what deno.json imports, and linked packages by their files", async () => {
  const folder = new URL("../", import.meta.url);
  const { imports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", folder)));
  const map = await importMap(folder);
  for (const [name, target] of Object.entries<string>(imports)) {
    if (target.startsWith("npm:")) {
      assertEquals([map[name], map[`${name}/`]], [target, `npm:/${target.slice(4)}/`]);
    } else assert(map[name].startsWith(new URL("vendor/", folder).href), `${name}: ${map[name]}`);
  }
  for (const target of Object.values(map)) {
    if (target.startsWith("file:")) assert(Deno.statSync(new URL(target)).isFile, target);
  }
});
