/**
 * Devices, memory, graphs, events and read-backs.
 *
 * @module
 */

export { Arena, type Growable } from "./arena.ts";
export {
  type Backend,
  Device,
  type DeviceMemory,
  type DeviceOptions,
  type Native,
} from "./device.ts";
export { DeviceEvent } from "./event.ts";
export { Graph } from "./graph.ts";
export { ReadBack } from "./pinned.ts";
export {
  type Address,
  byteLength,
  columns,
  isContiguous,
  reshape,
  rows,
  type Tensor,
  tensor,
} from "./tensor.ts";
export { UPLOAD_BUFFER_BYTES, Uploader } from "./uploader.ts";
