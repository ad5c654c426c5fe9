/**
 * The JSON of one call as it comes, letter by letter.
 *
 * @module
 */

/** What is read of the object. */
type Place = "key" | "in key" | "colon" | "value" | "in string" | "in nested" | "in scalar" | "end";

/** Reads `{"name": "...", "arguments": {...}}`, or the same with `parameters`, and whatever other keys. */
export class CallScanner {
  /** The name, when it is known. */
  name?: string;
  /** Whether the object has ended. */
  isOver = false;
  /** Whether it is none of a call: no JSON, or without a name. */
  hasFailed = false;
  /** All that has been read. */
  raw = "";
  #place: Place = "key";
  #key = "";
  #text = "";
  #depth = 0;
  #inString = false;
  #escaped = false;
  #arguments = "";

  /** Takes the next letter behind the brace that begins the object. */
  push(letter: string): void {
    this.raw += letter;
    const isSpace = /\s/.test(letter);
    switch (this.#place) {
      case "key":
        if (isSpace || letter === ",") return;
        if (letter === "}") return this.#end();
        if (letter !== '"') return this.#fail();
        this.#text = letter;
        this.#place = "in key";
        return;
      case "in key":
        if (!this.#string(letter)) return;
        this.#key = this.#parsed() ?? "";
        this.#place = "colon";
        return;
      case "colon":
        if (letter === ":") this.#place = "value";
        else if (!isSpace) this.#fail();
        return;
      case "value":
        if (isSpace) return;
        return this.#begin(letter);
      case "in string":
        if (!this.#string(letter)) return;
        if (this.#key === "name") this.name = this.#parsed();
        // Some models write the JSON of the arguments as text.
        if (this.#isArguments) this.#arguments += this.#parsed() ?? "";
        this.#place = "key";
        return;
      case "in nested":
        return this.#nested(letter);
      case "in scalar":
        if (letter === "}") return this.#end();
        if (letter === ",") this.#place = "key";
        return;
      case "end":
        return;
    }
  }

  /** Text of the arguments that has not been taken; none before the name is known. */
  take(): string {
    if (this.name === undefined) return "";
    const text = this.#arguments;
    this.#arguments = "";
    return text;
  }

  get #isArguments(): boolean {
    return this.#key === "arguments" || this.#key === "parameters";
  }

  #begin(letter: string): void {
    this.#text = letter;
    if (letter === '"') this.#place = "in string";
    else if (letter === "{" || letter === "[") {
      this.#place = "in nested";
      this.#depth = 0;
      this.#nested(letter);
    } else if (/[-0-9a-z]/.test(letter)) this.#place = "in scalar";
    else this.#fail();
  }

  #nested(letter: string): void {
    if (this.#isArguments) this.#arguments += letter;
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (letter === "\\") this.#escaped = true;
      else if (letter === '"') this.#inString = false;
    } else if (letter === '"') this.#inString = true;
    else if (letter === "{" || letter === "[") this.#depth++;
    else if ((letter === "}" || letter === "]") && --this.#depth === 0) this.#place = "key";
  }

  /** Takes a letter of a string; whether it has ended. */
  #string(letter: string): boolean {
    this.#text += letter;
    if (this.#escaped) this.#escaped = false;
    else if (letter === "\\") this.#escaped = true;
    else return letter === '"';
    return false;
  }

  #parsed(): string | undefined {
    try {
      return JSON.parse(this.#text);
    } catch {
      this.#fail();
      return undefined;
    }
  }

  #end(): void {
    this.#place = "end";
    this.isOver = true;
    if (this.name === undefined) this.#fail();
  }

  #fail(): void {
    this.#place = "end";
    this.hasFailed = true;
  }
}
