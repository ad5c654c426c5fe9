/**
 * Requests to a hub: who asks goes to the hub alone, redirects are followed by hand, and what fails for a moment is
 * asked again.
 *
 * @module
 */
import { HubUnreachableError } from "../../base/errors.ts";
import { type Answer, readAll, Transient, within } from "./answer.ts";
import { HUB, isPrivate } from "./endpoint.ts";
import { askedWait, type Patience, wait } from "./patience.ts";
import { type Asked, named, refusal, saidBy, type Subject } from "./refusal.ts";

/** Who asks whom, and how patiently. */
export interface Asking extends Asked {
  /** Ends all requests. */
  readonly signal?: AbortSignal;
  /** When to give up. */
  readonly patience: Patience;
}

const MOST_HOPS = 10;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
const BUSY: readonly number[] = [408, 429, 500, 502, 503, 504];

/** Most requests about one repository: its list of files comes in pages, which may lead in circles. */
const MOST_REQUESTS = 1000;

/** Most bytes of an error's body that are looked at, and most of an answer that is no file. */
const ERROR_BYTES = 2 ** 16;
const ANSWER_BYTES = 2 ** 26;

/** A hub, as one who asks sees it. */
export class HubClient {
  /** Who asks whom. */
  readonly asking: Asking;

  /** Makes a client; nothing is sent. */
  constructor(asking: Asking) {
    this.asking = asking;
  }

  /** The host of the hub. */
  get host(): string {
    return new URL(this.asking.endpoint).host;
  }

  /**
   * The answer to a request for `url`, redirects followed, whose status is below 400, or 416.
   *
   * @throws {Transient} it may be different the next time
   * @throws {SpecMQuantError} the hub refuses
   */
  async ask(
    subject: Subject,
    url: URL,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const { endpoint, patience } = this.asking;
    const stop = new AbortController();
    const linked: { size?: string; etag?: string } = {};
    let at = this.#atHome(url);
    for (let hop = 0; hop <= MOST_HOPS; hop++) {
      const response = await within(
        patience.silence,
        stop,
        () => this.#send(at, headers, stop),
      );
      linked.size ??= response.headers.get("x-linked-size") ?? undefined;
      linked.etag ??= response.headers.get("x-linked-etag") ?? undefined;
      const location = response.headers.get("location");
      if (REDIRECTS.includes(response.status) && location !== null) {
        await response.body?.cancel();
        at = this.#atHome(this.#next(subject, at, location));
        continue;
      }
      const answer = { response, host: at.host, linked, stop };
      if (response.status < 400 || response.status === 416) return answer;
      const body = new TextDecoder().decode(
        await readAll(answer, patience.silence, ERROR_BYTES, true),
      );
      const said = saidBy(response.headers, body);
      if (BUSY.includes(response.status)) {
        const words = `it answers with status ${response.status}${
          said === "" ? "" : ` ("${said}")`
        }`;
        throw new Transient(words, { wait: askedWait(response.headers) });
      }
      // Addresses at other hosts are good for some time: the hub gives new ones.
      if (at.origin !== new URL(endpoint).origin) {
        throw new Transient(
          `${at.host}, where it sends to, answers with status ${response.status}`,
        );
      }
      throw refusal(subject, this.asking, response.status, response.headers, said);
    }
    throw new HubUnreachableError(
      named(subject),
      this.host,
      `it sends on more than ${MOST_HOPS} times`,
    );
  }

  /**
   * What `work` gives, which is tried again as long as it throws a {@link Transient}, `tries` times in a row; where
   * `moved` says that there was progress, counting begins anew.
   */
  async retrying<T>(
    subject: Subject,
    tries: number,
    work: () => Promise<T>,
    moved: () => boolean = () => false,
  ): Promise<T> {
    const { signal, patience } = this.asking;
    for (let failed = 0;;) {
      signal?.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof Transient)) throw error;
        if (moved()) failed = 0;
        failed++;
        const give = (words: string) => new HubUnreachableError(named(subject), this.host, words);
        const { message, wait: asked = 0, lasts } = error;
        if (lasts) throw give(message);
        if (asked > patience.asked) {
          throw give(`${message}, and asks to wait ${Math.ceil(asked / 1000)} s; try again then`);
        }
        if (failed >= tries) throw give(`${message} (tried ${tries} times)`);
        // Those who failed together shall not come again together.
        const own = Math.min(patience.most, patience.first * 2 ** (failed - 1));
        await wait(Math.max(asked, own * (0.75 + Math.random() / 4)), signal);
      }
    }
  }

  /** `fetch` for a library that asks about `subject`: GET, whole answers of bounded length, errors in our words. */
  fetchFor(subject: Subject): typeof fetch {
    const { patience } = this.asking;
    let requests = 0;
    return (input, init) => {
      if (++requests > MOST_REQUESTS) throw new Error(`more than ${MOST_REQUESTS} pages`);
      const url = new URL(input instanceof Request ? input.url : input);
      const headers = Object.fromEntries(new Headers(init?.headers));
      return this.retrying(subject, patience.tries, async () => {
        const answer = await this.ask(subject, url, headers);
        const bytes = await readAll(answer, patience.silence, ANSWER_BYTES, false);
        const { status, headers: sent } = answer.response;
        return new Response(bytes, { status, headers: sent });
      });
    };
  }

  async #send(url: URL, headers: Readonly<Record<string, string>>, stop: AbortController) {
    const { endpoint, token, signal } = this.asking;
    const own = new Headers({ "user-agent": "specmquant", ...headers });
    // Nobody but the hub hears who asks, and not where others could listen.
    if (token !== undefined && url.origin === new URL(endpoint).origin && isPrivate(url)) {
      own.set("authorization", `Bearer ${token.secret}`);
    }
    const signals = signal === undefined ? [stop.signal] : [signal, stop.signal];
    return await fetch(url, { headers: own, redirect: "manual", signal: AbortSignal.any(signals) });
  }

  /** The pages of a mirror name the hub that it mirrors. */
  #atHome(url: URL): URL {
    const { endpoint } = this.asking;
    return url.origin === HUB && endpoint !== HUB
      ? new URL(`${endpoint}${url.pathname}${url.search}`)
      : url;
  }

  #next(subject: Subject, from: URL, location: string): URL {
    const url = URL.canParse(location, from) ? new URL(location, from) : undefined;
    const fits = url !== undefined && /^https?:$/.test(url.protocol) &&
      (from.protocol === "http:" || url.protocol === "https:");
    if (fits) return url;
    const where = url === undefined ? "no address" : `an address of ${url.protocol}`;
    throw new HubUnreachableError(named(subject), from.host, `it sends on to ${where}`);
  }
}
