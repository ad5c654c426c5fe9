/**
 * One file that carries a whole Deno, the npm packages and the models: where the slimmer runtime of `deno compile`
 * cannot be had. It unpacks itself into the user's cache when it first runs.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { BuildError } from "../native/run.ts";
import { command } from "./npm.ts";

/** What ends such a file. */
const MAGIC = "SMQCARRY";

/** The name of the tokenizer library's build for Linux on x86-64 with glibc; the other systems' stay out. */
const TOKENIZERS = "tokenizers.linux-x64-gnu.node";

function* files(folder: string, path = ""): Generator<string> {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(`${folder}/${path}`)) {
    const inside = path === "" ? name : `${path}/${name}`;
    if (isDirectory && name !== ".bin") yield* files(folder, inside);
    else if (isFile && (!/^tokenizers\..*\.node$/.test(name) || name === TOKENIZERS)) yield inside;
  }
}

/** FNV-1a, 64 bits, of a text. */
function hash(text: string): bigint {
  let value = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  }
  return value;
}

/**
 * Writes the file `out` of packages, their tarballs, and the Deno at `deno`. What they depend on comes through npm.
 *
 * @throws {BuildError} there is no static C++ library, or npm cannot get what they depend on
 */
export async function carry(
  tarballs: readonly string[],
  deno: string,
  out: string,
): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    const launcher = `${folder}/launcher`;
    const source = fileURLToPath(new URL("launcher.cpp", import.meta.url));
    command("c++", ["-std=c++17", "-O2", "-static", "-s", source, "-o", launcher]);
    const quiet = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
    Deno.mkdirSync(`${folder}/tree`);
    command("npm", ["install", ...quiet, ...tarballs], `${folder}/tree`);
    const parts: Array<readonly [mode: number, from: string, path: string]> = [
      [0o755, deno, "deno"],
      ...[...files(`${folder}/tree`, "node_modules")].sort().map((path) =>
        [0o644, `${folder}/tree/${path}`, path] as const
      ),
    ];
    using file = Deno.openSync(`${out}.part`, { write: true, create: true, truncate: true });
    const write = (bytes: Uint8Array) => {
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      return bytes.length;
    };
    let at = write(Deno.readFileSync(launcher));
    let index = "";
    let content = "";
    for (const [mode, from, path] of parts) {
      if (path.includes("\n")) throw new BuildError(`Cannot package ${path}: a line's end in it`);
      const bytes = Deno.readFileSync(from);
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
      at += write(bytes);
      index += `${mode.toString(8)} ${bytes.length} ${path}\n`;
      content += `${digest} ${path}\n`;
    }
    const lines = new TextEncoder().encode(index);
    write(lines);
    const trailer = [BigInt(at), BigInt(lines.length), hash(content)];
    write(new Uint8Array(BigUint64Array.from(trailer).buffer));
    write(new TextEncoder().encode(MAGIC));
    Deno.chmodSync(`${out}.part`, 0o755);
    Deno.renameSync(`${out}.part`, out);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
