/**
 * A tab of headless Chromium that is driven: keys, clicks, sizes, colours and pictures, over its DevTools protocol.
 *
 * @module
 */
import { flags } from "./browser.ts";

/** Milliseconds that anything may take. */
const PATIENCE_MS = 30_000;

/** What the protocol sends. */
interface Message {
  readonly id?: number;
  readonly method?: string;
  // deno-lint-ignore no-explicit-any -- each method has its own
  readonly result?: any;
  readonly error?: { readonly message: string };
  // deno-lint-ignore no-explicit-any -- as above
  readonly params?: any;
}

/** How a page is seen. */
export interface View {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** Whether the reader prefers dark pages; light ones where absent. */
  readonly isDark?: boolean;
}

/** A tab. */
export class Tab implements AsyncDisposable {
  /** What its console was told, errors of scripts and of files that did not come included. */
  readonly logged: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<Message["result"]>>();
  #last = 0;
  #closing = false;

  private constructor(child: Deno.ChildProcess, profile: string, socket: WebSocket) {
    this.#child = child;
    this.#profile = profile;
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    socket.onclose = () => {
      const error = new Error("the browser went away");
      for (const { reject } of this.#waiting.values()) reject(error);
    };
  }

  /** Starts `browser` and opens `url`. */
  static async open(browser: string, url: string, view: View): Promise<Tab> {
    const profile = Deno.makeTempDirSync();
    const child = new Deno.Command(browser, {
      args: [...flags(profile), "--remote-debugging-port=0", "about:blank"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      const tab = new Tab(child, profile, await socketOf(profile));
      for (const domain of ["Page", "Runtime", "Log"]) await tab.send(`${domain}.enable`);
      await tab.see(view);
      await tab.send("Page.navigate", { url });
      await tab.until("document.readyState === 'complete'");
      return tab;
    } catch (error) {
      // Nobody else knows of it.
      child.kill("SIGKILL");
      await child.status;
      await removed(profile);
      throw error;
    }
  }

  #hear({ id, method, result, error, params }: Message): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id)!;
      this.#waiting.delete(id);
      if (error) waiting.reject(new Error(error.message));
      else waiting.resolve(result);
    } else if (method === "Runtime.consoleAPICalled") {
      this.logged.push(params.args.map(({ value }: { value: unknown }) => `${value}`).join(" "));
    } else if (method === "Runtime.exceptionThrown") {
      const { text, exception } = params.exceptionDetails;
      this.logged.push(exception?.description ?? text);
    } else if (method === "Log.entryAdded") {
      this.logged.push(params.entry.text);
    }
  }

  /** Calls a method of the protocol. */
  send(method: string, params: object = {}): Promise<Message["result"]> {
    const id = ++this.#last;
    const waiting = Promise.withResolvers<Message["result"]>();
    this.#waiting.set(id, waiting);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return waiting.promise;
  }

  /** The value of an expression in the page; one that is a promise is waited for. */
  // deno-lint-ignore no-explicit-any -- whatever it is
  async evaluate(expression: string): Promise<any> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  /** Waits until an expression in the page is true. */
  async until(expression: string): Promise<void> {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
      if (await this.evaluate(expression)) return;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    throw new Error(`In ${PATIENCE_MS / 1000} s this was not true: ${expression}`);
  }

  /** Shows the page otherwise. */
  async see({ width, height, isDark = false }: View): Promise<void> {
    const size = { width, height, deviceScaleFactor: 1, mobile: width < 600 };
    await this.send("Emulation.setDeviceMetricsOverride", size);
    const features = [{ name: "prefers-color-scheme", value: isDark ? "dark" : "light" }];
    await this.send("Emulation.setEmulatedMedia", { features });
  }

  /** Types text where the focus is. */
  async type(text: string): Promise<void> {
    await this.send("Input.insertText", { text });
  }

  /** Presses a key, e.g. `Tab`, which gives `text` where it gives any; `modifiers` are 2 for Ctrl, 8 for Shift. */
  async press(key: string, { text, modifiers = 0 }: { text?: string; modifiers?: number } = {}) {
    const codes: Record<string, number> = {
      Tab: 9,
      Enter: 13,
      Escape: 27,
      End: 35,
      Home: 36,
      ArrowLeft: 37,
      ArrowRight: 39,
    };
    const shared = { key, code: key, windowsVirtualKeyCode: codes[key], modifiers };
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", ...shared, text });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...shared });
  }

  /** A picture of what is seen, as PNG. */
  async picture(): Promise<Uint8Array> {
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    return Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  }

  /** Ends the browser. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const closed = new Promise((resolve) => this.#socket.addEventListener("close", resolve));
    await this.send("Browser.close").catch(() => {});
    await Promise.all([closed, this.#child.status]);
    await removed(this.#profile);
  }
}

/** What speaks with the first page of the browser that has a profile. */
async function socketOf(profile: string): Promise<WebSocket> {
  const port = await portOf(profile);
  const pages = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
  const page = pages.find(({ type }: { type: string }) => type === "page");
  const socket = new WebSocket(page.webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return socket;
}

/** The port that a browser listens at, which it writes down when it does. */
async function portOf(profile: string): Promise<string> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    try {
      const [port, path] = Deno.readTextFileSync(`${profile}/DevToolsActivePort`).split("\n");
      if (path) return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("The browser did not start");
}

/** Removes a directory into which processes that are about to end may still write. */
async function removed(dir: string): Promise<void> {
  for (let tries = 0;; tries++) {
    try {
      return await Deno.remove(dir, { recursive: true });
    } catch (error) {
      if (tries === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
