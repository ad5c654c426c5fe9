import { assertEquals, assertThrows } from "@std/assert";
import { BuildError } from "./native/run.ts";
import { parseCudaOptions } from "./build_cuda.ts";

Deno.test("without arguments, every architecture is built and nothing fetched", () => {
  assertEquals(parseCudaOptions([]), {
    archs: ["80", "86", "89", "90a", "100"],
    fetch: false,
    debug: false,
    check: false,
  });
});

Deno.test("--arch takes a list, behind a space or an equals sign", () => {
  assertEquals(parseCudaOptions(["--arch", "90a", "--fetch"]).archs, ["90a"]);
  assertEquals(parseCudaOptions(["--arch=80,90a", "--check"]).archs, ["80", "90a"]);
});

Deno.test("what is not an architecture or not known is refused by name", () => {
  assertThrows(() => parseCudaOptions(["--arch", "sm_90"]), BuildError, '"sm_90"');
  assertThrows(() => parseCudaOptions(["--arch"]), BuildError, '""');
  assertThrows(() => parseCudaOptions(["--fast"]), BuildError, "--fast");
  assertThrows(() => parseCudaOptions(["--check", "--debug"]), BuildError, "one of them");
});
