/**
 * `GET /metrics`: counts and times for Prometheus.
 *
 * @module
 */
import type { Route } from "../service/route.ts";

/** The route. */
export const metrics: Route = {
  method: "GET",
  path: "/metrics",
  summary: "Counts and times in Prometheus's text format",
  answers: ["text/plain"],
  answer: (_, { metrics }) =>
    new Response(metrics.render(), {
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    }),
};
