/**
 * A server of the demo trio in this process, OpenAI's client for it, and the texts that it has to give.
 *
 * @module
 */
import OpenAI from "openai";
import {
  Engine,
  type GenerateOptions,
  type GenerationResult,
  type Prompt,
  type Score,
} from "../../mod.ts";
import { DEMO_DIR } from "../../scripts/models/trio.ts";
import { jsonLog, Server, type ServerOptions } from "../../src/server/mod.ts";

/** What clients call the model. */
export const MODEL = "demo";

/** A question that the demo models answer in some sixty tokens. */
export const QUESTION =
  "Tom has 3 boxes of 4 pens. He gives 5 pens away. How many pens has he left?";

/** The same as the template puts it. */
export const PROMPT = `Question: ${QUESTION}\nAnswer:`;

/** Messages of it. */
export const MESSAGES = [{ role: "user" as const, content: QUESTION }];

/** A server that listens at a free port of this machine. */
export class ServerRig implements AsyncDisposable {
  /** The server. */
  readonly server: Server;
  /** OpenAI's client, as it comes, but that it tries nothing twice. */
  readonly client: OpenAI;
  /** What the server logged. */
  readonly lines: readonly string[];
  readonly #engine: Engine;
  readonly #key: string;

  private constructor(
    engine: Engine,
    server: Server,
    lines: string[],
    options: Partial<ServerOptions>,
  ) {
    this.#engine = engine;
    this.server = server;
    this.lines = lines;
    this.#key = options.keys?.[0] ?? "none";
    this.client = this.clientWith(this.#key);
  }

  /**
   * Loads the trio and starts; with a chat template of `tests/data/templates`, in place of the target's own, where named.
   * Or loads `target`, and nothing else.
   */
  static async start(
    options: Partial<ServerOptions> = {},
    { context = 256, target, template, slots = 4, method = "hier" }: {
      context?: number;
      target?: string;
      template?: string;
      slots?: number;
      method?: "hier" | "auto";
    } = {},
  ): Promise<ServerRig> {
    const shared = { backend: "cpu", context, slots } as const;
    const engine = await Engine.load(
      target !== undefined ? { target, ...shared } : {
        target: template === undefined ? `${DEMO_DIR}/target` : withTemplate(template),
        draft: `${DEMO_DIR}/draft`,
        head: `${DEMO_DIR}/draft-eagle2`,
        ...(method === "auto" && { targetHead: `${DEMO_DIR}/target-eagle2` }),
        method,
        ...shared,
      },
    );
    const lines: string[] = [];
    const log = jsonLog((line) => lines.push(line));
    const server = await Server.start({ engine, model: MODEL, port: 0, log, ...options });
    return new ServerRig(engine, server, lines, options);
  }

  /** The lines of requests that made texts. */
  get requests(): string[] {
    return this.lines.filter((line) => line.includes('"route":"/v1/chat/completions"'));
  }

  /** Another client. */
  clientWith(apiKey: string): OpenAI {
    return new OpenAI({ baseURL: `${this.server.url}/v1`, apiKey, maxRetries: 0 });
  }

  /** Posts a body as it stands; the answer's status and JSON. */
  async post(
    path: string,
    body: BodyInit,
    headers: Record<string, string> = { "content-type": "application/json" },
    // deno-lint-ignore no-explicit-any -- whatever came is looked into
  ): Promise<{ status: number; headers: Headers; json: any }> {
    const response = await fetch(this.server.url + path, { method: "POST", body, headers });
    return { status: response.status, headers: response.headers, json: await response.json() };
  }

  /** The JSON at a path. */
  // deno-lint-ignore no-explicit-any -- as above
  async get(path: string): Promise<{ status: number; json: any }> {
    const response = await fetch(this.server.url + path);
    return { status: response.status, json: await response.json() };
  }

  /** Texts that wait and that are under way, as `/metrics` has them. */
  async load(): Promise<{ waiting: number; running: number }> {
    const headers = { authorization: `Bearer ${this.#key}` };
    const text = await (await fetch(`${this.server.url}/metrics`, { headers })).text();
    const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)![1]);
    return {
      waiting: value("specmquant_texts_waiting"),
      running: value("specmquant_texts_running"),
    };
  }

  /** Waits until texts are under way in all slots. */
  async begins(): Promise<void> {
    const { slots } = this.#engine;
    while ((await this.load()).running < slots) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until nothing waits or runs; false where that takes longer than `seconds`. */
  async idles(seconds = 2): Promise<boolean> {
    for (const until = Date.now() + seconds * 1000; Date.now() < until;) {
      const { waiting, running } = await this.load();
      if (waiting + running === 0) return true;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return false;
  }

  /** Ends both. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.drain();
    this.#engine[Symbol.dispose]();
  }
}

let loaded: Promise<Engine> | undefined;
addEventListener("unload", () => void loaded?.then((engine) => engine[Symbol.dispose]()));

/** The same target on its own, in an engine of its own. */
function reference(): Promise<Engine> {
  return loaded ??= Engine.load({ target: `${DEMO_DIR}/target`, backend: "cpu", context: 256 });
}

/** What plain decoding gives. */
export async function expected(
  prompt: Prompt,
  options: GenerateOptions,
): Promise<GenerationResult> {
  return await (await reference()).generate(prompt, options).finish();
}

/** The log-probabilities of a text. */
export async function expectedScore(text: string | number[], top: number): Promise<Score> {
  return (await reference()).score(text, { top });
}

/** The tokens of a text. */
export async function encode(text: string): Promise<number[]> {
  return [...(await reference()).encode(text)];
}

/** A bias against tokens that are nothing but space, which a small model would fill grammars with. */
export async function withoutSpace(): Promise<Record<string, number>> {
  const { tokenizer } = await reference();
  const ids = Array.from({ length: tokenizer.size }, (_, id) => id);
  return Object.fromEntries(
    ids.filter((id) => /^\s+$/.test(tokenizer.decode([id]))).map((id) => [`${id}`, -100]),
  );
}

/** A directory with the demo target and another chat template. */
function withTemplate(name: string): string {
  const dir = Deno.makeTempDirSync();
  addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));
  for (const file of Deno.readDirSync(`${DEMO_DIR}/target`)) {
    Deno.symlinkSync(`${DEMO_DIR}/target/${file.name}`, `${dir}/${file.name}`);
  }
  const template = new URL(`../data/templates/${name}.jinja`, import.meta.url);
  Deno.copyFileSync(template, `${dir}/chat_template.jinja`);
  return dir;
}
