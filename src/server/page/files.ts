/**
 * The files of the playground, as they are: nothing is built, and nothing is read when the server runs.
 *
 * @module
 */
import answer from "./answer.js" with { type: "text" };
import dom from "./dom.js" with { type: "text" };
import events from "./events.js" with { type: "text" };
import icon from "./icon.svg" with { type: "text" };
import index from "./index.html" with { type: "text" };
import main from "./main.js" with { type: "text" };
import rounds from "./rounds.js" with { type: "text" };
import style from "./style.css" with { type: "text" };
import tree from "./tree.js" with { type: "text" };

/** A file of the page. */
export interface PageFile {
  /** Where it is served. */
  readonly path: string;
  /** Its media type. */
  readonly type: string;
  /** What it says. */
  readonly text: string;
}

const script = (name: string, text: string): PageFile => ({
  path: `/playground/${name}.js`,
  type: "text/javascript",
  text,
});

/** All files, the page itself first. */
export const PAGE_FILES: readonly PageFile[] = [
  { path: "/", type: "text/html", text: index },
  { path: "/playground/style.css", type: "text/css", text: style },
  { path: "/playground/icon.svg", type: "image/svg+xml", text: icon },
  script("main", main),
  script("answer", answer),
  script("dom", dom),
  script("events", events),
  script("rounds", rounds),
  script("tree", tree),
];
