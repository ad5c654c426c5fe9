/**
 * SpecMQuant for Deno: quantized language models with hierarchical speculative decoding.
 *
 * {@linkcode Engine} is what most programs need. {@linkcode Session} and the plans of drafters
 * ({@linkcode draftModel}, {@linkcode eagle2}) compose the same things by hand.
 *
 * @module
 */
export * from "./src/base/errors.ts";
export { onWarning } from "./src/base/warnings.ts";
export type { WarningListener } from "./src/base/warnings.ts";
export type { ActivationDType, DType, KvCacheDType } from "./src/base/dtype.ts";
export * from "./src/engine/mod.ts";
export * from "./src/quantize/mod.ts";
export * from "./src/hub/mod.ts";
export { Device } from "./src/device/mod.ts";
export type { Backend, DeviceOptions } from "./src/device/mod.ts";
export { Grammar } from "./src/grammar/mod.ts";
export type { GrammarOption, Matcher, Vocabulary } from "./src/grammar/mod.ts";
export { openCheckpoint } from "./src/checkpoint/checkpoint.ts";
export { openHead } from "./src/checkpoint/head.ts";
export { HeadModel, Model } from "./src/model/mod.ts";
export { dflash, draftModel, dspark, eagle2, eagle3, suffix } from "./src/speculation/mod.ts";
export type { DrafterPlan } from "./src/speculation/mod.ts";
export { ChatTemplate, Float, parseJson } from "./src/text/chat_template.ts";
export type { ChatMessage, RenderOptions, TemplateValue } from "./src/text/chat_template.ts";
export { Tokenizer } from "./src/text/tokenizer.ts";
