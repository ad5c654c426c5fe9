/**
 * Many clients for a few seconds, clients that vanish, and the end under load: a short part of what `scripts/load.ts` does
 * for minutes.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Load } from "../../scripts/load.ts";
import { ServerRig } from "./rig.ts";

Deno.test("load: nothing is lost or mixed up, nobody waits longer than others, nothing is left", async () => {
  await using rig = await ServerRig.start({ queue: 1000 });
  const load = new Load(rig.server.url, 12);
  await load.prepare();
  const { wrong, answers, tokensPerSecond, perClient } = await load.run(16, 4);
  assertEquals(wrong, []);
  assert(answers >= 16 && tokensPerSecond > 0, `${answers} answers`);
  // All are of one address; their requests take turns.
  assert(perClient.most - perClient.least <= 3, JSON.stringify(perClient));
  assertEquals(await load.vanish(60), 0);
  // Whoever has been taken is answered, while the server takes no more.
  let drained: Promise<void> | undefined;
  assertEquals(await load.endUnder(12, () => drained = rig.server.drain()), 0);
  await drained;
  assert(rig.lines.every((line) => !line.includes('"event":"error"')));
});
