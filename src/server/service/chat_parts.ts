/**
 * What comes of a chat's texts, as what is said and what is called.
 *
 * @module
 */
import type { PlacedToken } from "../answers/settled.ts";
import type { CallDelta, CallReader, Read } from "../tools/call_reader.ts";
import type { Delta, Texts } from "./texts.ts";
import type { ToolUse } from "./tool_use.ts";

/** More of a call, with the id that the call has. */
export interface IdentifiedCall extends CallDelta {
  /** The call's id. */
  readonly id: string;
}

/** What has come of the choice `index`. */
export interface ChatPart {
  /** Which choice. */
  readonly index: number;
  /** More of what it says. */
  readonly text: string;
  /** More of what it calls. */
  readonly calls: readonly IdentifiedCall[];
  /** More of its tokens, where log-probabilities were asked for. */
  readonly tokens: readonly PlacedToken[];
  /** How its last token came, or at its end all of it, where that was asked for. */
  readonly seen?: Delta["seen"];
  /** Why it ended. */
  readonly finish?: Delta["finish"] | "tool_calls";
  /** The seed that it was sampled with. */
  readonly seed?: number;
}

/** The parts of `texts`, whose calls are read as `tools` says; all is said where there are none. */
export async function* chatParts(
  { count, deltas }: Texts,
  tools: ToolUse | undefined,
): AsyncGenerator<ChatPart, void> {
  const readers: readonly (CallReader | undefined)[] = Array.from(
    { length: count },
    () => tools?.reader(),
  );
  const ids: string[][] = readers.map(() => []);
  for await (const { index, text, tokens, seen, finish, seed } of deltas) {
    const reader = readers[index];
    if (reader === undefined) {
      yield { index, text, calls: [], tokens, seen, finish, seed };
      continue;
    }
    const reads: Read[] = [reader.push(text), ...(finish === undefined ? [] : [reader.end()])];
    const calls = reads.flatMap((read) => read.calls).map((call): IdentifiedCall => ({
      ...call,
      id: ids[index][call.index] ??= newId(),
    }));
    const said = reads.map(({ content }) => content).join("");
    const hasCalled = finish === "stop" && reader.count > 0;
    const end = hasCalled ? "tool_calls" : finish;
    const isSaid = said !== "" || calls.length > 0 || tokens.length > 0;
    if (!isSaid && seen === undefined && end === undefined) continue;
    yield { index, text: said, calls, tokens, seen, finish: end, seed };
  }
}

/** An id of 9 letters and digits, as Mistral's templates want it. */
function newId(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, 9);
}
