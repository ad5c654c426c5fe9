/**
 * What routes work with.
 *
 * @module
 */
import type { ChoiceOptions, Engine } from "../../engine/mod.ts";
import type { TokenTexts } from "../answers/token_texts.ts";
import type { Scheduler } from "../queue/scheduler.ts";
import { ApiError } from "../wire/api_error.ts";
import type { Metrics } from "./metrics.ts";

/** What a server serves. */
export interface Service {
  /** Where tokens come from; only the scheduler generates with it. */
  readonly engine: Engine;
  /** Shares it. */
  readonly scheduler: Scheduler;
  /** What clients call the model. */
  readonly model: string;
  /** When it was loaded, in seconds since 1970. */
  readonly created: number;
  /** How tokens are chosen where a request does not say. */
  readonly sampling: ChoiceOptions;
  /** Texts of single tokens. */
  readonly texts: TokenTexts;
  /** Counts. */
  readonly metrics: Metrics;
  /** Whether new texts are refused, as the server is about to end. */
  readonly isDraining: boolean;
}

/** Throws the `ApiError` of a model that is not served. */
export function checkModel(model: string, service: Service): void {
  if (model === service.model) return;
  throw new ApiError(
    404,
    "invalid_request_error",
    `Cannot use the model "${model.slice(0, 100)}": expected "${service.model}"`,
    { param: "model", code: "model_not_found" },
  );
}
