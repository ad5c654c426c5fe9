/**
 * The packages, as those who install them have them: neither a checkout nor a compiler. With `SPECMQUANT_PACKAGES`
 * set (`deno task test:packages`) also what npm installs and the one file, each in an empty root.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { prebuiltPackages } from "../../src/ffi/library.ts";
import { carry } from "../../scripts/package/carry.ts";
import { npmPackages } from "../../scripts/package/npm.ts";
import { PREBUILT, SCOPE } from "../../scripts/package/prebuilt.ts";
import { Reporter } from "../../scripts/native/reporter.ts";
import { smollm2 } from "../../scripts/smollm2.ts";
import { processIo } from "../../src/cli/terminal/io.ts";
import { noNamespaces } from "../namespaces.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const LIBRARY = `${ROOT}build/libspecmquant_cpu.so`;
const PACKAGE = "node_modules/@specmquant/specmquant";

/** Whether the long ones are asked for. */
const LONG = Boolean(Deno.env.get("SPECMQUANT_PACKAGES"));

const folder = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

let packed: string[] | undefined;

/** The tarballs of the main package and of the CPU library, made once. */
function tarballs(): string[] {
  const libraries = [["linux-x64-cpu", LIBRARY]] as const;
  return packed ??= npmPackages({ libraries, out: `${folder}/packages`, types: false });
}

/** Runs a program apart from this checkout; what it printed to standard output. */
function run(command: string, args: readonly string[], cwd: string): string {
  const bin = Deno.execPath().replace(/\/[^/]*$/, "");
  const { code, stdout, stderr } = new Deno.Command(command, {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", SPECMQUANT_LIBRARY: "", PATH: `${bin}:${Deno.env.get("PATH")}` },
  }).outputSync();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(code, 0, out + err);
  return out;
}

/** What the command line generates with the models at `models`. */
function generate(models: string): string[] {
  const options = ["--prompt", "1 + 1", "--max-tokens", "4", "--json"];
  return ["generate", "--target", `${models}/demo/target`, ...options];
}

/** What the same gives in this checkout. */
function expected(): unknown {
  const args = ["run", "-A", "--no-check", `${ROOT}src/cli/main.ts`, ...generate(`${ROOT}models`)];
  return JSON.parse(run(Deno.execPath(), args, folder)).tokens;
}

Deno.test("libraries are looked for in the packages that are made", () => {
  const names = PREBUILT.filter(({ cpu }) =>
    cpu === (Deno.build.arch === "x86_64" ? "x64" : "arm64")
  )
    .map(({ name }) => `${SCOPE}/${name}`);
  const found = (["cpu", "cuda"] as const).flatMap((kind) => [...prebuiltPackages(kind)]);
  for (const name of names) assert(found.includes(name), `${name} is made and not looked for`);
});

// 8 s.
Deno.test({
  name:
    "the packed program finds its library in a package, under Node, as a program and as a module",
  ignore: Deno.build.arch !== "x86_64",
  fn() {
    const at = `${folder}/unpacked`;
    for (const [i, name] of ["specmquant", "linux-x64-cpu"].entries()) {
      const to = `${at}/node_modules/${SCOPE}/${name}`;
      Deno.mkdirSync(to, { recursive: true });
      run("tar", ["-xzf", tarballs()[i], "-C", to, "--strip-components=1"], folder);
    }
    // What it depends on comes from Deno's cache, so that no registry is asked.
    for (const name of ["tokenizers", "get-east-asian-width"]) {
      const cached = fileURLToPath(import.meta.resolve(name)).replace(/\/[^/]*$/, "");
      Deno.mkdirSync(`${at}/node_modules/${name}`);
      for (const entry of Deno.readDirSync(cached)) {
        if (!entry.isFile || /(?<!linux-x64-gnu)\.node$/.test(entry.name)) continue;
        const to = `${at}/node_modules/${name}/${entry.name}`;
        Deno.copyFileSync(`${cached}/${entry.name}`, to);
      }
    }
    const manifest = JSON.parse(Deno.readTextFileSync(`${at}/${PACKAGE}/package.json`));
    assertEquals(manifest.optionalDependencies, {
      "@specmquant/linux-x64-cpu": manifest.version,
      "@specmquant/linux-arm64-cpu": manifest.version,
    });
    assert(Object.values<string>(manifest.dependencies).every((v) => /^[\d.]+$/.test(v)));
    const command = [`${PACKAGE}/bin/specmquant.mjs`, ...generate(`${PACKAGE}/models`)];
    const { tokens } = JSON.parse(run("node", command, at));
    assertEquals(tokens, expected());
    const program = `import { Engine } from "@specmquant/specmquant";
      using engine = await Engine.load({ target: "${PACKAGE}/models/demo/target" });
      const { tokens } = await engine.generate("1 + 1", { maxTokens: 4 }).finish();
      console.log(JSON.stringify(tokens));`;
    Deno.writeTextFileSync(`${at}/package.json`, "{}");
    Deno.writeTextFileSync(`${at}/program.mjs`, program);
    const flags = ["run", "-A", "--node-modules-dir=manual"];
    assertEquals(JSON.parse(run(Deno.execPath(), [...flags, "program.mjs"], at)), tokens);
    // Texts of the page are scripts, too, and stay as they are.
    for (const file of ["index.html", "main.js"].map((name) => `src/server/page/${name}`)) {
      assertEquals(
        Deno.readTextFileSync(`${at}/${PACKAGE}/${file}`),
        Deno.readTextFileSync(ROOT + file),
      );
    }
  },
});

