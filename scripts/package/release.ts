/**
 * Prepares a release, and uploads nothing:
 *
 *     deno run -A scripts/package/release.ts --version X [--dry-run] [--library NAME=FILE]...
 *
 * Checks that nothing is uncommitted, and that `deno.json` and `CHANGELOG.md` are of this version and of this C ABI;
 * builds the CPU library and all packages into `build/packages`; checks JSR's limits; prints sizes and SHA-256, which
 * also come into `SHA256SUMS` there. Without `--dry-run` it then tags the commit, and says what uploads the packages.
 * `--library` adds libraries that are built elsewhere, see `scripts/package/npm.ts`.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { ABI_HASH } from "../../src/ffi/symbols.ts";
import { sha256 } from "../models/wheel.ts";
import { BuildError, root, script } from "../native/run.ts";
import { BINARY } from "./binary.ts";
import { carry } from "./carry.ts";
import { deno } from "./modules.ts";
import { command, config, libraryOption, npmPackages } from "./npm.ts";
import { JSR_LIMITS } from "./prebuilt.ts";

/** What `CHANGELOG.md` has of a version: the text below its heading; undefined where there is none. */
export function changesOf(changelog: string, version: string): string | undefined {
  const sections = changelog.split(/^## /m);
  return sections.find((section) => section.startsWith(`${version}\n`))?.slice(version.length + 1);
}

/**
 * Checks that `version` is that of `deno.json`, and that the changelog has it with the hash of the C ABI.
 *
 * @throws {BuildError} they do not agree
 */
export function checkVersion(version: string, ofConfig: string, changelog: string): void {
  const wrong = (what: string) => new BuildError(`Cannot release ${version}: ${what}`);
  if (!/^\d+\.\d+\.\d+$/.test(version)) throw wrong("it is no version, expected e.g. 1.2.3");
  if (ofConfig !== version) throw wrong(`deno.json has ${ofConfig}`);
  const changes = changesOf(changelog, version);
  if (changes === undefined) throw wrong("CHANGELOG.md has no such heading");
  const hash = `0x${ABI_HASH.toString(16).padStart(16, "0")}`;
  const found = /^C ABI `(0x[0-9a-f]{16})`/m.exec(changes)?.[1];
  if (found !== hash) {
    throw wrong(`CHANGELOG.md has the C ABI ${found ?? "of no library"}, expected ${hash}`);
  }
}

/** Checks the package of JSR: that it could be published, and its limits. */
function checkJsr(): void {
  const text = new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty"],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).outputSync();
  const said = new TextDecoder().decode(text.stderr);
  if (!text.success) throw new BuildError(`${said}Cannot release: JSR would not take the package`);
  const units: Record<string, number> = { B: 1, KB: 1000, MB: 1e6 };
  const sizes = [...said.matchAll(/\(([\d.]+)(B|KB|MB)\)$/gm)]
    .map(([, count, unit]) => Number(count) * units[unit]);
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const most = Math.max(...sizes);
  if (sizes.length === 0 || all > JSR_LIMITS.all || most > JSR_LIMITS.one) {
    throw new BuildError(
      `Cannot release: JSR's package has ${sizes.length} files of ${all} bytes, the largest ${most}, ` +
        `expected at most ${JSR_LIMITS.all}, and ${JSR_LIMITS.one} of one`,
    );
  }
  console.log(`JSR: ${sizes.length} files, ${(all / 1e6).toFixed(1)} MB`);
}

if (import.meta.main) {
  await script(async () => {
    const options = parseArgs(Deno.args, {
      string: ["version", "library"],
      boolean: ["dry-run"],
      collect: ["library"],
      default: { version: "" },
    });
    const { version } = options;
    checkVersion(version, config().version, Deno.readTextFileSync(`${root}CHANGELOG.md`));
    const changed = command("git", ["status", "--porcelain"]);
    if (changed !== "") {
      throw new BuildError(`${changed}Cannot release ${version}: there are uncommitted changes`);
    }
    const out = `${root}build/packages`;
    // Of this release and no other.
    Deno.mkdirSync(out, { recursive: true });
    Deno.removeSync(out, { recursive: true });
    deno("run", "-A", "scripts/build.ts");
    checkJsr();
    const libraries = [
      ["linux-x64-cpu", `${root}build/libspecmquant_cpu.so`] as const,
      ...options.library.map((text) => libraryOption(String(text))),
    ];
    const tarballs = npmPackages({ libraries, out, types: true });
    await carry(tarballs.slice(0, 2), Deno.execPath(), `${out}/${BINARY}`);
    let sums = "";
    for (const path of [...tarballs, `${out}/${BINARY}`]) {
      const bytes = Deno.readFileSync(path);
      const name = path.slice(out.length + 1);
      sums += `${await sha256(bytes)}  ${name}\n`;
      console.log(`${(bytes.length / 2 ** 20).toFixed(1).padStart(7)} MiB  ${name}`);
    }
    Deno.writeTextFileSync(`${out}/SHA256SUMS`, sums);
    console.log(sums.trimEnd());
    if (options["dry-run"]) return;
    command("git", ["tag", `v${version}`]);
    const upload = [...tarballs.slice(1), tarballs[0]].map((path) => `npm publish ${path}`);
    console.log(
      ["", `Tagged v${version}. To upload:`, `git push origin v${version}`, ...upload].join("\n"),
    );
    console.log("deno publish");
  });
}
