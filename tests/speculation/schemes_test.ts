/**
 * The matrix of schemes and methods: whatever scheme the target, the draft model and the heads are stored in, and
 * whatever proposes, the tokens are those of plain decoding.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  attentionWorkspaceBytes,
  choiceBytes,
  HeadState,
  kvCacheBytes,
  ModelState,
  stateBytes,
} from "../../src/model/mod.ts";
import { backendTest } from "../backends.ts";
import { someOf } from "../cases.ts";
import { methodsOf } from "../methods.ts";
import { withStoredModels } from "../quantized_models.ts";
import { decode, prompts } from "../rounds.ts";
import { STORED_SCHEMES } from "../stored_schemes.ts";

/** Tokens of a text. */
const COUNT = 24;

/** Moves the draft model just so far that it is sometimes right. */
const NOISE = 1;

for (const [at, scheme] of STORED_SCHEMES.entries()) {
  const lmHead = scheme.pack("lm_head", { values: new Float64Array(64 * 64), n: 64, k: 64 });
  backendTest(
    `${scheme.name}, ${scheme.dtype}, ${lmHead ? "with" : "without"} a quantized output ` +
      "projection: every method gives the tokens of plain decoding",
    ({ device }) => {
      withStoredModels(device, scheme, NOISE, (models) => {
        const { target } = models;
        const main = target.summary.scheme.split("+")[0];
        assertEquals(main, scheme.config ? scheme.name : scheme.dtype);
        const texts = prompts(4).map((prompt) => ({
          prompt,
          tokens: decode(target, prompt, COUNT).tokens,
        }));
        const variety = texts.map(({ tokens }) => new Set(tokens).size);
        assertGreater(Math.max(...variety), 4, "distinct tokens of a text");
        for (const [number, { name, plan }] of methodsOf(models).entries()) {
          // Every other text on the CPU library, and the others with the next method and in the next scheme.
          const { backend } = device;
          const some = someOf(texts, 2, { first: at + number, backend });
          const taus = some.map(({ prompt, tokens }) => {
            const found = decode(target, prompt, COUNT, plan(models));
            assertEquals(found.tokens, tokens, name);
            return found.tau;
          });
          if (name === "draft") assert(taus.some((tau) => tau > 1), "nothing was accepted");
        }
      });
    },
    ["cpu", "cuda"],
  );
}

for (const scheme of STORED_SCHEMES) {
  backendTest(`${scheme.name}, ${scheme.dtype}: what is planned is what is taken`, ({ device }) => {
    const { used } = device.memory();
    withStoredModels(device, scheme, NOISE, (models) => {
      const { target, targetHead, draft, draftHead } = models;
      const others = [models.eagle3!, models.blocks!].flatMap((all) => Object.values(all))
        .flatMap((pair) => [pair.target, pair.draft]);
      const planned = [target, targetHead, draft, draftHead, ...others]
        .reduce((sum, { summary }) => sum + summary.weightBytes, 0);
      // The twin keeps scales and zero points of groups in f32: a fifth more at most.
      assertWithin(device.memory().used - used, planned, planned / 5);
      const options = { context: 100, slots: 128, rows: 70, logitsRows: 80 };
      const { logitsScratch } = target.summary.needs;
      for (
        const [make, config, needs] of [
          [() => new ModelState(target, options), target.config, target.summary.needs],
          [
            () => new HeadState(targetHead, options),
            targetHead.config,
            { ...targetHead.summary.needs, logitsScratch },
          ],
        ] as const
      ) {
        const before = device.memory().used;
        using _state = make();
        const attention = attentionWorkspaceBytes(device, config, options.rows, options.slots);
        const cache = kvCacheBytes(config, options.slots); // reserved, not yet taken
        const plan = stateBytes(config, options, needs) - cache + attention;
        // A model chooses tokens; a head has hidden states of its own, and pairs of them; counters and tables of addresses are small.
        const own = needs === target.summary.needs
          ? choiceBytes(config, options.logitsRows)
          : options.rows * config.hiddenSize * 6;
        assertWithin(device.memory().used - before, plan + own, 1000);
      }
    });
  }, ["cpu", "cuda"]);
}

function assertWithin(found: number, expected: number, by: number): void {
  assert(Math.abs(found - expected) <= by, `${found} bytes, expected ${expected} within ${by}`);
}
