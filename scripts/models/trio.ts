/**
 * A directory with a target, a draft model and heads of both, loaded: what the demo, the benches and the tests compare
 * methods on. The folders are `target` and `draft`, and for each family of heads that is there `target-eagle2`,
 * `draft-eagle2` and so on.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import {
  type ChatMessage,
  ChatTemplate,
  Device,
  DRAFTER_NAMES,
  type DrafterName,
  type DrafterPlan,
  HeadModel,
  type Method,
  METHODS,
  Model,
  type SpeculationOptions,
  Tokenizer,
} from "../../mod.ts";
import {
  type Composition,
  compositionOf,
  COMPOSITIONS,
  type Heads,
  missingFor,
  planOf,
  type ProposingModels,
} from "../../src/engine/composition.ts";

/** The bundled trio. */
export const DEMO_DIR = fileURLToPath(new URL("../../models/demo", import.meta.url));

/** Where models of a trio are that are not in its directory. */
export interface TrioPaths {
  /** The target, a directory or a GGUF file. */
  readonly target?: string;
  /** The draft model, likewise. */
  readonly draft?: string;
}

/** The models of a trio, on one device. */
export class Trio implements Disposable, ProposingModels {
  /** Where they are. */
  readonly device: Device;
  /** The target's tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The target's template of chats, where it has one. */
  readonly chatTemplate?: ChatTemplate;
  /** The target. */
  readonly target: Model;
  /** The draft model. */
  readonly draft: Model;
  /** The target's heads, by family. */
  readonly heads: Heads;
  /** The draft model's. */
  readonly draftHeads: Heads;
  readonly #cleanup: DisposableStack;

  /** Loads the trio in `dir`, on `device` or on one that it opens itself; models that lie elsewhere from `paths`. */
  constructor(dir: string = DEMO_DIR, device?: Device, paths: TrioPaths = {}) {
    const { target = `${dir}/target`, draft = `${dir}/draft` } = paths;
    using cleanup = new DisposableStack();
    const on = this.device = device ?? cleanup.use(Device.open());
    this.tokenizer = Tokenizer.load(target);
    this.chatTemplate = ChatTemplate.load(target);
    this.target = cleanup.use(Model.load(on, target));
    this.draft = cleanup.use(Model.load(on, draft));
    const there = new Set([...Deno.readDirSync(dir)].map(({ name }) => name));
    const headsOf = (role: "target" | "draft"): Heads =>
      Object.fromEntries(
        DRAFTER_NAMES.filter((family) => there.has(`${role}-${family}`)).map((family) => {
          const head = HeadModel.load(on, `${dir}/${role}-${family}`, this[role]);
          return [family, cleanup.use(head)];
        }),
      );
    this.heads = headsOf("target");
    this.draftHeads = headsOf("draft");
    this.#cleanup = cleanup.move();
  }

  /** The tokens of a chat that the target is to answer; throws where it has no template. */
  encodeChat(messages: readonly ChatMessage[]): number[] {
    if (this.chatTemplate === undefined) throw new Error("the target has no chat template");
    const text = this.chatTemplate.render(messages);
    return this.tokenizer.encode(text, { addSpecialTokens: false });
  }

  /** The target's EAGLE-2 head; throws where there is none. */
  get targetHead(): HeadModel {
    return eagle2Of("target", this.heads);
  }

  /** The draft model's. */
  get draftHead(): HeadModel {
    return eagle2Of("draft model", this.draftHeads);
  }

  /** The methods that there are models for, `hier` with an EAGLE-2 head inside. */
  get methods(): readonly Method[] {
    return METHODS.filter((method) => missingFor(compositionOf(method), this) === undefined);
  }

  /** All that there are models for, `hier` with every drafter inside. */
  get compositions(): readonly Composition[] {
    return COMPOSITIONS.filter((one) => missingFor(one, this) === undefined);
  }

  /**
   * The drafter of a method, of `hier` with `inner` inside, an EAGLE-2 head where absent, with the shape that an engine gives
   * it where `options` say nothing else.
   */
  plan(
    method: Method,
    options: Partial<SpeculationOptions> = {},
    inner?: DrafterName,
  ): DrafterPlan | undefined {
    return planOf(compositionOf(method, inner), this, options);
  }

  /** Frees all of it. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}

function eagle2Of(whose: string, { eagle2 }: Heads): HeadModel {
  if (eagle2 === undefined) throw new Error(`the ${whose} has no EAGLE-2 head`);
  return eagle2;
}
