/**
 * The clients that people use, unmodified: one list of cases, over each of them.
 *
 * @module
 */
import { aiSdk } from "./clients/ai_sdk.ts";
import { KEYS, type Place } from "./clients/cases/case.ts";
import { REFUSALS } from "./clients/cases/refusals.ts";
import { TEXTS } from "./clients/cases/texts.ts";
import { TOOLS } from "./clients/cases/tools.ts";
import { langchain } from "./clients/langchain.ts";
import { openai } from "./clients/openai.ts";
import { writeReciter } from "./reciter.ts";
import { MODEL, ServerRig } from "./rig.ts";

/** A client is one file, and one name here. */
const CLIENTS = [openai, aiSdk, langchain];

const dir = writeReciter(Deno.makeTempDirSync());
const rigs = {
  trio: await ServerRig.start(),
  reciter: await ServerRig.start({}, { target: dir, context: 1024 }),
  strict: await ServerRig.start({ keys: KEYS, seconds: 0.5 }, { target: dir, context: 30000 }),
};
addEventListener("unload", () => {
  for (const rig of Object.values(rigs)) void rig[Symbol.asyncDispose]();
  Deno.removeSync(dir, { recursive: true });
});

for (const { name, kinds, connect } of CLIENTS) {
  const client: Place["client"] = (rig, connection) =>
    connect({
      url: `${rig.server.url}/v1`,
      key: rig === rigs.strict ? KEYS[0] : "none",
      model: MODEL,
      ...connection,
    });
  for (const [what, run] of [...TEXTS, ...TOOLS, ...REFUSALS]) {
    Deno.test(`clients: ${name}: ${what}`, () => run({ ...rigs, kinds, client }));
  }
}
