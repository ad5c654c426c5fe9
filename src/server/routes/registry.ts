/**
 * Every route.
 *
 * @module
 */
import type { Route } from "../service/route.ts";
import { chatCompletions } from "./chat_completions.ts";
import { completions } from "./completions.ts";
import { healthz } from "./healthz.ts";
import { metrics } from "./metrics.ts";
import { model } from "./model.ts";
import { models } from "./models.ts";
import { openapi } from "./openapi.ts";
import { PAGE_ROUTES } from "./page.ts";
import { readyz } from "./readyz.ts";
import { responses } from "./responses.ts";

/** All routes; a new one is one file and one line here. */
export const ROUTES: readonly Route[] = [
  models,
  model,
  chatCompletions,
  completions,
  responses,
  healthz,
  readyz,
  metrics,
  openapi(() => ROUTES),
  ...PAGE_ROUTES,
];
