/**
 * One thing that holds of every client.
 *
 * @module
 */
import type { ServerRig } from "../../rig.ts";
import type { Client, ClientKind, Connection } from "../client.ts";

/** What cases work with. */
export interface Place {
  /** A server of the demo trio. */
  readonly trio: ServerRig;
  /** One of the model that recites. */
  readonly reciter: ServerRig;
  /** The same with a key, and little time. */
  readonly strict: ServerRig;
  /** The classes of the client's errors. */
  readonly kinds: ClientKind["kinds"];
  /** A client of one of them; with its first key where there is one. */
  client(rig: ServerRig, connection?: Partial<Connection>): Client;
}

/** The keys of the strict server. */
export const KEYS = ["right-key"];

/** One case. */
export type Case = readonly [name: string, run: (place: Place) => Promise<void>];
