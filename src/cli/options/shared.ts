/**
 * Options that several commands have.
 *
 * @module
 */
import { KV_CACHE_DTYPES, type KvCacheDType } from "../../base/dtype.ts";
import { idleBeside } from "./needs.ts";
import type { BooleanOption, NumberOption, StringOption } from "./option.ts";

/** Output for machines. */
export const JSON_OPTION: BooleanOption & { readonly name: "json" } = {
  name: "json",
  type: "boolean",
  summary: "Print one line of JSON and nothing else on standard output",
};

/** The target: a directory or a GGUF file. */
export const TARGET_OPTION: StringOption & { readonly name: "target"; readonly required: true } = {
  name: "target",
  short: "t",
  type: "string",
  value: "MODEL",
  required: true,
  summary: "The model: a directory in Hugging Face layout, or a GGUF file",
};

/** Where to run. */
export const BACKEND_OPTION: StringOption & {
  readonly name: "backend";
  readonly choices: readonly ["auto", "cuda", "cpu"];
  readonly default: "auto";
} = {
  name: "backend",
  type: "string",
  value: "NAME",
  choices: ["auto", "cuda", "cpu"],
  default: "auto",
  summary: "Where to run; auto takes CUDA where a device is present",
};

/** How keys and values are kept. */
export const KV_CACHE_OPTION: StringOption & {
  readonly name: "kv-cache";
  readonly choices: readonly KvCacheDType[];
  readonly default: KvCacheDType;
} = {
  name: "kv-cache",
  type: "string",
  value: "NAME",
  choices: KV_CACHE_DTYPES,
  default: "f16",
  summary: "How KV caches keep keys and values: in 16 bits, or in 8, which halves their memory",
};

/** Threads of the twin: more than there are would wait for one another. */
export const THREADS_OPTION: NumberOption & { readonly name: "threads" } = {
  name: "threads",
  type: "integer",
  value: "N",
  min: 1,
  needs: [idleBeside("backend", "cuda")],
  max: navigator.hardwareConcurrency,
  summary: "Threads of the CPU library, at most one a core; all cores where absent",
};
