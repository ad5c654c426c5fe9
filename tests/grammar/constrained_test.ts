/**
 * Constrained text: what ends by itself is valid as another library sees it, and is the text of plain decoding, whatever
 * proposes. `SPECMQUANT_CONSTRAINED=N` takes N prompts for each schema, at both temperatures (`deno task test:constrained`); parts
 * of that are those of `parts.ts`.
 */
import { assert, assertEquals, assertGreater, assertNotEquals, assertThrows } from "@std/assert";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { Trio } from "../../scripts/models/trio.ts";
import { ArgumentError } from "../../src/base/errors.ts";
import { Arena, HostWords } from "../../src/device/mod.ts";
import { ConstrainedText } from "../../src/engine/constrained.ts";
import { Engine, type GenerateOptions, type Method, Session } from "../../src/engine/mod.ts";
import { vocabularyOf } from "../../src/engine/vocabulary.ts";
import { Grammar, type GrammarOption } from "../../src/grammar/mod.ts";
import {
  type Constraint,
  type DrafterPlan,
  Round,
  sequenceMemory,
  suffix,
} from "../../src/speculation/mod.ts";
import { backendTest } from "../backends.ts";
import { METHODS as COMPOSITIONS } from "../methods.ts";
import { SMALL } from "../models.ts";
import { isMine, tell } from "../parts.ts";
import { problems } from "../problems.ts";
import { makeModel, VOCAB } from "../whole_models.ts";
import { SCHEMAS } from "./schemas.ts";

/** Whole models take the plain kernels minutes. */
const BACKENDS = ["cpu", "cuda"];

const WHOLE = Number(Deno.env.get("SPECMQUANT_CONSTRAINED") ?? 0);
const TOKENS = 30;
const CONTEXT = 256;
const TEMPERATURES = [0, 1];

/** Small proposals, so that a processor verifies many. */
const SHAPE = { minDraft: 3, siblings: 3, depth: 3, topk: 4, treeSize: 10 };

/** Of suffixes all are worth a row, so that there are trees. */
function planOf(trio: Trio, method: Method): DrafterPlan | undefined {
  return method === "suffix" ? suffix({ ...SHAPE, leastWorth: 0 }) : trio.plan(method, SHAPE);
}

function validator(schema: unknown): (value: unknown) => boolean {
  // deno-lint-ignore no-explicit-any
  const ajv = new (Ajv as any)({ strict: false });
  // deno-lint-ignore no-explicit-any
  (addFormats as any)(ajv);
  return ajv.compile(schema);
}

/** The small model likes spaces, and texts without an end: a bias against the first, and for signs that end something. */
function towardsEnds({ tokenizer }: Trio): Record<number, number> {
  const bias: Record<number, number> = {};
  for (const [id, bytes] of tokenizer.tokenBytes().entries()) {
    if (bytes === undefined || bytes.length === 0) continue;
    if (bytes.every((byte) => byte <= 0x20)) bias[id] = -20;
    if (bytes.length === 1 && '"]}'.includes(String.fromCharCode(bytes[0]))) bias[id] = 6;
  }
  return bias;
}

function promptsOf(trio: Trio, count: number): number[][] {
  return problems(count, 31).map((text, i) =>
    i % 5 === 4
      ? trio.tokenizer.encode("{").slice(-1)
      : trio.tokenizer.encode(`Question: ${text}\nAnswer as JSON:`)
  );
}

