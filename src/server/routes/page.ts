/**
 * `GET /` and the files of the playground.
 *
 * @module
 */
import { PAGE_FILES } from "../page/files.ts";
import type { Route } from "../service/route.ts";

/** The page runs its own scripts and talks to this server, and does nothing else; no other page may show it. */
const HEADERS = {
  "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; " +
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-cache",
};

/** A route for each file. */
export const PAGE_ROUTES: readonly Route[] = PAGE_FILES.map(({ path, type, text }) => ({
  method: "GET",
  path,
  summary: path === "/" ? "The playground: a page for browsers" : "A file of the playground",
  answers: [type],
  isOpen: true,
  answer: () =>
    new Response(text, { headers: { ...HEADERS, "content-type": `${type}; charset=utf-8` } }),
}));
