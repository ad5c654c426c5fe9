/**
 * A directory with a target, a draft model and an EAGLE-2 head of each, loaded: what the demo, the benches
 * and the tests compare methods on. The folders are `target`, `draft`, `target-eagle2`, `draft-eagle2`, and
 * `target-eagle3`, `target-dflash`, `target-dspark` where there are heads of those families, too.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import {
  Device,
  dflash,
  type DrafterPlan,
  draftModel,
  dspark,
  eagle2,
  eagle3,
  HeadModel,
  type Method,
  METHODS,
  Model,
  speculationOf,
  type SpeculationOptions,
  suffix,
  Tokenizer,
} from "../mod.ts";
import { autoPlan } from "../src/engine/auto.ts";
import { EAGLE2 } from "../src/engine/drafters/eagle2.ts";

/** The bundled trio. */
export const DEMO_DIR = fileURLToPath(new URL("../models/demo", import.meta.url));

/** Families of which a trio may have a head of the target, beside its EAGLE-2 heads. */
const OTHERS = ["eagle3", "dflash", "dspark"] as const;

/** The models of a trio, on one device. */
export class Trio implements Disposable {
  /** Where they are. */
  readonly device: Device;
  /** The target's tokenizer. */
  readonly tokenizer: Tokenizer;
  /** The target. */
  readonly target: Model;
  /** The draft model. */
  readonly draft: Model;
  /** The target's head. */
  readonly targetHead: HeadModel;
  /** The draft model's head. */
  readonly draftHead: HeadModel;
  /** The target's heads of other families, where there are any. */
  readonly targetHeads: { [family in (typeof OTHERS)[number]]?: HeadModel } = {};
  readonly #cleanup: DisposableStack;

  /** Loads the trio in `dir`, on `device` or on one that it opens itself. */
  constructor(dir: string = DEMO_DIR, device?: Device) {
    using cleanup = new DisposableStack();
    this.device = device ?? cleanup.use(Device.open());
    this.tokenizer = Tokenizer.load(`${dir}/target`);
    const { device: on } = this;
    this.target = cleanup.use(Model.load(on, `${dir}/target`));
    this.draft = cleanup.use(Model.load(on, `${dir}/draft`));
    this.targetHead = cleanup.use(HeadModel.load(on, `${dir}/target-eagle2`, this.target));
    this.draftHead = cleanup.use(HeadModel.load(on, `${dir}/draft-eagle2`, this.draft));
    const there = new Set([...Deno.readDirSync(dir)].map(({ name }) => name));
    for (const family of OTHERS.filter((one) => there.has(`target-${one}`))) {
      const head = HeadModel.load(on, `${dir}/target-${family}`, this.target);
      this.targetHeads[family] = cleanup.use(head);
    }
    this.#cleanup = cleanup.move();
  }

  /** The methods that there are models for. */
  get methods(): readonly Method[] {
    const missing: Method[] = OTHERS.filter((family) => this.targetHeads[family] === undefined);
    return METHODS.filter((method) => !missing.includes(method));
  }

  /** The drafter of a method, with the shape that an engine gives it where `options` say nothing else. */
  plan(method: Method, options: Partial<SpeculationOptions> = {}): DrafterPlan | undefined {
    const shape = speculationOf(method, options);
    switch (method) {
      case "auto":
        return autoPlan({
          head: { kind: EAGLE2, head: this.targetHead },
          draft: this.draft,
          draftHead: { kind: EAGLE2, head: this.draftHead },
        }, options);
      case "ar":
        return undefined;
      case "draft":
        return draftModel(this.draft, shape);
      case "eagle2":
        return eagle2(this.targetHead, shape);
      case "eagle3":
        return eagle3(this.targetHeads.eagle3!, shape);
      case "dflash":
        return dflash(this.targetHeads.dflash!, shape);
      case "dspark":
        return dspark(this.targetHeads.dspark!, shape);
      case "suffix":
        return suffix(shape);
      case "hier":
        return draftModel(this.draft, shape, eagle2(this.draftHead, shape));
    }
  }

  /** Frees all of it. */
  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
