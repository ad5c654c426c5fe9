/**
 * Everything that says whether this project can be used here, and with what.
 *
 * @module
 */
import { SpecMQuantError } from "../../../base/errors.ts";
import {
  type Backend,
  Device,
  type DeviceMemory,
  type DriverReport,
  EXPECTED_ABI,
  type LibraryReport,
  nvidiaDriver,
  probeLibrary,
} from "../../../device/mod.ts";
import { VERSION } from "../../options/version.ts";
import { driverVersion } from "../bench/environment.ts";
import { type CacheReport, cacheReports } from "./caches.ts";
import { type Fit, fitsIn } from "./fits.ts";

/** The permissions of Deno that anything here may ask for. */
export const PERMISSIONS = ["read", "write", "net", "env", "sys", "run", "ffi"] as const;

/** What was found. As JSON its keys are snake_case; `docs/doctor.md` explains each. */
export interface Examination {
  /** The form of this. */
  readonly schema: "specmquant-doctor/1";
  /** The version of this package. */
  readonly version: string;
  /** Whether a device can be opened as it was asked for. */
  readonly usable: boolean;
  /** What was asked for. */
  readonly asked: Backend;
  /** Why not; null where it is usable. */
  readonly message: string | null;
  /** The device that an engine takes. */
  readonly device: UsedDevice | null;
  /** The hash of the header that libraries must be built from. */
  readonly abi: string;
  /** Each library: the CUDA library, and the twin. */
  readonly libraries: readonly LibraryReport[];
  /** NVIDIA's driver. */
  readonly driver: DriverReport & { readonly version: string | null };
  /** This machine's processor. */
  readonly cpu: { readonly architecture: string; readonly threads: number };
  /** What is kept on disk. */
  readonly caches: readonly CacheReport[];
  /** What fits into the memory that is free on `device`. */
  readonly fits: readonly Fit[];
  /** What runs this. */
  readonly deno: {
    readonly version: string;
    readonly v8: string;
    readonly typescript: string;
    readonly target: string;
  };
  /** Whether each permission is there for everything; one that is there for a part is a `prompt`. */
  readonly permissions: Readonly<Record<typeof PERMISSIONS[number], Deno.PermissionState>>;
}

/** The device that an engine takes. */
export interface UsedDevice {
  /** The library. */
  readonly backend: "cpu" | "cuda";
  /** Why this one. */
  readonly why: string;
  /** Its name. */
  readonly name: string;
  /** What else its library says of it. */
  readonly detail: string;
  /** Bytes. */
  readonly memory: DeviceMemory;
}

/** Looks at everything. What is wrong is part of the result, and nothing is thrown. */
export function examine(asked: Backend): Examination {
  const libraries = (["cuda", "cpu"] as const).map(probeLibrary);
  const driver = nvidiaDriver();
  return {
    schema: "specmquant-doctor/1",
    version: VERSION,
    asked,
    ...verdict(asked),
    abi: EXPECTED_ABI,
    libraries,
    driver: { ...driver, version: driver.cuda === null ? null : driverVersion() },
    cpu: { architecture: Deno.build.arch, threads: navigator.hardwareConcurrency },
    caches: cacheReports(),
    deno: {
      version: Deno.version.deno,
      v8: Deno.version.v8,
      typescript: Deno.version.typescript,
      target: Deno.build.target,
    },
    permissions: Object.fromEntries(
      PERMISSIONS.map((name) => [name, Deno.permissions.querySync({ name }).state]),
    ) as Examination["permissions"],
  };
}

/** What an engine would come to, by opening its device as it does. */
function verdict(
  backend: Backend,
): Pick<Examination, "usable" | "message" | "device" | "fits"> {
  try {
    using device = Device.open({ backend });
    const { backend: used, why, name, detail } = device;
    const memory = device.memory();
    return {
      usable: true,
      message: null,
      device: { backend: used, why, name, detail, memory },
      fits: fitsIn(device, memory.free),
    };
  } catch (error) {
    if (!(error instanceof SpecMQuantError)) throw error;
    return { usable: false, message: error.message, device: null, fits: [] };
  }
}