backendTest("constrained JSON is valid, and the same in every method", async ({ device }) => {
  using trio = new Trio(undefined, device);
  using sessions = new DisposableStack();
  const made = trio.methods.map((method) =>
    sessions.use(
      new Session(trio.target, trio.tokenizer, {
        context: CONTEXT,
        drafter: planOf(trio, method),
        method,
      }),
    )
  );
  const logitBias = towardsEnds(trio);
  const names = Object.keys(SCHEMAS);
  assertGreater(names.length, 29);
  const prompts = promptsOf(trio, WHOLE || names.length);
  const schemas = Object.values(SCHEMAS).map(({ schema }) => ({
    grammar: made[0].compileGrammar({ jsonSchema: schema }),
    isValid: validator(schema),
  }));
  // All of them, or for each schema a prompt and a temperature.
  const cases = prompts.flatMap((prompt, n) =>
    names.flatMap((_, at) =>
      TEMPERATURES.flatMap((temperature, t) =>
        (WHOLE > 0 ? isMine(n, prompts.length) : n === at && at % 2 === t)
          ? [{ prompt, at, temperature, seed: (n * names.length + at) * 2 + t }]
          : []
      )
    )
  );
  let [ended, all] = [0, 0];
  const rounds = new Map<string, number>();
  for (const { prompt, at, temperature, seed } of cases) {
    const { grammar, isValid } = schemas[at];
    const options: GenerateOptions = { grammar, maxTokens: TOKENS, temperature, logitBias, seed };
    let expected: readonly number[] | undefined;
    for (const session of made) {
      const what = `${session.method}, ${names[at]}, seed ${seed}`;
      const { tokens, text, finishReason, stats } = await session.generate(prompt, options)
        .finish();
      expected ??= tokens;
      assertEquals(tokens, expected, what);
      rounds.set(session.method, (rounds.get(session.method) ?? 0) + stats.targetForwards);
      all++;
      if (finishReason !== "stop") continue;
      ended++;
      assert(isValid(JSON.parse(text)), `${what}: ${text}`);
    }
  }
  tell({ texts: all, ended });
  if (all === 0) return;
  // Most texts end, and trees are worth their name.
  assertGreater(ended, all / 2);
  assertGreater(rounds.get("ar")!, 1.2 * rounds.get("eagle2")!);
}, BACKENDS);

/** `count` tokens behind `prompt` in rounds under `constraint`, fewer where it is over. */
function constrained(
  trio: Trio,
  prompt: readonly number[],
  count: number,
  constraint: ConstrainedText,
  { plan, under = constraint, logitBias }: {
    plan?: DrafterPlan;
    under?: Constraint;
    logitBias?: Record<number, number>;
  } = {},
): { tokens: number[]; rounds: number } {
  using arena = new Arena(trio.device, "constrained");
  const memory = sequenceMemory(trio.device, arena, CONTEXT, plan);
  using round = new Round(trio.target, memory, plan);
  const options = { temperature: 1, seed: 1, logitBias };
  memory.choice.set(options, prompt.length, trio.target.config.vocabSize);
  round.prepareConstraint();
  for (const _ of round.read(prompt));
  const tokens: number[] = [];
  while (tokens.length < count && !constraint.isOver) {
    const accepted = round.run(undefined, under);
    for (let j = 0; j < accepted && tokens.length < count && !constraint.isOver; j++) {
      tokens.push(round.result[1 + j]);
      constraint.accept(tokens.at(-1)!);
    }
  }
  return { tokens, rounds: round.stats.rounds };
}

/** What was added to counts, level by level. */
function changes(before: number[][], after: number[][]): number[][] {
  return after.map((counts, level) => counts.map((count, i) => count - before[level][i]));
}

/** A bias towards the tokens that the tokenizer cuts a text into: the small model has never seen it. */
function asCut({ tokenizer }: Trio, text: string): Record<number, number> {
  const bytes = tokenizer.tokenBytes();
  return Object.fromEntries(
    tokenizer.encode(text, { addSpecialTokens: false }).map((id) => [id, 20 * bytes[id]!.length]),
  );
}

/** The masks of a tree made as if its nodes were one text, each behind the one before. */
class MasksOfSequence implements Constraint {
  readonly #text: ConstrainedText;

  constructor(text: ConstrainedText) {
    this.#text = text;
  }

