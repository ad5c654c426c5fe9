/**
 * A hub for tests: what Hugging Face's answers look like, at an address of this machine, and a second one as the place
 * where large files lie. It can be told to go wrong.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** A file of a repository. */
export interface HubFile {
  /** What it holds. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether it is large: kept at the second address, and listed with its SHA-256. */
  readonly lfs?: boolean;
  /** What is sent in its place. */
  sent?: Uint8Array<ArrayBuffer>;
}

/** A repository. */
export interface HubRepository {
  /** Its files. */
  readonly files: Record<string, HubFile>;
  /** The commit of each branch and tag. */
  readonly revisions?: Record<string, string>;
  /** Whether only the holders of `token` may read its files. */
  readonly gated?: boolean;
  /** Whether only the holders of `token` hear that it exists. */
  readonly hidden?: boolean;
  /** Added to the list of files. */
  readonly entries?: readonly unknown[];
}

/** A request that came. */
export interface HubRequest {
  /** Which of the two servers it came to. */
  readonly to: "hub" | "cdn";
  /** The path and what is behind it. */
  readonly path: string;
  /** The range that was asked for. */
  readonly range?: string;
  /** The authorization that was sent. */
  readonly authorization?: string;
  /** Bytes of the body that were sent. */
  sent: number;
}

/** Answers in place of the usual ones; undefined for these. */
export type Answering = (request: HubRequest) => Response | Promise<Response> | undefined;

/** The one token that counts. */
export const TOKEN = "hf_test_9f8e7d6c5b4a";

