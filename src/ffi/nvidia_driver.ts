/**
 * NVIDIA's driver and its cards, asked without the CUDA library: what there would be to run on.
 *
 * @module
 */

import { zeroTerminated } from "./status.ts";

/** A card. */
export interface Card {
  /** Its name, e.g. `NVIDIA H200`. */
  readonly name: string;
  /** Its compute capability, e.g. `9.0`. */
  readonly computeCapability: string;
  /** Bytes of its memory. */
  readonly memoryBytes: number;
}

/** What the driver says. */
export interface DriverReport {
  /** The newest CUDA that it is for, e.g. `13.0`; `null` where there is no driver. */
  readonly cuda: string | null;
  /** The cards that it lets this process see. */
  readonly cards: readonly Card[];
  /** Why there is no driver, or why it shows no cards; `null` where it shows one. */
  readonly message: string | null;
}

/** The driver's library, where the system looks for libraries. */
const DRIVER = "libcuda.so.1";

/** Functions of the driver's API, all of which return 0 where they do what they are for. */
const SYMBOLS = {
  cuDriverGetVersion: { parameters: ["buffer"], result: "i32" },
  cuInit: { parameters: ["u32"], result: "i32" },
  cuDeviceGetCount: { parameters: ["buffer"], result: "i32" },
  cuDeviceGetName: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  cuDeviceGetAttribute: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  cuDeviceTotalMem_v2: { parameters: ["buffer", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR. */
const [MAJOR, MINOR] = [75, 76];

/** CUDA_ERROR_NO_DEVICE: not one card, or none that CUDA_VISIBLE_DEVICES leaves. */
const NO_DEVICE = 100;

/** Asks the driver; `library` is its file. */
export function nvidiaDriver(library: string = DRIVER): DriverReport {
  let driver: Deno.DynamicLibrary<typeof SYMBOLS>;
  try {
    driver = Deno.dlopen(library, SYMBOLS);
  } catch (error) {
    const { message: reason } = error as Error;
    const message = error instanceof Deno.errors.NotCapable
      ? "native code is not permitted; run Deno with --allow-ffi"
      // What Deno says twice before the loader's own words.
      : reason.replace(/^(Could not open library: )+/, "");
    return { cuda: null, cards: [], message: `Cannot open ${library}: ${message}` };
  }
  // Never closed: the driver keeps threads of its own.
  const { symbols } = driver;
  const word = new Int32Array(1);
  const version = symbols.cuDriverGetVersion(word) === 0 ? word[0] : 0;
  const cuda = `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
  const silent = (message: string): DriverReport => ({ cuda, cards: [], message });
  const status = symbols.cuInit(0);
  if (status === NO_DEVICE) return silent("The driver sees no card, expected one or more");
  if (status !== 0) return silent(`Cannot start the driver: cuInit gave ${status}, expected 0`);
  const count = symbols.cuDeviceGetCount(word) === 0 ? word[0] : 0;
  if (count === 0) return silent("The driver sees no card, expected one or more");
  return {
    cuda,
    cards: Array.from({ length: count }, (_, i) => cardOf(symbols, i)),
    message: null,
  };
}

function cardOf(
  symbols: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"],
  index: number,
): Card {
  const name = new Uint8Array(256);
  const bytes = new BigUint64Array(1);
  symbols.cuDeviceGetName(name, name.length, index);
  symbols.cuDeviceTotalMem_v2(bytes, index);
  const attribute = (which: number): number => {
    const word = new Int32Array(1);
    symbols.cuDeviceGetAttribute(word, which, index);
    return word[0];
  };
  return {
    name: zeroTerminated(name),
    computeCapability: `${attribute(MAJOR)}.${attribute(MINOR)}`,
    memoryBytes: Number(bytes[0]),
  };
}