  fill(tokens: Int32Array, _: Int32Array, masks: Uint32Array): void {
    this.#text.fill(tokens, tokens.map((_, row) => row - 1), masks);
  }

  forced(): readonly number[] {
    return [];
  }
}

backendTest("masks made for a sequence instead of each node fail", ({ device }) => {
  using trio = new Trio(undefined, device);
  const vocabulary = vocabularyOf(trio.tokenizer, trio.target.config);
  const grammar = Grammar.regex(vocabulary, "(a|b|c)( [0-9]{1,2}(a|b|c))*");
  const plan = planOf(trio, "eagle2");
  let failed = 0;
  for (const prompt of promptsOf(trio, 4)) {
    const text = () => new ConstrainedText(grammar);
    const { tokens } = constrained(trio, prompt, 30, text());
    assertEquals(constrained(trio, prompt, 30, text(), { plan }).tokens, tokens);
    const wrong = text();
    try {
      const found = constrained(trio, prompt, 30, wrong, {
        plan,
        under: new MasksOfSequence(wrong),
      });
      if (`${found.tokens}` !== `${tokens}`) failed++;
    } catch (error) {
      assert(/grammar does not allow/.test(`${error}`), `${error}`);
      failed++;
    }
  }
  assertGreater(failed, 0);
}, BACKENDS);

for (const { name, plan } of [{ name: "ar", plan: () => undefined }, ...COMPOSITIONS]) {
  backendTest(`${name} takes what a grammar forces, in fewer rounds`, ({ device }) => {
    using trio = new Trio(undefined, device);
    const vocabulary = vocabularyOf(trio.tokenizer, trio.target.config);
    const literal = " Tom has 3 apples and buys 5 more. How many apples does he have?";
    const grammar = Grammar.ebnf(vocabulary, `root ::= [0-9]+ "${literal}" [a-z]{3} "!"`);
    const [prompt] = promptsOf(trio, 1);
    const text = new ConstrainedText(grammar);
    const under = { fill: text.fill.bind(text), forced: () => [] };
    const logitBias = asCut(trio, literal);
    const plain = constrained(trio, prompt, 120, text, { under, logitBias });
    const again = new ConstrainedText(grammar);
    const found = constrained(trio, prompt, 120, again, { plan: plan(trio), logitBias });
    assertEquals(found.tokens, plain.tokens);
    assertGreater(plain.rounds / 2, found.rounds);
  }, BACKENDS);

  backendTest(`${name} goes on from what was forced as from a prompt`, ({ device }) => {
    using trio = new Trio(undefined, device);
    const vocabulary = vocabularyOf(trio.tokenizer, trio.target.config);
    const [prompt] = promptsOf(trio, 1);
    // More than the hidden states that a verifier keeps for its head.
    const forced = problems(6, 5).join(" ");
    const text = new ConstrainedText(Grammar.ebnf(vocabulary, `root ::= "${forced}" .*`));
    const logitBias = asCut(trio, forced);
    using arena = new Arena(device, "test");
    const run = (begin: readonly number[], constraint?: ConstrainedText) => {
      const drafter = plan(trio);
      const memory = sequenceMemory(device, arena, 512, drafter, { promptRows: 64 });
      memory.choice.set({ logitBias }, prompt.length, trio.target.config.vocabSize);
      using round = new Round(trio.target, memory, drafter);
      if (constraint) round.prepareConstraint();
      for (const _ of round.read(begin));
      const tokens = [...begin];
      while (constraint?.forced(2).length === 2) {
        const accepted = round.run(undefined, constraint);
        for (const token of round.result.slice(1, 1 + accepted)) {
          constraint.accept(token);
          tokens.push(token);
        }
      }
      const after = tokens.slice();
      memory.choice.set({}, prompt.length, trio.target.config.vocabSize);
      const rounds = Array.from({ length: 12 }, () => {
        const accepted = round.run();
        const proposed = round.drafter?.proposal.tokens;
        const inner = round.levels.slice(1).map(({ histogram }) => [...histogram]);
        return { accepted, inner, tree: proposed && [...device.download(proposed)] };
      });
      const all = rounds.map(({ inner }, i) => i === 0 ? [] : changes(rounds[i - 1].inner, inner));
      return { after, rounds: rounds.map((one, i) => ({ ...one, inner: all[i] })) };
    };
    const constrained = run(prompt, text);
    assertGreater(constrained.after.length - prompt.length, 150);
    assertEquals(run(constrained.after).rounds, constrained.rounds);
  }, BACKENDS);
}

