/**
 * The text of a model as what it says and the tools that it calls.
 *
 * @module
 */
import type { CallFormat } from "./call_format.ts";
import { CallScanner } from "./call_scanner.ts";

/** More of a call. */
export interface CallDelta {
  /** Which call of the answer. */
  readonly index: number;
  /** Its name; only in the first piece. */
  readonly name?: string;
  /** More of its arguments, as JSON. */
  readonly arguments: string;
}

/** What a piece of text came to. */
export interface Read {
  /** More of what is said. */
  readonly content: string;
  /** More of what is called. */
  readonly calls: readonly CallDelta[];
}

/** Where in a text. */
type Place = "begin" | "content" | "calls" | "call" | "done";

/** Reads one text, piece by piece. What may become a call is held back until it is known to be none. */
export class CallReader {
  readonly #format: CallFormat;
  readonly #names: ReadonlySet<string>;
  readonly #most: number;
  #place: Place;
  #held = "";
  /** What was before the object that is being read, for when it is no call. */
  #before = "";
  #scanner = new CallScanner();
  #hasBegun = false;
  #count = 0;

  /**
   * Reads calls of the tools `names`, at most `most`; `isForced` where what announces one is behind the prompt, so that the
   * text is nothing but a call.
   */
  constructor(format: CallFormat, names: Iterable<string>, most: number, isForced: boolean) {
    this.#format = format;
    this.#names = new Set(names);
    this.#most = most;
    this.#place = isForced ? "calls" : "begin";
  }

  /** Calls that have begun. */
  get count(): number {
    return this.#count;
  }

  /** Takes more text. */
  push(text: string): Read {
    const calls: CallDelta[] = [];
    let content = "";
    for (const letter of text) {
      content += this.#take(letter);
      if (this.#place !== "call") continue;
      const more = this.#call();
      if (more !== undefined) calls.push(more);
      if (this.#scanner.hasFailed || this.#isStrange) content += this.#giveUp();
      else if (this.#scanner.isOver) this.#place = this.#count < this.#most ? "calls" : "done";
    }
    return { content, calls: joined(calls) };
  }

  /** The text has ended: what was held back is said. */
  end(): Read {
    const place = this.#place;
    this.#place = "done";
    if (place === "call") return { content: this.#unread, calls: [] };
    const isSaid = place === "begin" || place === "content" || this.#before !== "";
    return { content: isSaid ? this.#before + this.#held : "", calls: [] };
  }

  /** Takes a letter, and gives what is said. */
  #take(letter: string): string {
    const { marker, closing } = this.#format;
    switch (this.#place) {
      case "begin":
        if (marker !== "") {
          this.#place = "content";
          return this.#take(letter);
        }
        if (letter === "{") return this.#open();
        this.#held += letter;
        if (/\s/.test(letter)) return "";
        this.#place = "content";
        return this.#release();
      case "content":
        if (marker === "") return letter;
        this.#held += letter;
        if (this.#held.endsWith(marker)) {
          const said = this.#held.slice(0, -marker.length);
          this.#held = "";
          this.#before = marker;
          this.#place = "calls";
          // Spaces before a call are no answer.
          return said.trim() === "" ? "" : said;
        }
        return this.#release(marker);
      case "calls":
        if (letter === "{") return this.#open();
        this.#held += letter;
        // Behind a call, or before one: signs of lists, what ends a call and what announces the next.
        if (isFrame(unframed(this.#held, marker, closing), marker, closing)) return "";
        this.#place = "content";
        this.#held = this.#before === ""
          ? unframed(this.#held, marker, closing)
          : this.#before + this.#held;
        this.#before = "";
        return this.#release(marker);
      case "call":
        this.#scanner.push(letter);
        return "";
      case "done":
        return "";
    }
  }

  #open(): string {
    this.#before += this.#held;
    this.#held = "";
    this.#scanner = new CallScanner();
    this.#hasBegun = false;
    this.#place = "call";
    return "";
  }

  /** Gives what is held back, but for an end that may become `marker`. */
  #release(marker = ""): string {
    let keep = Math.min(marker.length - 1, this.#held.length);
    while (keep > 0 && !marker.startsWith(this.#held.slice(-keep))) keep--;
    keep = Math.max(0, keep);
    const said = this.#held.slice(0, this.#held.length - keep);
    this.#held = this.#held.slice(said.length);
    return said;
  }

  /** Whether what is called is no tool that there is. */
  get #isStrange(): boolean {
    const { name } = this.#scanner;
    return name !== undefined && !this.#names.has(name);
  }

  #call(): CallDelta | undefined {
    const { name } = this.#scanner;
    if (name === undefined || this.#isStrange) return undefined;
    const text = this.#scanner.take();
    if (this.#hasBegun) {
      return text === "" ? undefined : { index: this.#count - 1, arguments: text };
    }
    this.#hasBegun = true;
    this.#before = "";
    return { index: this.#count++, name, arguments: text };
  }

  /** An object that is no call is said as it stands. */
  #giveUp(): string {
    const unread = this.#unread;
    this.#place = "content";
    this.#before = "";
    return unread;
  }

  /** The object that is being read with what was before it, where none of it has been given as a call. */
  get #unread(): string {
    return this.#hasBegun ? "" : `${this.#before}{${this.#scanner.raw}`;
  }
}

/** `text` without what may stand between calls. */
function unframed(text: string, marker: string, closing: string): string {
  let rest = text;
  for (const word of [closing, marker]) if (word !== "") rest = rest.replace(word, "");
  return rest.replace(/^[\s,;[\]]+/, "");
}

/** Whether `rest` is nothing, or may become what stands between calls. */
function isFrame(rest: string, marker: string, closing: string): boolean {
  return rest === "" || [closing, marker].some((word) => word.startsWith(rest));
}

/** Pieces of the same call as one. */
function joined(calls: readonly CallDelta[]): CallDelta[] {
  const out: CallDelta[] = [];
  for (const call of calls) {
    const last = out.at(-1);
    if (last?.index !== call.index) out.push(call);
    else out[out.length - 1] = { ...last, arguments: last.arguments + call.arguments };
  }
  return out;
}