/** The commit of `main`, where nothing else is said. */
export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** What git calls a blob. */
export function gitSum(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** The sum that a file is listed with. */
export function sumOf({ bytes, lfs }: HubFile): string {
  return lfs ? `sha256:${sha256(bytes)}` : `git:${gitSum(bytes)}`;
}

/** The hub. */
export class TestHub implements AsyncDisposable {
  /** Repositories by name. */
  readonly repositories: Record<string, HubRepository>;
  /** All requests, in the order in which they came. */
  readonly requests: HubRequest[] = [];
  /** Looked at before anything else. */
  answer: Answering = () => undefined;
  /** Whether servers take no notice of `Range`. */
  ignoresRange = false;
  /** Connections are broken after that many bytes of a body, as often as `drops` says. */
  dropAfter = Infinity;
  /** See {@link TestHub.dropAfter}. */
  drops = 0;
  /** Milliseconds between two pieces of a body. */
  slow = 0;
  /** Entries of a page of the list of files. */
  page = 3;
  readonly #hub: Deno.HttpServer<Deno.NetAddr>;
  readonly #cdn: Deno.HttpServer<Deno.NetAddr>;

  constructor(repositories: Record<string, HubRepository>) {
    this.repositories = repositories;
    const serve = (to: HubRequest["to"], handle: (url: URL, request: HubRequest) => Response) =>
      Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (got) => {
        const url = new URL(got.url);
        const request: HubRequest = {
          to,
          path: decodeURIComponent(url.pathname) + url.search,
          range: got.headers.get("range") ?? undefined,
          authorization: got.headers.get("authorization") ?? undefined,
          sent: 0,
        };
        this.requests.push(request);
        return await this.answer(request) ?? handle(url, request);
      });
    this.#hub = serve("hub", (url, request) => this.#answerHub(url, request));
    this.#cdn = serve("cdn", (url, request) => this.#answerCdn(url, request));
  }

  /** The address for `HF_ENDPOINT`. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#hub.addr.port}`;
  }

  /** The host and port of both servers. */
  get hosts(): { readonly hub: string; readonly cdn: string } {
    return {
      hub: `127.0.0.1:${this.#hub.addr.port}`,
      cdn: `127.0.0.1:${this.#cdn.addr.port}`,
    };
  }

  /**
   * Throws unless `bytes` of files were sent since the last call, or one more: the byte that asks whether files can be
   * had, which its reader may give up before it is sent.
   */
  expectSent(bytes: number): void {
    const sent = this.takeSent();
    if (sent === bytes || sent === bytes + 1) return;
    throw new Error(`${sent} bytes were sent, expected ${bytes} or one more`);
  }

  /** Bytes of files that were sent since the last call. */
  takeSent(): number {
    const sent = this.requests.filter(({ path }) => /\/resolve\/|^\/lfs\//.test(path))
      .reduce((sum, request) => sum + request.sent, 0);
    this.requests.length = 0;
    return sent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drops = Infinity;
    this.dropAfter = 0;
    await Promise.all([this.#hub.shutdown(), this.#cdn.shutdown()]);
  }

  #answerHub(url: URL, request: HubRequest): Response {
    const path = decodeURIComponent(url.pathname);
    const [, name, kind, rest] =
      /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/(.+)$/.exec(path) ??
        /^\/([^/]+\/[^/]+)\/(resolve)\/(.+)$/.exec(path) ?? [];
    const repository = this.repositories[name];
    const isKnown = request.authorization === `Bearer ${TOKEN}`;
    if (request.authorization !== undefined && !isKnown) {
      return refused(401, undefined, "Invalid credentials in Authorization header");
    }
    if (repository === undefined || (repository.hidden && !isKnown)) {
      return refused(isKnown ? 404 : 401, "RepoNotFound", "Repository not found");
    }
    const { revisions = { main: COMMIT } } = repository;
    const slash = kind === "resolve" ? rest.indexOf("/") : -1;
    const revision = slash < 0 ? rest : rest.slice(0, slash);
    const commit = Object.values(revisions).includes(revision) ? revision : revisions[revision];
    if (commit === undefined) {
      return refused(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    }
    if (kind === "revision") {
      return Response.json({ _id: "1", id: name, sha: commit, private: false });
    }
    if (kind === "tree") return this.#list(url, repository);
    if (repository.gated && !isKnown) {
      return refused(401, "GatedRepo", `Access to model ${name} is restricted.`);
    }
    const file = repository.files[rest.slice(slash + 1)];
    if (file === undefined) return refused(404, "EntryNotFound", "Entry not found");
    const headers = { "x-repo-commit": commit };
    if (!file.lfs) {
      return this.#send(file, request, { ...headers, etag: `"${gitSum(file.bytes)}"` });
    }
    const sum = sha256(file.bytes);
    return new Response(null, {
      status: 302,
      headers: {
        ...headers,
        "x-linked-size": `${file.bytes.length}`,
        "x-linked-etag": `"${sum}"`,
        location: `http://${this.hosts.cdn}/lfs/${sum}?signature=s3cr3t`,
      },
    });
  }

  #answerCdn(url: URL, request: HubRequest): Response {
    const sum = url.pathname.split("/").at(-1);
    const file = Object.values(this.repositories).flatMap(({ files }) => Object.values(files))
      .find(({ bytes, lfs }) => lfs && sha256(bytes) === sum);
    return file === undefined
      ? new Response("<Error/>", { status: 403 })
      : this.#send(file, request, { etag: '"an-etag-of-its-own-3"' });
  }

  #list(url: URL, { files, entries = [] }: HubRepository): Response {
    const folders = new Set(
      Object.keys(files).filter((path) => path.includes("/")).map((path) => path.split("/")[0]),
    );
    const all = [
      ...[...folders].map((path) => ({ type: "directory", path, size: 0, oid: "0".repeat(40) })),
      ...Object.entries(files).map(([path, { bytes, lfs }]) => ({
        type: "file",
        path,
        size: bytes.length,
        oid: gitSum(bytes),
        ...(lfs && { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } }),
      })),
      ...entries,
    ];
    const start = Number(url.searchParams.get("cursor") ?? 0);
    const next = new URL(url);
    next.searchParams.set("cursor", `${start + this.page}`);
    const more = start + this.page < all.length;
    return Response.json(all.slice(start, start + this.page), {
      headers: more ? { link: `<${next}>; rel="next"` } : {},
    });
  }

  #send(file: HubFile, request: HubRequest, headers: Record<string, string>): Response {
    const bytes = file.sent ?? file.bytes;
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.range ?? "") ?? [];
    const isPart = from !== undefined && !this.ignoresRange;
    const start = isPart ? Number(from) : 0;
    if (isPart && start >= bytes.length) {
      return new Response(null, {
        status: 416,
        headers: { "content-range": `bytes */${bytes.length}` },
      });
    }
    const end = isPart && to !== "" ? Number(to) + 1 : bytes.length;
    return new Response(this.#body(bytes.subarray(start, end), request), {
      status: isPart ? 206 : 200,
      headers: {
        ...headers,
        "content-length": `${end - start}`,
        ...(isPart && { "content-range": `bytes ${start}-${end - 1}/${bytes.length}` }),
      },
    });
  }

  #body(
    bytes: Uint8Array<ArrayBuffer>,
    request: HubRequest,
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const drops = bytes.length > this.dropAfter && this.drops > 0;
    if (drops) this.drops--;
    const most = drops ? this.dropAfter : bytes.length;
    const PIECE = 16_384;
    return new ReadableStream({
      pull: async (controller) => {
        if (this.slow > 0) await new Promise((resume) => setTimeout(resume, this.slow));
        const piece = bytes.subarray(request.sent, Math.min(most, request.sent + PIECE));
        if (piece.length > 0) controller.enqueue(piece);
        request.sent += piece.length;
        if (request.sent < most) return;
        // Fewer bytes than the header says break the connection.
        controller.close();
      },
    }, { highWaterMark: 0 });
  }
}

function refused(status: number, code: string | undefined, message: string): Response {
  return Response.json({ error: message }, {
    status,
    headers: {
      ...(code !== undefined && { "x-error-code": code }),
      "x-error-message": message,
    },
  });
}
