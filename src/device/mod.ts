/**
 * Devices, memory, graphs, events and read-backs.
 *
 * @module
 */

export { Arena, type Growable } from "./arena.ts";
export {
  type Backend,
  Device,
  DEVICE_KIND,
  DEVICE_KINDS,
  type DeviceMemory,
  type DeviceOptions,
  type Native,
} from "./device.ts";
export { DeviceEvent } from "./event.ts";
export { Graph } from "./graph.ts";
export { HostWords } from "./host_words.ts";
export { disposedError, Lifetime } from "./lifetime.ts";
export { type Card, type DriverReport, nvidiaDriver } from "../ffi/nvidia_driver.ts";
export { EXPECTED_ABI } from "../ffi/library.ts";
export { ReadBack } from "./pinned.ts";
export { type LibraryReport, type LibraryState, probeLibrary } from "./probe.ts";
export { type Scratch, SharedScratch } from "./scratch.ts";
export {
  type Address,
  addressOf,
  byteLength,
  columns,
  isContiguous,
  reshape,
  rows,
  type Tensor,
  tensor,
  view,
} from "./tensor.ts";
export { type OnPiece, PIECE_BYTES, PIECES, type StoredBytes, Uploader } from "./uploader.ts";
