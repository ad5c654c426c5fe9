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
import { DEMO_DIR } from "../../scripts/trio.ts";
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
  readonly lines: string[] = [];
  readonly #engine: Engine;

  private constructor(engine: Engine, options: Partial<ServerOptions>) {
    this.#engine = engine;
    this.server = Server.start({
      engine,
      model: MODEL,
      port: 0,
      log: jsonLog((line) => this.lines.push(line)),
      ...options,
    });
    this.client = this.clientWith(options.keys?.[0] ?? "none");
  }

  /** Loads the trio and starts; with a chat template of `tests/data/templates`, in place of the target's own, where named. */
  static async start(
    options: Partial<ServerOptions> = {},
    { context = 256, template, slots = 4, method = "hier" }: {
      context?: number;
      template?: string;
      slots?: number;
      method?: "hier" | "auto";
    } = {},
  ): Promise<ServerRig> {
    const engine = await Engine.load({
      target: template === undefined ? `${DEMO_DIR}/target` : withTemplate(template),
      draft: `${DEMO_DIR}/draft`,
      head: `${DEMO_DIR}/draft-eagle2`,
      ...(method === "auto" && { targetHead: `${DEMO_DIR}/target-eagle2` }),
      method,
      backend: "cpu",
      context,
      slots,
    });
    return new ServerRig(engine, options);
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
    const text = await (await fetch(`${this.server.url}/metrics`)).text();
    const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)![1]);
    return {
      waiting: value("specmquant_texts_waiting"),
      running: value("specmquant_texts_running"),
    };
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
