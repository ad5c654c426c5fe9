/**
 * `GET /readyz`: whether texts are taken.
 *
 * @module
 */
import type { Route } from "../service/route.ts";

/** The route. */
export const readyz: Route = {
  method: "GET",
  path: "/readyz",
  summary: "Say whether texts are taken: 503 from a server that is about to end",
  answers: ["text/plain"],
  isOpen: true,
  answer: (_, { isDraining }) =>
    isDraining ? new Response("draining\n", { status: 503 }) : new Response("ready\n"),
};
