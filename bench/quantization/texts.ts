/**
 * Writes the token ids that quantizers are compared with, for `peers.py` and `score.py` beside this file:
 * `calibrate` as `specmquant quantize` takes it from a file, `evaluate` as `bench/quantization.ts` does, by name.
 *
 *     deno run -A bench/quantization/texts.ts --model DIR --out FILE.json --calibration FILE.jsonl
 *         --problems FILE.jsonl [--count 40] [--prose FILE.jsonl] [--prose-count 24]
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { calibrationTexts } from "../../src/quantize/jobs/calibration.ts";
import { problemTokens, proseTokens } from "./perplexity.ts";

const args = parseArgs(Deno.args, {
  string: ["model", "out", "calibration", "problems", "count", "prose", "prose-count"],
  default: { count: "40", "prose-count": "24" },
});
const { model, out, calibration, problems, prose } = args;
if (!model || !out || !calibration || !problems) {
  throw new Error("expected --model DIR --out FILE.json --calibration FILE --problems FILE.jsonl");
}
const calibrate = calibrationTexts(model, calibration, { texts: 128, tokens: 512 });
const evaluate = {
  problems: problemTokens(model, problems, Number(args.count)),
  ...(prose !== undefined && { prose: proseTokens(model, prose, Number(args["prose-count"])) }),
};
Deno.writeTextFileSync(out, JSON.stringify({ calibrate, evaluate }));
for (const [name, texts] of Object.entries({ calibrate, ...evaluate })) {
  console.log(`${name}: ${texts.length} texts, ${texts.flat().length} tokens`);
}
