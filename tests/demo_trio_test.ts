/**
 * The bundled trio on the real path: every method gives the tokens of plain decoding, bit for bit, and is
 * worth its name. `SPECMQUANT_SAMPLING=all` takes 200 prompts, and not 60, or 20 on the CPU library without
 * `SPECMQUANT_CASES=all`.
 */
import { assertEquals, assertGreater } from "@std/assert";
import { Trio } from "../scripts/trio.ts";
import { backendTest } from "./backends.ts";
import { ALL_CASES } from "./cases.ts";
import { METHODS } from "./methods.ts";
import { isMine, PART, tell } from "./parts.ts";
import { problems } from "./problems.ts";
import { Decoder } from "./rounds.ts";

const ALL = Deno.env.get("SPECMQUANT_SAMPLING") === "all";
const PROMPTS = { cpu: ALL ? 200 : ALL_CASES ? 60 : 20, cuda: ALL ? 200 : 60 };
const TOKENS = 32;
const CONTEXT = 256;

backendTest("the demo trio: every method gives the tokens of plain decoding", ({ device }) => {
  using trio = new Trio(undefined, device);
  const count = PROMPTS[device.backend];
  const prompts = problems(count, 11).filter((_, i) => isMine(i, count)).map((text) =>
    trio.tokenizer.encode(`Question: ${text}\nAnswer:`)
  );
  using plain = new Decoder(trio.target, CONTEXT);
  const expected = prompts.map((prompt) => plain.decode(prompt, TOKENS));
  for (const method of METHODS) {
    const plan = method.plan(trio);
    using decoder = new Decoder(trio.target, CONTEXT, plan);
    let forwards = 0;
    for (const [i, prompt] of prompts.entries()) {
      assertEquals(decoder.decode(prompt, TOKENS), expected[i], `${method.name}, prompt ${i}`);
      forwards += decoder.forwards;
    }
    // Of few prompts it says little.
    if (PART.count > 1) continue;
    // What was said before says less than a model.
    const least = plan.name === "suffix" ? 2 : 2.5;
    assertGreater(
      (prompts.length * TOKENS) / forwards,
      least,
      `tokens a target forward of ${method.name}`,
    );
  }
  tell({ prompts: prompts.length });
}, ["cpu", "cuda"]);