/** The libraries of the system that Deno, Node and the tokenizer need. */
const SYSTEM = ["dl", "stdc++", "gcc_s", "rt", "pthread", "m", "c"];
const VERSIONS: Readonly<Record<string, string>> = { dl: "2", "stdc++": "6", m: "6", c: "6" };

/** A folder that is a whole system: the libraries of C and C++, and nothing else. */
function emptyRoot(name: string): string {
  const root = `${folder}/${name}`;
  const system = "lib/x86_64-linux-gnu";
  for (const path of ["lib64", system, "proc", "tmp", "home"]) {
    Deno.mkdirSync(`${root}/${path}`, { recursive: true });
  }
  Deno.copyFileSync("/lib64/ld-linux-x86-64.so.2", `${root}/lib64/ld-linux-x86-64.so.2`);
  for (const name of SYSTEM) {
    const file = `lib${name}.so.${VERSIONS[name] ?? (name === "pthread" ? "0" : "1")}`;
    Deno.copyFileSync(`/${system}/${file}`, `${root}/${system}/${file}`);
  }
  return root;
}

/** Runs a program in `root`, without network; what it printed to standard output. */
function inside(root: string, ...command: string[]): string {
  const namespaces = ["--user", "--map-root-user", "--net", "--pid", "--fork"];
  const enter = [...namespaces, `--mount-proc=${root}/proc`, "chroot", root, ...command];
  const path = `PATH=${Deno.env.get("PATH")}`;
  return run("env", ["-i", "HOME=/home", "NO_COLOR=1", path, "unshare", ...enter], folder);
}

const apart = LONG ? noNamespaces() : "SPECMQUANT_PACKAGES is not set";
if (apart !== undefined) console.log(`skipped: packages in an empty root (${apart})`);
Deno.test({
  name: 'what npm installs runs "Try it" in a root that has Node, and neither a compiler nor Deno',
  ignore: apart !== undefined,
  async fn() {
    const root = emptyRoot("installed");
    const at = "home/app";
    Deno.mkdirSync(`${root}/${at}`);
    const quiet = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
    const installed = ["deno@2.9.6", ...tarballs()];
    run("npm", ["install", ...quiet, ...installed], `${root}/${at}`);
    const [node] = run("sh", ["-c", 'readlink -f "$(command -v node)"'], folder).split("\n");
    Deno.copyFileSync(node, `${root}/node`);
    const models = `/${at}/${PACKAGE}/models`;
    const tried = (...args: string[]) =>
      inside(root, "/node", `/${at}/${PACKAGE}/bin/specmquant.mjs`, ...args);
    for (const args of [["demo"], ["demo", "1 + 1?"]]) {
      assertStringIncludes(tried(...args), "identical to plain decoding: yes");
    }
    assertEquals(JSON.parse(tried(...generate(models))).tokens, expected());
    assertMatch(tried("doctor"), /^usable +yes, on cpu\n/);
    using reporter = new Reporter(processIo().stderr, { rewrite: false });
    Deno.copyFileSync(await smollm2(reporter), `${root}/home/smollm2.gguf`);
    const question = ["--chat", "-p", "What is the capital of France?"];
    assertStringIncludes(tried("generate", "-t", "/home/smollm2.gguf", ...question), "Paris");
  },
});

Deno.test({
  name: "the one file generates in a root that has the libraries of C and C++ and nothing else",
  ignore: apart !== undefined,
  async fn() {
    const root = emptyRoot("root");
    await carry(tarballs(), Deno.execPath(), `${root}/specmquant`);
    assertMatch(inside(root, "/specmquant", "--help"), /^Usage: specmquant /);
    const [{ name }] = [...Deno.readDirSync(`${root}/home/.cache/specmquant`)];
    const models = `/home/.cache/specmquant/${name}/${PACKAGE}/models`;
    const { tokens } = JSON.parse(inside(root, "/specmquant", ...generate(models)));
    assertEquals(tokens, expected());
    const demo = inside(root, "/specmquant", "demo", "1 + 1?");
    assertStringIncludes(demo, "identical to plain decoding: yes");
  },
});
