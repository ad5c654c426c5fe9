/**
 * Fetching models from a hub.
 *
 * @module
 */
import { ArgumentError } from "../base/errors.ts";
import { checkOptions, pathOf } from "../base/options.ts";
import { warn } from "../base/warnings.ts";
import { chooseFiles } from "./choice/choose.ts";
import { checkPlace } from "./disk/place.ts";
import { readRecord } from "./disk/record.ts";
import { fillDirectory } from "./fill_directory.ts";
import { HubClient } from "./net/client.ts";
import { endpointOf, isPrivate } from "./net/endpoint.ts";
import { listRepository } from "./net/listing.ts";
import { PATIENCE, type Patience } from "./net/patience.ts";
import { tokenOf } from "./net/token.ts";
import { PULL_KINDS, type PullOptions, type PullResult } from "./options.ts";
import { parseRepository } from "./repository.ts";

/**
 * Fetches a model from Hugging Face, or from a hub that speaks its language.
 *
 * A file has its name only when it is whole and adds up to the sum that the repository lists it with. Until all are
 * there, the directory says that it is not complete, and is not read as a model; the next call goes on where one was
 * broken off, by Ctrl-C, a crash, a full disk or a lost connection. What is there already is not fetched again. Files
 * that `pull` has not fetched are never replaced; those of another commit are.
 *
 * @throws {ArgumentError} an option is wrong, does not say which of several files, or the directory holds other files
 * @throws {HubNotFoundError} there is no such repository, revision or file
 * @throws {HubAccessError} the model is gated, or private
 * @throws {HubUnreachableError} there is no connection, or the server fails
 * @throws {IntegrityError} what came, or what is there, is not what is listed
 * @throws {UnsupportedModelError} the repository has no weights of a kind that is read
 * @throws {FileError} something cannot be written, as on a full disk
 */
export function pull(options: PullOptions): Promise<PullResult> {
  return pullPatiently(options, PATIENCE);
}

/** {@link pull}, with a patience of one's own. */
export async function pullPatiently(options: PullOptions, patience: Patience): Promise<PullResult> {
  const doing = "fetch a model";
  checkOptions(doing, options, PULL_KINDS);
  const { include = [], quant, signal } = options;
  if (include.length > 0 && quant !== undefined) {
    throw new ArgumentError("quant", `Cannot ${doing}: quant does nothing beside include`);
  }
  const subject = parseRepository(options.model);
  const { repository, revision } = subject;
  const dir = options.to === undefined ? repository : pathOf(doing, "to", options.to);
  const endpoint = endpointOf(options.endpoint);
  const token = tokenOf(options.token);
  if (token !== undefined && !isPrivate(new URL(endpoint))) {
    warn(`the token of ${token.from} is not sent: ${endpoint} is not reached over https`);
  }
  signal?.throwIfAborted();
  checkPlace(dir, repository, readRecord(dir));

  // One that fails stops the others.
  const failing = new AbortController();
  const signals = signal === undefined ? [failing.signal] : [signal, failing.signal];
  const client = new HubClient({ endpoint, token, patience, signal: AbortSignal.any(signals) });
  const listing = await listRepository(client, subject);
  const { files, leftOut, gguf } = chooseFiles(repository, listing.files, { include, quant });
  const target = { dir, subject, listing, files, include, quant };
  const { fetched, removed } = await fillDirectory(client, target, failing, options);
  return {
    repository,
    revision,
    commit: listing.commit,
    dir,
    path: gguf === undefined ? dir : `${dir}/${gguf}`,
    files,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    fetched,
    removed,
    leftOut,
  };
}
