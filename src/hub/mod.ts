/**
 * Models from a hub.
 *
 * @module
 */
export { pull } from "./pull.ts";
export type { PullKept, PullOptions, PullPlan, PullProgress, PullResult } from "./options.ts";
export type { PulledFile } from "../base/pull_record.ts";
