import { assert, assertEquals, assertThrows } from "@std/assert";
import { FileError } from "../../base/errors.ts";
import { checkWritable, WholeFile, writeWhole } from "./whole_file.ts";

function withTemp(use: (dir: string) => void): void {
  const dir = Deno.makeTempDirSync();
  try {
    use(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

const namesIn = (dir: string) => [...Deno.readDirSync(dir)].map(({ name }) => name).sort();

Deno.test("WholeFile: the old file stays until the new one is complete", () =>
  withTemp((dir) => {
    const file = `${dir}/a`;
    writeWhole(file, "before");
    {
      using whole = new WholeFile(file);
      whole.write(new Uint8Array([104]));
      assertEquals(Deno.readTextFileSync(file), "before");
      assertEquals(namesIn(dir).length, 2);
    }
    assertEquals([Deno.readTextFileSync(file), namesIn(dir)], ["before", ["a"]]);
    writeWhole(file, "after");
    checkWritable(file);
    assertEquals([Deno.readTextFileSync(file), namesIn(dir)], ["after", ["a"]]);
    checkWritable(`${dir}/b`);
    assertEquals(namesIn(dir), ["a"]);
  }));

Deno.test("WholeFile: what cannot be replaced is written to as it is", async () => {
  assertThrows(() => writeWhole("/dev/full", "x"), FileError, "/dev/full: no space is left");
  writeWhole("/dev/null", "x");
  for (const device of ["/dev/full", "/dev/null"]) {
    checkWritable(device);
    assert(Deno.statSync(device).isCharDevice);
  }
  // Standard output that is a file is not replaced behind the back of whoever else writes to it.
  const script = `import { writeWhole } from ${
    JSON.stringify(import.meta.resolve("./whole_file.ts"))
  };
    console.log("one"); writeWhole("/dev/stdout", "two\\n"); console.log("three");`;
  const dir = Deno.makeTempDirSync();
  Deno.writeTextFileSync(`${dir}/main.ts`, script);
  const args = ["-c", `'${Deno.execPath()}' run -A --no-check '${dir}/main.ts' >> '${dir}/out'`];
  await new Deno.Command("sh", { args }).output();
  assertEquals(Deno.readTextFileSync(`${dir}/out`), "one\ntwo\nthree\n");
  Deno.removeSync(dir, { recursive: true });
});
