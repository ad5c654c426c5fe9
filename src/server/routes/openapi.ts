/**
 * `GET /openapi.json`: what the server takes, for programs.
 *
 * @module
 */
import type { Route } from "../service/route.ts";

/** The route; `routes` gives all that there are, this one included. */
export function openapi(routes: () => readonly Route[]): Route {
  return {
    method: "GET",
    path: "/openapi.json",
    summary: "This document",
    answers: ["application/json"],
    isOpen: true,
    answer: (_, service) => Response.json(documentOf(routes(), service.model)),
  };
}

const ERROR = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["message", "type", "param", "code"],
      properties: {
        message: { type: "string" },
        type: { type: "string" },
        param: { type: ["string", "null"] },
        code: { type: ["string", "null"] },
      },
    },
  },
};

/** A part of a path that has a name. */
const NAMED = /:(\w+)(?:\{[^}]*\})?/g;

function documentOf(routes: readonly Route[], model: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(NAMED, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "SpecMQuant",
      version: "1",
      description:
        `OpenAI's API for the model ${model}. A parameter that is not listed is refused.`,
    },
    paths,
    components: {
      securitySchemes: { key: { type: "http", scheme: "bearer" } },
      responses: {
        error: {
          description: "Refused, or failed",
          content: { "application/json": { schema: ERROR } },
        },
      },
    },
  };
}

function operationOf({ path, summary, body, answers, isOpen }: Route): unknown {
  const parameters = [...path.matchAll(NAMED)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return {
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(isOpen ? {} : { security: [{ key: [] }, {}] }),
    ...(body && {
      requestBody: {
        required: true,
        content: { "application/json": { schema: body.toJSONSchema({ io: "input" }) } },
      },
    }),
    responses: {
      200: {
        description: "Done",
        content: Object.fromEntries(answers.map((type) => [type, {}])),
      },
      default: { $ref: "#/components/responses/error" },
    },
  };
}
