/**
 * Libraries that are not what they are called: for tests of what is said of them. What says how it is comes from the
 * environment of this process, so that one file can be several.
 *
 * @module
 */
import { SYMBOLS } from "../../src/ffi/symbols.ts";

/** Why nothing can be compiled here, or null. */
export function noCompiler(): string | null {
  try {
    new Deno.Command("cc", { args: ["--version"], stdout: "null", stderr: "null" }).outputSync();
    return null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "there is no C compiler";
    throw error;
  }
}

function compile(path: string, source: string): string {
  const file = `${path}.c`;
  Deno.writeTextFileSync(file, source);
  const { success, stderr } = new Deno.Command("cc", {
    args: ["-shared", "-fPIC", "-w", "-o", path, file],
    stderr: "piped",
  }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return path;
}

/** What `cudaLibrary` says where it has no device: its message. */
export const NO_DEVICE_MESSAGE = "FAKE_NO_DEVICE";

/**
 * A library of this ABI whose functions do nothing: it describes a card of 16 GB, of which 4 are free, or has none where
 * `FAKE_NO_DEVICE` says why.
 */
export function cudaLibrary(path: string, abi: bigint): string {
  const own = ["smq_abi_hash", "smq_describe", "smq_last_error", "smq_memory_info"];
  const rest = Object.keys(SYMBOLS).filter((name) =>
    !own.includes(name) && name !== "smq_context_create"
  );
  return compile(
    path,
    `
    #include <stdint.h>
    #include <stdlib.h>
    #include <string.h>
    ${rest.map((name) => `int ${name}() { return 0; }`).join("\n")}
    int smq_abi_hash(uint64_t* out) { *out = ${abi}ull; return 0; }
    static int write(char* out, int capacity, const char* text) {
      strncpy(out, text, capacity);
      return 0;
    }
    int smq_last_error(char* out, int capacity) {
      const char* message = getenv("${NO_DEVICE_MESSAGE}");
      return write(out, capacity, message ? message : "");
    }
    int smq_describe(int device, char* out, int capacity) {
      if (getenv("${NO_DEVICE_MESSAGE}")) return 3;
      return write(out, capacity, "{\\"backend\\":\\"cuda\\",\\"name\\":\\"Card\\",\\"memory\\":16,\\"detail\\":\\"compute capability 9.0\\"}");
    }
    int smq_context_create(int device, int threads, uint64_t* out) { *out = 4096; return 0; }
    int smq_memory_info(void* ctx, int64_t* used, int64_t* free, int64_t* total) {
      *used = 0; *free = 4000000000; *total = 16000000000; return 0;
    }
    `,
  );
}

/** What the driver's `cuInit` gives; 0 where it is not set. */
export const CU_INIT = "FAKE_CU_INIT";

/** A driver for CUDA 12.4 that sees one card. */
export function driverLibrary(path: string): string {
  return compile(
    path,
    `
    #include <stdint.h>
    #include <stdlib.h>
    #include <string.h>
    int cuDriverGetVersion(int* out) { *out = 12040; return 0; }
    int cuInit(unsigned flags) { const char* status = getenv("${CU_INIT}"); return status ? atoi(status) : 0; }
    int cuDeviceGetCount(int* out) { *out = 1; return 0; }
    int cuDeviceGetName(char* out, int capacity, int device) { strncpy(out, "Card", capacity); return 0; }
    int cuDeviceGetAttribute(int* out, int which, int device) { *out = which == 75 ? 8 : which == 76 ? 6 : -1; return 0; }
    int cuDeviceTotalMem_v2(uint64_t* out, int device) { *out = 24000000000; return 0; }
    `,
  );
}
