/**
 * From requests to routes: who is let in, what is logged, and what errors become.
 *
 * @module
 */
import { Hono } from "hono";
import { GONE, RequestCall } from "./call.ts";
import { checkHost, isLoopback } from "./hosts.ts";
import { Keys } from "./keys.ts";
import type { CheckedServerOptions } from "./options.ts";
import { ROUTES } from "./routes/registry.ts";
import type { Route } from "./service/route.ts";
import type { Service } from "./service/service.ts";
import { ApiError, apiError } from "./wire/api_error.ts";
import type { Answering } from "./wire/listener.ts";

/** The route of what there is no route for. */
const NOT_FOUND: Pick<Route, "isOpen" | "answer" | "path" | "makesTexts"> = {
  path: "none",
  answer() {
    throw new ApiError(
      404,
      "invalid_request_error",
      "Cannot find this: expected a method and a path of /openapi.json",
      { code: "unknown_url" },
    );
  },
};

/** An app of all routes for `service`. */
export function createApp(service: Service, options: CheckedServerOptions): Answering {
  const { log, host } = options;
  const keys = new Keys(options.keys);
  const checksHosts = !keys.areNeeded && isLoopback(host);

  /** Lets a request in, or throws; gives a word for the client. */
  function admit(request: Request, address: string, { isOpen, makesTexts }: typeof NOT_FOUND) {
    if (checksHosts) checkHost(request.headers.get("host"));
    const key = isOpen ? undefined : keys.check(request.headers.get("authorization"));
    if (makesTexts && service.isDraining) {
      throw new ApiError(503, "server_error", "Cannot take this request: the server is ending", {
        code: "draining",
        headers: { "retry-after": "5" },
      });
    }
    return key ?? address;
  }

  async function answer(
    route: typeof NOT_FOUND,
    request: Request,
    address: string,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    let response: Response | undefined;
    const call = new RequestCall(request, address, parameters, options, (error) => {
      // Of a client that went away nothing else went wrong.
      const failed = error === undefined || call.isGone ? undefined : apiError(error);
      const status = call.isGone ? GONE : failed?.status ?? response?.status ?? 500;
      const seconds = (performance.now() - call.started) / 1000;
      service.metrics.answers.add(1, { route: route.path, status: `${status}` });
      if (route.makesTexts && status === 200) service.metrics.seconds.observe(seconds);
      log?.write("request", {
        id: call.id,
        method: request.method,
        route: route.path,
        status,
        ms: Math.round(seconds * 1000),
        code: failed?.code ?? undefined,
        ...call.notes,
      });
      // Only what nobody meant to happen has a stack that is worth a line.
      if (failed?.status === 500) log?.write("error", { id: call.id, stack: stackOf(error) });
    });
    try {
      call.client = admit(request, address, route);
      response = await route.answer(call, service);
      if (!call.isStreamed) call.end();
    } catch (error) {
      response = apiError(error).response;
      call.end(error);
    }
    response.headers.set("x-request-id", call.id);
    return response;
  }

  const hono = new Hono<{ Bindings: { readonly address: string } }>();
  for (const route of ROUTES) {
    hono.on(
      route.method,
      route.path,
      (c) => answer(route, c.req.raw, c.env.address, c.req.param()),
    );
  }
  hono.notFound((c) => answer(NOT_FOUND, c.req.raw, c.env.address));
  return (request, address) => Promise.resolve(hono.fetch(request, { address }));
}

function stackOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
