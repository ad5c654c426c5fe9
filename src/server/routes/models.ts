/**
 * `GET /v1/models`: what is served.
 *
 * @module
 */
import type { Route } from "../service/route.ts";
import { modelOf } from "../answers/model.ts";

/** The route. */
export const models: Route = {
  method: "GET",
  path: "/v1/models",
  summary: "List the model that is served",
  answers: ["application/json"],
  answer: (_, service) => Response.json({ object: "list", data: [modelOf(service)] }),
};
