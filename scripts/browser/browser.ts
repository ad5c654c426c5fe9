/**
 * Pages in headless Chromium, as Debian has it: what they log, and pictures of them.
 *
 * @module
 */

/** What Chromium may be called. */
const NAMES = ["chromium-headless-shell", "chromium", "google-chrome"];

/** Milliseconds that a page may take. */
const PATIENCE_MS = 60_000;

/** What standard error says that a page logged. */
const LOGGED = /:(?:INFO|WARNING|ERROR):CONSOLE.*?\] "([^]*?)", source: /g;

/** The browser that is here; undefined where none is. */
export function findBrowser(): string | undefined {
  return NAMES.find((name) => {
    try {
      return new Deno.Command(name, { args: ["--version"], stderr: "null" }).outputSync().success;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  });
}

/** What each start of a browser is given, with a profile of its own in `profile`. */
export function flags(profile: string): string[] {
  return [
    "--headless",
    // Its sandbox does not work for root.
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    `--user-data-dir=${profile}`,
  ];
}

/** What came of a page. */
export interface Page {
  /** Its document when it was loaded. */
  readonly dom: string;
  /** What it wrote to the console, errors of its scripts included. */
  readonly logged: readonly string[];
}

async function run(browser: string, args: readonly string[]): Promise<readonly [string, string]> {
  const profile = Deno.makeTempDirSync();
  const child = new Deno.Command(browser, {
    args: [...flags(profile), "--enable-logging=stderr", ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  try {
    const { success, stdout, stderr } = await child.output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    if (!success) throw new Error(`${browser} failed: ${err}`);
    return [out, err];
  } finally {
    clearTimeout(timer);
    Deno.removeSync(profile, { recursive: true });
  }
}

/** Loads the page at `url`, which runs its scripts. */
export async function openPage(browser: string, url: string): Promise<Page> {
  const [dom, err] = await run(browser, ["--dump-dom", url]);
  return { dom, logged: [...err.matchAll(LOGGED)].map(([, text]) => text) };
}

/** Writes a picture of the page at `url` to the PNG file `file`, `width` and `height` in pixels. */
export async function screenshot(
  browser: string,
  url: string,
  file: string,
  width: number,
  height: number,
): Promise<void> {
  await run(browser, [`--window-size=${width},${height}`, `--screenshot=${file}`, url]);
}
