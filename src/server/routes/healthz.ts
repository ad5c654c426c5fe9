/**
 * `GET /healthz`: whether the process answers.
 *
 * @module
 */
import type { Route } from "../service/route.ts";

/** The route. */
export const healthz: Route = {
  method: "GET",
  path: "/healthz",
  summary: "Say that the process answers",
  answers: ["text/plain"],
  isOpen: true,
  answer: () => new Response("ok\n"),
};
