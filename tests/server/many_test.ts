/**
 * Many clients at once, some of whom go away: nothing is lost or mixed up.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../random.ts";
import { expected, MESSAGES, MODEL, PROMPT, ServerRig } from "./rig.ts";

const CLIENTS = 24;

Deno.test("many: each of 24 clients gets its own text, while others vanish", async () => {
  await using rig = await ServerRig.start();
  const random = new Random(9);
  const prompts = [PROMPT, "Question: 2 + 2?\nAnswer:", "Anna has 5 apples."];
  const wanted = Array.from({ length: CLIENTS }, (_, i) => ({
    prompt: random.pick(prompts),
    max_tokens: 2 + random.integer(8),
    temperature: random.pick([0, 0.8]),
    seed: i,
  }));
  const right: string[] = [];
  for (const { prompt, max_tokens, temperature, seed } of wanted) {
    right.push((await expected(prompt, { maxTokens: max_tokens, temperature, seed })).text);
  }
  const gone: Promise<unknown>[] = [];
  const texts = await Promise.all(wanted.map(async (body, i) => {
    const { completions, chat } = rig.clientWith(`${i}`);
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const leaver = i % 2 === 0
      ? completions.create({ model: MODEL, prompt: PROMPT, max_tokens: 200 }, options)
      : chat.completions.create({ model: MODEL, messages: MESSAGES, n: 5, stream: true }, options)
        .then(async (stream) => {
          for await (const _ of stream);
        });
    gone.push(leaver.catch(() => {}));
    setTimeout(() => controller.abort(), 20 * random.integer(20));
    if (i % 3 > 0) return (await completions.create({ model: MODEL, ...body })).choices[0].text;
    let text = "";
    for await (
      const { choices: [choice] } of await completions.create({
        model: MODEL,
        ...body,
        stream: true,
      })
    ) {
      text += choice.text;
    }
    return text;
  }));
  assertEquals(texts, right);
  await Promise.all(gone);
  assert(await rig.idles());
  // Some may have had their answer before they went.
  const left = rig.lines.filter((line) => line.includes('"status":499'));
  assert(left.length >= CLIENTS / 4, `${left.length} left`);
  assert(rig.lines.every((line) => !line.includes('"event":"error"')));
});
