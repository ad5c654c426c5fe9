/**
 * What writes linear layers in a scheme: the numbers it can hold, and the published layout of its tensors.
 *
 * @module
 */
import type { TensorToWrite } from "../../checkpoint/containers/safetensors_writer.ts";
import type { Coded } from "../grids/coded.ts";
import type { Grid } from "../grids/grid.ts";

/** One linear layer on its way to a file. */
export interface Draft {
  /** The numbers to choose from. */
  readonly grid: Grid;
  /** The tensors of a layer `prefix` of these codes, once the grid is fitted. */
  tensors(prefix: string, coded: Coded): TensorToWrite[];
}

/** What a scheme is for the one who writes it. How its codes are chosen is another matter, see `method.ts`. */
export interface Quantizer {
  /** The scheme's name, e.g. `w4a16-g128`. */
  readonly scheme: string;
  /** How messages call it: the scheme, and what options ask for beside it. */
  readonly title: string;
  /** What it is, in a few words. */
  readonly summary: string;
  /** What its products read: rows as they are, or of 8 bits with a scale a row. */
  readonly activations: "rows" | "i8" | "e4m3";
  /** The name of the method that serves it best. */
  readonly method: string;
  /** Whether a model is rotated first where nothing else is asked for; `no` where that only costs. */
  readonly rotation: "default" | "on request" | "no";
  /** What outputs must be a multiple of. */
  readonly outputs: number;
  /** What inputs must be a multiple of. */
  readonly inputs: number;
  /** Whether its files can say which group each input is in. */
  readonly namesGroups: boolean;
  /** `quantization_config` of the model's `config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Bytes of the tensors of a layer of n outputs and k inputs. */
  bytes(n: number, k: number): number;
  /** Begins a layer of n outputs and k inputs. */
  draft(n: number, k: number): Draft;
}
