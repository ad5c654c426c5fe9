/**
 * `GET /v1/models/{model}`: one model.
 *
 * @module
 */
import { modelOf } from "../answers/model.ts";
import type { Route } from "../service/route.ts";
import { checkModel } from "../service/service.ts";

/** The route. */
export const model: Route = {
  method: "GET",
  path: "/v1/models/:model{.+}",
  summary: "Describe the model that is served",
  answers: ["application/json"],
  answer(call, service) {
    checkModel(call.parameters.model, service);
    return Response.json(modelOf(service));
  },
};
