/**
 * A server of one engine, in the language of OpenAI's API.
 *
 * @module
 */
import { SpecMQuantError } from "../base/errors.ts";
import { systemReason } from "../base/system_error.ts";
import { TokenTexts } from "./answers/token_texts.ts";
import { createApp } from "./app.ts";
import { isLoopback } from "./hosts.ts";
import { checkServerOptions, type ServerOptions } from "./options.ts";
import { Slots } from "./queue/slots.ts";
import { Metrics } from "./service/metrics.ts";
import { type Answering, Listener } from "./wire/listener.ts";
import type { Log } from "./wire/log.ts";

/** A server that listens. */
export class Server implements AsyncDisposable {
  /** Where it listens, e.g. `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly #listener: Listener;
  readonly #drain: () => void;
  readonly #log?: Log;
  #end?: Promise<void>;

  private constructor(listener: Listener, drain: () => void, log?: Log) {
    const { hostname, port } = listener;
    this.url = `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
    this.#listener = listener;
    this.#drain = drain;
    this.#log = log;
  }

  /**
   * Starts to listen.
   *
   * @throws {ArgumentError} an option is not what it should be
   * @throws {SpecMQuantError} with code `"listen"`: the address cannot be listened at
   */
  static async start(given: ServerOptions): Promise<Server> {
    const options = checkServerOptions(given);
    const { engine, model, host, port, queue, sampling, log } = options;
    const scheduler = new Slots(engine, queue);
    const service = {
      engine,
      scheduler,
      model,
      created: Math.floor(Date.now() / 1000),
      sampling,
      texts: new TokenTexts(engine.tokenizer),
      metrics: new Metrics(scheduler, engine),
      isDraining: false,
    };
    const app = createApp(service, options);
    const listener = await listen(host, port, app);
    if (options.keys.length === 0 && !isLoopback(host)) {
      log?.write("warning", {
        message: `whoever reaches ${host} may use this server: it has no keys`,
      });
    }
    log?.write("listening", {
      model,
      method: engine.method,
      context: engine.context,
      slots: engine.slots,
      keys: options.keys.length,
    });
    return new Server(listener, () => service.isDraining = true, log);
  }

  /** Ends it: no more texts are taken, and it listens no more, but what has been taken is finished. */
  drain(): Promise<void> {
    return this.#end ??= (async () => {
      this.#drain();
      this.#log?.write("draining");
      await this.#listener.close();
      this.#log?.write("ended");
    })();
  }

  /** As `drain`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }
}

/** An error of Node's calls: what was done, a code, the system's words, and the address. */
const LISTENING = /: \w+ E[A-Z]+:? (.+?)(?: \S+)?$/;

async function listen(hostname: string, port: number, answering: Answering): Promise<Listener> {
  try {
    return await Listener.open(hostname, port, answering);
  } catch (error) {
    const reason = systemReason(error) ?? LISTENING.exec(String(error))?.[1];
    if (reason === undefined) throw error;
    throw new SpecMQuantError("listen", `Cannot listen at ${hostname}:${port}: ${reason}`, {
      cause: error,
    });
  }
}