backendTest(
  "constrained texts of sessions: ends, lengths and log-probabilities",
  async ({ device }) => {
    using trio = new Trio(undefined, device);
    const prompt = trio.tokenizer.encode("Question: Is 3 more than 2?\nAnswer:");
    const results = [];
    for (const method of trio.methods) {
      const drafter = planOf(trio, method);
      using session = new Session(trio.target, trio.tokenizer, { context: CONTEXT, drafter });
      const say = (grammar: GrammarOption | Grammar, options: GenerateOptions = {}) =>
        session.generate(prompt, { grammar, maxTokens: 40, ...options }).finish();
      const free = await session.generate(prompt, { maxTokens: 12 }).finish();
      const yes = await say({ regex: "(yes|no), of course" }, {
        logprobs: 2,
        logprobsOf: "processed",
      });
      assert(/^(yes|no), of course$/.test(yes.text), yes.text);
      assertEquals([yes.finishReason, yes.logprobs!.length], ["stop", yes.tokens.length]);
      // The stop token is the only one that can come at the end: its chance is 1, and there is no other.
      assertEquals([yes.logprobs!.at(-1), yes.top!.at(-1)!.length], [0, 1]);
      // A stop token ends the text whether it is wanted or not.
      const stopless = await say({ regex: "(yes|no), of course" }, { ignoreEos: true });
      assertEquals([stopless.tokens, stopless.finishReason], [yes.tokens, "stop"]);
      const cut = await say({ regex: "a{200}" });
      assertEquals([cut.finishReason, cut.tokens.length], ["length", 40]);
      assertEquals(cut.text, "a".repeat(cut.text.length));
      const compiled = session.compileGrammar({ regex: "x+y" });
      assert(session.compileGrammar({ regex: "x+y" }) === compiled);
      assert(session.compileGrammar(compiled) === compiled);
      const { text } = await say(compiled, { stop: "xxx" });
      assert(/^x{0,2}y?$/.test(text), text);
      // Texts without a grammar are what they were.
      const again = await session.generate(prompt, { maxTokens: 12 }).finish();
      assertEquals([again.tokens, again.stats.levels[0].acceptLengths.length], [
        free.tokens,
        free.stats.levels[0].acceptLengths.length,
      ]);
      results.push([yes.tokens, yes.logprobs, yes.top, cut.tokens, text]);
    }
    for (const result of results) assertEquals(result, results[0]);
  },
  BACKENDS,
);

