import { assertEquals, assertThrows } from "@std/assert";
import { SpecMQuantError } from "../base/errors.ts";
import { openCheckpoint } from "../checkpoint/checkpoint.ts";
import { CONFIG, MODEL, warnings, withDir } from "../checkpoint/fixtures_test.ts";
import {
  ggufBytes,
  llamaMetadata,
  llamaTensors,
  type Value,
  withFiles,
} from "../../tests/gguf/gguf_writer.ts";
import type { ChoiceOptions } from "../speculation/mod.ts";
import { samplingDefaults } from "./sampling_defaults.ts";

/** What is made of a `generation_config.json`, and the warnings of that. */
function made(json: object | undefined): { options: ChoiceOptions; heard: string[] } {
  let options: ChoiceOptions = {};
  let heard: string[] = [];
  const files = { "config.json": CONFIG, ...(json && { "generation_config.json": json }) };
  withDir(files, MODEL, (dir) => {
    using checkpoint = openCheckpoint(dir);
    heard = warnings(() => options = samplingDefaults(checkpoint))
      .map((words) => words.replaceAll(dir, "DIR"));
  });
  return { options, heard };
}

Deno.test("sampling: as generation_config.json has it, and transformers takes it", () => {
  const cases: [json: object, options: ChoiceOptions][] = [
    [{ do_sample: true, temperature: 0.6, top_p: 0.9 }, { temperature: 0.6, topK: 50, topP: 0.9 }],
    [
      { do_sample: true, temperature: 0.7, top_p: 0.8, top_k: 20, repetition_penalty: 1.05 },
      { temperature: 0.7, topP: 0.8, topK: 20, repetitionPenalty: 1.05 },
    ],
    [{ do_sample: true, top_k: 0, min_p: 0.1 }, { temperature: 1, topK: 0, minP: 0.1 }],
    [{ do_sample: false, temperature: 0.6, typical_p: 0.5 }, {}],
    [{ do_sample: false }, {}],
    [{ repetition_penalty: 1.1 }, { repetitionPenalty: 1.1 }],
    // What others ask for is nothing where it is neutral.
    [
      {
        do_sample: true,
        top_k: 5,
        num_beams: 1,
        typical_p: 1,
        bad_words_ids: [],
        no_repeat_ngram_size: null,
        max_new_tokens: 9,
      },
      { temperature: 1, topK: 5 },
    ],
  ];
  for (const [json, options] of cases) assertEquals(made(json), { options, heard: [] });
  assertEquals(made({ temperature: 0.6, top_p: 0.9 }), {
    options: {},
    heard: [
      "DIR: generation_config.json has temperature, top_p but no do_sample, so that its text is greedy",
    ],
  });
});

Deno.test("sampling: what would be another function is refused by its name", () => {
  const others: [key: string, value: unknown, words: string][] = [
    ["typical_p", 0.9, "typical_p 0.9, expected 1 or none"],
    ["epsilon_cutoff", 3e-4, "epsilon_cutoff 0.0003, expected 0 or none"],
    ["top_h", 0.4, "top_h 0.4, expected none"],
    ["num_beams", 4, "num_beams 4, expected 1 or none"],
    ["no_repeat_ngram_size", 3, "no_repeat_ngram_size 3, expected 0 or none"],
    ["bad_words_ids", [[5]], "bad_words_ids [[5]], expected none"],
    ["suppress_tokens", [7], "suppress_tokens [7], expected none"],
    ["guidance_scale", 1.5, "guidance_scale 1.5, expected 1 or none"],
    ["min_new_tokens", 5, "min_new_tokens 5, expected 0 or none"],
  ];
  for (const [key, value, words] of others) {
    const error = assertThrows(() => made({ do_sample: true, [key]: value }), SpecMQuantError);
    assertEquals(error.code, "sampling");
    const [, what] = error.message.split(": generation_config.json has ");
    assertEquals(what, words);
  }
  // Beams change greedy text as well.
  assertThrows(() => made({ do_sample: false, num_beams: 4 }), SpecMQuantError, "num_beams 4");
});

Deno.test("sampling: a model that says nothing of it", () => {
  for (const json of [undefined, {}, { eos_token_id: 2, max_length: 20 }]) {
    assertThrows(
      () => made(json),
      SpecMQuantError,
      "generation_config.json says nothing of it, expected do_sample, temperature or the like",
    );
  }
});

/** What is made of keys of GGUF's metadata. */
function ofGguf(keys: Record<string, Value>): ChoiceOptions {
  let options: ChoiceOptions = {};
  const bytes = ggufBytes({ metadata: llamaMetadata(keys), tensors: llamaTensors() });
  withFiles({ "m.gguf": bytes }, (dir) => {
    using checkpoint = openCheckpoint(`${dir}/m.gguf`);
    options = samplingDefaults(checkpoint);
  });
  return options;
}

Deno.test("sampling: as the metadata of GGUF has it", () => {
  assertEquals(
    ofGguf({
      "general.sampling.temp": ["f32", 0.5],
      "general.sampling.top_k": ["i32", 20],
      "general.sampling.top_p": ["f32", 0.75],
      "general.sampling.min_p": ["f32", 0.25],
      "general.sampling.penalty_repeat": ["f32", 1.5],
    }),
    { temperature: 0.5, topK: 20, topP: 0.75, minP: 0.25, repetitionPenalty: 1.5 },
  );
  // No default of transformers, which has not written this file.
  assertEquals(ofGguf({ "general.sampling.top_p": ["f32", 0.75] }), {
    temperature: 1,
    topK: 0,
    topP: 0.75,
  });
  const refused = (keys: Record<string, Value>, words: string) =>
    assertThrows(() => ofGguf(keys), SpecMQuantError, words);
  const temp: Record<string, Value> = { "general.sampling.temp": ["f32", 0.5] };
  refused({}, "the file says nothing of it, expected keys under general.sampling");
  refused(
    { ...temp, "general.sampling.mirostat": ["i32", 2] },
    "the file has general.sampling.mirostat 2, expected 0 or none",
  );
  refused(
    { ...temp, "general.sampling.xtc_probability": ["f32", 0.5] },
    "the file has general.sampling.xtc_probability 0.5, expected 0 or none",
  );
});
