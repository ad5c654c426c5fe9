/**
 * The server's API: requests, and the events of a stream.
 *
 * @module
 */

/** What went wrong, as the server says it. */
export class ApiFailure extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * The JSON of each event in text that comes in pieces, until `[DONE]`.
 *
 * @param {AsyncIterable<string>} pieces
 * @returns {AsyncGenerator<any, void>}
 */
export async function* eventsOf(pieces) {
  let rest = "";
  for await (const piece of pieces) {
    const events = (rest + piece).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const data = event.replace(/^data: /, "");
      if (data === "[DONE]") return;
      yield JSON.parse(data);
    }
  }
}

/**
 * The body of a request for an answer to `messages`; settings that are empty are left out.
 *
 * @param {string} model
 * @param {{ role: string, content: string }[]} messages
 * @param {Record<string, string>} settings
 * @param {string} method
 * @returns {Record<string, unknown>}
 */
export function requestBody(model, messages, settings, method) {
  const { system, ...numbers } = settings;
  const given = Object.entries(numbers).filter(([, value]) => value !== "");
  return {
    model,
    messages: system ? [{ role: "system", content: system }, ...messages] : messages,
    stream: true,
    ...Object.fromEntries(given.map(([name, value]) => [name, Number(value)])),
    specmquant: { method, rounds: true },
  };
}

/** @param {ReadableStream<Uint8Array>} body */
async function* textOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** A client of the server that the page is from. */
export class Client {
  /** The API key; it is nowhere but here. */
  key = "";

  /** @returns {Promise<{ id: string, max_model_len: number, method: string, methods: string[] }>} */
  async model() {
    const response = await this.#ask("/v1/models");
    return (await response.json()).data[0];
  }

  /**
   * The chunks of an answer.
   *
   * @param {Record<string, unknown>} body
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<any, void>}
   */
  async *chat(body, signal) {
    const response = await this.#ask("/v1/chat/completions", {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
      signal,
    });
    for await (const event of eventsOf(textOf(response.body))) {
      if (event.error) throw new ApiFailure(response.status, event.error.message);
      yield event;
    }
  }

  /**
   * @param {string} path
   * @param {RequestInit} options
   */
  async #ask(path, options = {}) {
    const headers = {
      ...options.headers,
      ...(this.key && { authorization: `Bearer ${this.key}` }),
    };
    const response = await fetch(path, { ...options, headers });
    if (response.ok) return response;
    const { error } = await response.json();
    throw new ApiFailure(response.status, error.message);
  }
}
