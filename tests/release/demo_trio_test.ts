/**
 * The bundled trio on the real path: every method gives the tokens of plain decoding, bit for bit, and is
 * worth its name. `SPECMQUANT_SAMPLING=all` takes 200 prompts, and not 60, of which the CPU library takes a third in each
 * method.
 */
import { assertEquals, assertGreater } from "@std/assert";
import { Trio } from "../../scripts/models/trio.ts";
import { backendTest } from "../backends.ts";
import { someOf } from "../cases.ts";
import { METHODS } from "../methods.ts";
import { isMine, PART, tell } from "../parts.ts";
import { problems } from "../problems.ts";
import { Decoder } from "../rounds.ts";

const ALL = Deno.env.get("SPECMQUANT_SAMPLING") === "all";
const PROMPTS = ALL ? 200 : 60;
const TOKENS = 32;
const CONTEXT = 256;

backendTest(`${PROMPTS} prompts: every method gives the tokens of plain decoding`, ({ device }) => {
  using trio = new Trio(undefined, device);
  const prompts = problems(PROMPTS, 11).filter((_, i) => isMine(i, PROMPTS)).map((text) =>
    trio.tokenizer.encode(`Question: ${text}\nAnswer:`)
  );
  using plain = new Decoder(trio.target, CONTEXT);
  const expected = prompts.map((prompt) => plain.decode(prompt, TOKENS));
  for (const [first, method] of METHODS.entries()) {
    const plan = method.plan(trio);
    // What remembers texts needs all of them.
    const every = ALL || plan.name === "suffix" ? 1 : 3;
    const some = someOf([...prompts.entries()], every, { first, backend: device.backend });
    using decoder = new Decoder(trio.target, CONTEXT, plan);
    let forwards = 0;
    for (const [i, prompt] of some) {
      assertEquals(decoder.decode(prompt, TOKENS), expected[i], `${method.name}, prompt ${i}`);
      forwards += decoder.forwards;
    }
    // Of few prompts it says little.
    if (PART.count > 1) continue;
    // What was said before says less than a model.
    const least = plan.name === "suffix" ? 2 : 2.5;
    assertGreater(
      (some.length * TOKENS) / forwards,
      least,
      `tokens a target forward of ${method.name}`,
    );
  }
  tell({ prompts: prompts.length });
}, ["cpu", "cuda"]);
