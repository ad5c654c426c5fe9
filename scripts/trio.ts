/**
 * A directory with a target, a draft model and heads of both, loaded: what the demo, the benches and the tests compare
 * methods on. The folders are `target` and `draft`, and for each family of heads that is there `target-eagle2`,
 * `draft-eagle2` and so on.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import {
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
} from "../mod.ts";
import {
  type Composition,
  compositionOf,
  COMPOSITIONS,
  type Heads,
  missingFor,
  planOf,
  type ProposingModels,
} from "../src/engine/composition.ts";

/** The bundled trio. */
export const DEMO_DIR = fileURLToPath(new URL("../models/demo", import.meta.url));

/** The models of a trio, on one device. */
export class Trio implements Disposable, ProposingModels {
  /** Where they are. */
  readonly device: Device;
  /** The target's tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The target. */
  readonly target: Model;
  /** The draft model. */
  readonly draft: Model;
  /** The target's heads, by family. */
  readonly heads: Heads;
  /** The draft model's. */
  readonly draftHeads: Heads;
  readonly #cleanup: DisposableStack;

  /**
   * Loads the trio in `dir`, on `device` or on one that it opens itself; the target from `target` where it is not in the
   * same directory.
   */
  constructor(dir: string = DEMO_DIR, device?: Device, target = `${dir}/target`) {
    using cleanup = new DisposableStack();
    const on = this.device = device ?? cleanup.use(Device.open());
    this.tokenizer = Tokenizer.load(target);
    this.target = cleanup.use(Model.load(on, target));
    this.draft = cleanup.use(Model.load(on, `${dir}/draft`));
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