Deno.test("without stop tokens a constrained text ends where nothing can come", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const target = makeModel(`${dir}/model`, { ...SMALL, vocab: VOCAB }, { eos_token_id: null });
    using engine = await Engine.load({ target, backend: "cpu", context: 64 });
    assertEquals(engine.target.config.eosTokenIds, []);
    const say = (regex: string) => engine.generate([5, 6], { grammar: { regex } }).finish();
    const { text, finishReason, tokens } = await say("abc");
    assertEquals([text, finishReason], ["abc", "stop"]);
    assertEquals(engine.tokenizer.decode(tokens), "abc");
    const none = await say("");
    assertEquals([none.text, none.tokens, none.finishReason], ["", [], "stop"]);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("grammars that do not fit are refused before anything is generated", () => {
  using trio = new Trio();
  using session = new Session(trio.target, trio.tokenizer, { context: CONTEXT });
  const other = Grammar.regex(
    { size: 3, tokens: [Uint8Array.of(97)], stopTokens: [2] },
    "a",
  );
  const cases: [grammar: unknown, argument: string, message: string][] = [
    [other, "grammar", "grammar was compiled for another vocabulary, of 3 rows"],
    ["a+", "grammar", 'grammar is "a+", expected a Grammar, or an object with one of jsonSchema'],
    [{ regexp: "a" }, "grammar", "expected an object with one of jsonSchema, ebnf, regex"],
    [{ regex: "a", ebnf: "root ::= a" }, "grammar", "expected an object with one of"],
    [{ regex: "(" }, "regex", "Cannot compile a regular expression"],
    [{ ebnf: "root = a" }, "ebnf", "Cannot compile a grammar in EBNF"],
    [{ jsonSchema: { not: {} } }, "jsonSchema", "Cannot compile a JSON schema"],
    [{ jsonSchema: "{" }, "jsonSchema", "it is no JSON"],
  ];
  for (const [grammar, argument, message] of cases) {
    const error = assertThrows(
      () => session.generate([5], { grammar } as GenerateOptions),
      ArgumentError,
      message,
    );
    assertEquals(error.argument, argument);
  }
});

backendTest("constrained rounds allocate nothing once they are prepared", ({ device }) => {
  using trio = new Trio(undefined, device);
  const vocabulary = vocabularyOf(trio.tokenizer, trio.target.config);
  const text = new ConstrainedText(Grammar.json(vocabulary));
  using arena = new Arena(device, "test");
  const plan = planOf(trio, "hier");
  const memory = sequenceMemory(device, arena, 64, plan);
  using round = new Round(trio.target, memory, plan);
  for (const _ of round.read([1, 2, 3]));
  round.run();
  const free = device.memory().used;
  round.prepareConstraint();
  const { used } = device.memory();
  assertNotEquals(used, free);
  round.prepareConstraint();
  round.prepareLogProbs("model");
  for (let i = 0; i < 3; i++) {
    const accepted = round.run("model", text);
    for (const token of round.result.slice(1, 1 + accepted)) if (!text.isOver) text.accept(token);
  }
  assertEquals(device.memory().used, used);
}, BACKENDS);

backendTest("the target alone keeps rows for what is forced", ({ device }) => {
  using trio = new Trio(undefined, device);
  using arena = new Arena(device, "test");
  const memory = sequenceMemory(device, arena, 64);
  const rowsOf = ({ state: { logits, scores, choice } }: Round) =>
    [logits, scores, choice].map(({ shape }) => shape[0]);
  using target = new Round(trio.target, memory);
  using draft = new Round(trio.draft, memory, undefined, "draft", target.state);
  assertEquals([rowsOf(target), rowsOf(draft)], [[8, 8, 8], [1, 1, 1]]);
}, BACKENDS);

backendTest("words of the host go to a device and back", ({ device, arena }) => {
  using words = new HostWords(device, 5);
  const there = arena.fromHost("i32", [2, 2], Int32Array.of(7, 8, 9, 10));
  words.words.set([1, 2, 3, 4, 5]);
  words.take(there, 1);
  device.synchronize();
  assertEquals([...words.words], [1, 7, 8, 9, 10]);
  words.words[0] = -3;
  words.give(there);
  assertEquals([...new Int32Array(device.download(there).buffer)], [-3, 7, 8, 9]);
  for (const at of [2, -1]) {
    assertThrows(() => words.give(there, at), ArgumentError, "Cannot copy words");
  }
  const wide = arena.fromHost("f32", [2], new Float32Array(2));
  assertThrows(() => words.take(wide as never), ArgumentError, "the tensor is f32");
  words[Symbol.dispose]();
  assertThrows(() => words.words, Error, "has been disposed");
});
