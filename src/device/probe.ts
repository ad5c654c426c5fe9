/**
 * Whether a library can be used, and if not, why not: for people who look for what is wrong.
 *
 * @module
 */

import { SpecMQuantError } from "../base/errors.ts";
import {
  EXPECTED_ABI,
  findLibrary,
  libraryAbi,
  type LibraryKind,
  openLibrary,
} from "../ffi/library.ts";
import { Device, type DeviceMemory } from "./device.ts";

/**
 * What has become of a library: it is `ready`; there is none (`missing`); Deno may not read or open it (`not_permitted`); the
 * file is no library, or lacks one of its own (`unloadable`); it was built from another header (`abi_mismatch`); it is one of
 * the other kind (`wrong_kind`); there is no driver, one that is too old, or no card that it sees (`no_driver`, `old_driver`,
 * `no_device`); the card is not one that it was built for, or will not (`refused`).
 */
export type LibraryState =
  | "ready"
  | "missing"
  | "not_permitted"
  | "unloadable"
  | "abi_mismatch"
  | "wrong_kind"
  | "no_driver"
  | "old_driver"
  | "no_device"
  | "refused";

/** A library of one kind, as it was found. */
export interface LibraryReport {
  /** Which implementation. */
  readonly kind: LibraryKind;
  /** What has become of it. */
  readonly state: LibraryState;
  /** The file; `null` where there is none. */
  readonly path: string | null;
  /** The hash of the header that it was built from; `null` where that is not known. */
  readonly abi: string | null;
  /** What is wrong, for people; `null` where nothing is. */
  readonly message: string | null;
  /** Its first device; `null` where it cannot be used. */
  readonly device: ProbedDevice | null;
}

/** A device that could be opened. */
export interface ProbedDevice {
  /** Its name. */
  readonly name: string;
  /** What else its library says of it. */
  readonly detail: string;
  /** Bytes, when it was looked at. */
  readonly memory: DeviceMemory;
}

/** How the messages of `cuda/runtime.cu` tell why there is no device: all have one status. */
export const NO_DEVICE_WORDS: readonly (readonly [state: LibraryState, words: string])[] = [
  ["no_driver", "no NVIDIA driver is installed"],
  ["old_driver", "the driver is for CUDA"],
  ["no_device", "sees no device"],
];

/** Looks for the library of `kind` as a device does, and tries it. */
export function probeLibrary(kind: LibraryKind): LibraryReport {
  let path: string | null = null;
  let abi: string | null = null;
  const report = (
    state: LibraryState,
    message: string | null,
    device: ProbedDevice | null = null,
  ): LibraryReport => ({ kind, state, path, abi, message, device });
  let failing: LibraryState = "refused";
  try {
    path = findLibrary(kind).path;
    failing = path === null ? "missing" : "unloadable";
    if (path !== null) {
      abi = libraryAbi(path);
      failing = abi === EXPECTED_ABI ? "unloadable" : "abi_mismatch";
      openLibrary(path);
      failing = "refused";
    }
    // Says itself where there is none.
    using device = Device.open({ backend: kind });
    const { name, detail } = device;
    return report("ready", null, { name, detail, memory: device.memory() });
  } catch (error) {
    if (!(error instanceof SpecMQuantError)) throw error;
    return report(stateOf(error, failing), error.message);
  }
}

function stateOf({ message, cause }: SpecMQuantError, failing: LibraryState): LibraryState {
  if (cause instanceof Deno.errors.NotCapable) return "not_permitted";
  if (failing !== "refused") return failing;
  if (/: it is the \w+ library, expected/.test(message)) return "wrong_kind";
  return NO_DEVICE_WORDS.find(([, words]) => message.includes(words))?.[0] ?? failing;
}
