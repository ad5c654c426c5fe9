import { assertEquals, assertThrows } from "@std/assert";
import { FileError, SpecMQuantError } from "./errors.ts";
import { fileError, onFile, systemReason } from "./system_error.ts";

/** What the system itself says of some work. */
function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing went wrong");
}

Deno.test("systemReason: what the system says, in words", () => {
  using full = Deno.openSync("/dev/full", { write: true });
  const parent = Deno.makeTempDirSync();
  Deno.mkdirSync(`${parent}/child`);
  const cases: [work: () => unknown, reason: string][] = [
    [() => full.writeSync(new Uint8Array(1)), "no space is left on the device"],
    [() => Deno.readFileSync("/dev/null/x"), "a part of the path is a file, expected a directory"],
    [() => Deno.readFileSync("/dev"), "it is a directory, expected a file"],
    [() => Deno.readFileSync(`/${"x".repeat(300)}`), "its name is too long"],
    [() => Deno.readFileSync("/there is none"), "there is no such file"],
    [() => Deno.mkdirSync("/dev"), "it exists already"],
    [() => Deno.removeSync(parent), "the directory is not empty"],
  ];
  for (const [work, reason] of cases) assertEquals(systemReason(errorOf(work)), reason);
  Deno.removeSync(parent, { recursive: true });
  const unknown = new Error("Stale file handle (os error 116): open 'x'");
  assertEquals(systemReason(unknown), "Stale file handle");
  assertEquals(
    systemReason(new Deno.errors.NotCapable("Requires write access")),
    "Requires write access",
  );
  assertEquals(systemReason(new TypeError("x is undefined")), undefined);
});

Deno.test("onFile: errors of the system name the file, others stay what they are", () => {
  const write = (file: string) =>
    onFile("write", file, () => Deno.writeFileSync(file, new Uint8Array(1)));
  const error = assertThrows(() => write("/dev/full"), FileError);
  assertEquals(error.message, "Cannot write /dev/full: no space is left on the device");
  assertEquals([error.code, error.file], ["file", "/dev/full"]);
  assertThrows(() => write("/no/such"), FileError, "Cannot write /no/such: its directory does not");
  const own = new SpecMQuantError("x", "y");
  assertEquals(fileError("read", "f", own), own);
  assertEquals(onFile("read", "f", () => 5), 5);
});
