/**
 * Use after dispose, in every order: what needs something that has been disposed is refused with code
 * `"disposed"`, what does not need it goes on, and disposing twice does nothing.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { SpecMQuantError } from "../../src/base/errors.ts";
import {
  addressOf,
  Arena,
  Device,
  DeviceEvent,
  Graph,
  ReadBack,
  rows,
  Uploader,
} from "../../src/device/mod.ts";
import { Engine, scoreTokens, Session } from "../../src/engine/mod.ts";
import { HeadModel, HeadState, Model, ModelState } from "../../src/model/mod.ts";
import { fill } from "../../src/ops/mod.ts";
import { draftModel, eagle2, Round, sequenceMemory } from "../../src/speculation/mod.ts";
import { BYTE_LEVEL_CONFIG, byteLevelTokenizer } from "../../src/text/fixtures_test.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { SMALL, writeRandomHead, writeRandomModel } from "../models.ts";

const SHAPE = { ...SMALL, layers: 1, vocab: 266 };
const PROMPT = [5, 6, 7, 8];
const TREE = { depth: 2, topk: 3, treeSize: 8 };

const root = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

function model(name: string, seed: number): string {
  const dir = writeRandomModel(`${root}/${name}`, { ...SHAPE, seed });
  Deno.writeTextFileSync(`${dir}/tokenizer.json`, JSON.stringify(byteLevelTokenizer()));
  Deno.writeTextFileSync(`${dir}/tokenizer_config.json`, JSON.stringify(BYTE_LEVEL_CONFIG));
  return dir;
}

const targetDir = model("target", 1);
const draftDir = model("draft", 2);
const headDir = writeRandomHead(`${root}/head`, SHAPE);
const tokenizer = Tokenizer.load(targetDir);

/** Something to do, and what it cannot do without. */
interface Use {
  readonly name: string;
  readonly needs: readonly string[];
  run(): unknown;
}

/** Things that can be disposed, and what can be done with them. */
interface Walk extends Disposable {
  readonly parts: Readonly<Record<string, Disposable>>;
  readonly uses: readonly Use[];
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((first, i) =>
    permutations([...items.slice(0, i), ...items.slice(i + 1)]).map((rest) => [first, ...rest])
  );
}

/** Does every use with `gone` disposed, and compares with what it needs. */
async function tryAll({ uses }: Walk, gone: readonly string[]): Promise<void> {
  for (const { name, needs, run } of uses) {
    let found = "it went through";
    try {
      await run();
    } catch (error) {
      found = error instanceof SpecMQuantError && error.code === "disposed"
        ? "disposed"
        : `${error}`;
    }
    const expected = needs.some((part) => gone.includes(part)) ? "disposed" : "it went through";
    assertEquals(found, expected, `${name} after disposing ${gone.join(", ") || "nothing"}`);
  }
}

/** Disposes the parts of a new walk in every order, trying all after each; each part also twice. */
async function walkAll(make: () => Walk | Promise<Walk>): Promise<void> {
  const tried = new Set<string>();
  using names = await make();
  for (const order of permutations(Object.keys(names.parts))) {
    using walk = await make();
    for (let count = 0; count <= order.length; count++) {
      const gone = order.slice(0, count);
      // What has been tried in this very order before is not tried again.
      if (!tried.has(gone.join())) await tryAll(walk, gone);
      tried.add(gone.join());
      walk.parts[order[count]]?.[Symbol.dispose]();
    }
    for (const part of order) walk.parts[part][Symbol.dispose]();
  }
}

function loadModels(): Walk {
  using cleanup = new DisposableStack();
  const device = cleanup.use(Device.open({ backend: "cpu", threads: 1 }));
  const target = cleanup.use(Model.load(device, targetDir));
  const draft = cleanup.use(Model.load(device, draftDir));
  const head = cleanup.use(HeadModel.load(device, headDir, draft));
  const drafter = draftModel(draft, { minDraft: 3, siblings: 2 }, eagle2(head, TREE));
  const session = cleanup.use(new Session(target, tokenizer, { context: 64, drafter }));
  const all = ["device", "target", "draft", "head", "session"];
  const bytes = new Uint8Array(target.config.hiddenSize * 2);
  const row = target.finalNorm;
  const generate = (one: Session, prompt: string | readonly number[]) =>
    one.generate(prompt, { maxTokens: 4, ignoreEos: true }).finish();
  const fresh = async (options: ConstructorParameters<typeof Session>[2]) => {
    using one = new Session(target, tokenizer, options);
    await generate(one, PROMPT);
  };
  const kept = cleanup.move();
  return {
    parts: { device, target, draft, head, session },
    uses: [
      { name: "session.generate", needs: all, run: () => generate(session, PROMPT) },
      { name: "session.generate of text", needs: all, run: () => generate(session, "hello") },
      // The first token of a text is decoded without the drafter.
      { name: "session.generate of a token", needs: all, run: () => generate(session, [5]) },
      { name: "scoreTokens", needs: ["device", "target"], run: () => scoreTokens(target, PROMPT) },
      {
        name: "scoreTokens, draft",
        needs: ["device", "draft"],
        run: () => scoreTokens(draft, [5]),
      },
      { name: "a new session", needs: ["device", "target"], run: () => fresh({ context: 32 }) },
      {
        name: "a new session of an old plan",
        needs: ["device", "target", "draft", "head"],
        run: () => fresh({ context: 32, drafter }),
      },
      {
        name: "draftModel",
        needs: ["device", "draft"],
        run: () => draftModel(draft, { minDraft: 2 }),
      },
      { name: "eagle2", needs: ["device", "draft", "head"], run: () => eagle2(head, TREE) },
      {
        name: "HeadModel.load",
        needs: ["device", "draft"],
        run: () => HeadModel.load(device, headDir, draft)[Symbol.dispose](),
      },
      {
        name: "Model.load",
        needs: ["device"],
        run: () => Model.load(device, draftDir)[Symbol.dispose](),
      },
      { name: "device.memory", needs: ["device"], run: () => device.memory() },
      { name: "device.synchronize", needs: ["device"], run: () => device.synchronize() },
      {
        name: "device.download of weights",
        needs: ["device", "target"],
        run: () => device.download(row),
      },
      {
        name: "device.downloadInto",
        needs: ["device", "target"],
        run: () => device.downloadInto(bytes, row),
      },
      {
        name: "device.upload to weights",
        needs: ["device", "target"],
        run: () => device.upload(row, bytes),
      },
    ],
    [Symbol.dispose]: () => kept.dispose(),
  };
}

Deno.test("device, models, head and session, disposed in every order", () => walkAll(loadModels));

Deno.test("an engine and what it shows, disposed in every order", () =>
  walkAll(async () => {
    const engine = await Engine.load({
      target: targetDir,
      draft: draftDir,
      context: 64,
      backend: "cpu",
      threads: 1,
    });
    const { device, target } = engine;
    const options = { maxTokens: 3, ignoreEos: true };
    const all = ["engine", "device", "target"];
    return {
      parts: { engine, device, target },
      uses: [
        { name: "generate", needs: all, run: () => engine.generate("hello", options).finish() },
        { name: "generate ids", needs: all, run: () => engine.generate(PROMPT, options).finish() },
        { name: "score", needs: all, run: () => engine.score("hello") },
        { name: "encode", needs: ["engine"], run: () => engine.encode("hello") },
        { name: "encode ids", needs: ["engine"], run: () => engine.encode(PROMPT) },
        { name: "context", needs: [], run: () => assertEquals(engine.context, 64) },
        { name: "tokenizer", needs: [], run: () => engine.tokenizer.decode(PROMPT) },
      ],
      [Symbol.dispose]: () => engine[Symbol.dispose](),
    };
  }));

Deno.test("memory, graphs, events, read-backs and uploads, disposed in every order", () =>
  walkAll(() => {
    const device = Device.open({ backend: "cpu", threads: 1 });
    const arena = new Arena(device, "walk");
    const tensor = arena.allocate("i32", [16]);
    const cache = arena.reserve("i32", [1024, 16]);
    const graph = Graph.capture(device, () => fill(device, rows(tensor, 4, 8), 0));
    const event = new DeviceEvent(device);
    const readBack = new ReadBack(device, tensor);
    const uploader = new Uploader(device, 256);
    event.record();
    // Pinned memory, which must not be seen when it is gone.
    const read = readBack.wait();
    let pinned = new Uint8Array();
    uploader.upload(tensor, (into) => void (pinned = into));
    const memory = ["device", "arena"];
    const uses: Use[] = [
      { name: "fill", needs: memory, run: () => fill(device, tensor, 0) },
      { name: "addressOf", needs: memory, run: () => addressOf(rows(tensor, 1, 2)) },
      { name: "download", needs: memory, run: () => device.download(tensor) },
      { name: "allocate", needs: memory, run: () => arena.allocate("u8", [4]) },
      { name: "fromHost", needs: memory, run: () => arena.fromHost("u8", [1], new Uint8Array(1)) },
      { name: "reserve", needs: memory, run: () => arena.reserve("u8", [4096]) },
      { name: "grow", needs: memory, run: () => cache.grow(Math.min(1024, cache.rows + 1)) },
      {
        name: "capture",
        needs: memory,
        run: () => void Graph.capture(device, () => fill(device, tensor, 0))[Symbol.dispose](),
      },
      { name: "launch", needs: [...memory, "graph"], run: () => graph.launch() },
      { name: "record", needs: ["device", "event"], run: () => event.record() },
      { name: "wait for an event", needs: ["device", "event"], run: () => event.wait() },
      { name: "elapsed", needs: ["device", "event"], run: () => DeviceEvent.elapsed(event, event) },
      { name: "queue a read-back", needs: [...memory, "readBack"], run: () => readBack.queue() },
      { name: "wait for it", needs: ["device", "readBack"], run: () => readBack.wait() },
      {
        name: "a new read-back",
        needs: ["device"],
        run: () => void new ReadBack(device, tensor)[Symbol.dispose](),
      },
      {
        name: "upload",
        needs: [...memory, "uploader"],
        run: () => uploader.upload(tensor, () => {}),
      },
      {
        name: "a new uploader",
        needs: ["device"],
        run: () => new Uploader(device, 256)[Symbol.dispose](),
      },
      {
        name: "a new event",
        needs: ["device"],
        run: () => new DeviceEvent(device)[Symbol.dispose](),
      },
    ];
    const parts: Record<string, Disposable> = { device, arena, graph, event, readBack, uploader };
    return {
      parts: {
        ...parts,
        device: {
          [Symbol.dispose]: () => {
            device[Symbol.dispose]();
            assertEquals([read.length, pinned.length], [0, 0], "views of freed memory");
          },
        },
      },
      uses,
      [Symbol.dispose]: () => device[Symbol.dispose](),
    };
  }));

Deno.test("states and rounds, disposed in every order", () =>
  walkAll(() => {
    using cleanup = new DisposableStack();
    const device = cleanup.use(Device.open({ backend: "cpu", threads: 1 }));
    const draft = cleanup.use(Model.load(device, draftDir));
    const head = cleanup.use(HeadModel.load(device, headDir, draft));
    const arena = cleanup.use(new Arena(device, "sequence"));
    const plan = eagle2(head, TREE);
    const memory = sequenceMemory(device, arena, 64, plan);
    const round = cleanup.use(new Round(draft, memory, plan));
    const sizes = { context: 32, slots: 40, rows: 4, logitsRows: 2 };
    const state = cleanup.use(new ModelState(draft, sizes));
    const headState = cleanup.use(new HeadState(head, sizes));
    state.cache.ensure(40);
    headState.cache.ensure(40);
    for (const _ of round.read(PROMPT));
    const ids = { tokens: memory.history };
    const step = { rows: 2, cacheLength: state.cacheLength };
    const own = ["device", "state"];
    const plain = ["device", "model", "arena", "round"];
    const ofRound = [...plain, "head"];
    const kept = cleanup.move();
    return {
      parts: { device, model: draft, head, arena, round, state },
      uses: [
        {
          name: "forward",
          needs: [...own, "model", "arena"],
          run: () => state.queueForward(step, ids),
        },
        { name: "logits", needs: [...own, "model"], run: () => state.queueLogits(2) },
        {
          name: "choice",
          needs: [...own, "arena"],
          run: () => state.queueChoice(2, memory.choice, { history: memory.history }),
        },
        { name: "setLength", needs: own, run: () => state.setLength(0) },
        { name: "ensure", needs: own, run: () => state.cache.ensure(1) },
        {
          name: "forward of a head",
          needs: ["device", "model", "head", "arena"],
          run: () => headState.queueForward({ rows: 2, cacheLength: headState.cacheLength }, ids),
        },
        { name: "setLength of a head", needs: ["device"], run: () => headState.setLength(0) },
        {
          name: "a state",
          needs: ["device"],
          run: () => new ModelState(draft, sizes)[Symbol.dispose](),
        },
        {
          name: "a round",
          needs: ["device", "model", "arena"],
          run: () => new Round(draft, memory)[Symbol.dispose](),
        },
        { name: "read", needs: ofRound, run: () => [...round.read(PROMPT)] },
        { name: "run", needs: ofRound, run: () => round.run() },
        { name: "queuePlain", needs: plain, run: () => round.queuePlain() },
        { name: "catchUp", needs: plain, run: () => round.catchUp(round.state.length + 1) },
      ],
      [Symbol.dispose]: () => kept.dispose(),
    };
  }));

for (const part of ["device", "target", "draft", "head", "session"]) {
  Deno.test(`a generation ends with the disposed error when its ${part} is disposed`, async () => {
    const long = Array.from({ length: 600 }, (_, i) => i % 200);
    for (const when of ["while the prompt is read", "between two pieces", "before it begins"]) {
      using walk = loadModels();
      const session = walk.parts.session as Session;
      const { target, draft, head } = walk.parts as {
        target: Model;
        draft: Model;
        head: HeadModel;
      };
      const drafter = draftModel(draft, { minDraft: 3, siblings: 2 }, eagle2(head, TREE));
      using roomy = new Session(target, tokenizer, { context: 800, drafter });
      const one = part === "session" ? roomy : walk.parts[part];
      const dispose = () => one[Symbol.dispose]();
      assert(session !== roomy);
      let pieces = 0;
      const generation = roomy.generate(long, {
        ignoreEos: true,
        progress: (done) => {
          if (when === "while the prompt is read" && done > 0) dispose();
        },
      });
      if (when === "before it begins") dispose();
      const error = await assertRejects(async () => {
        for await (const _ of generation) if (++pieces === 2) dispose();
      }, SpecMQuantError);
      assertEquals(error.code, "disposed", error.message);
      if (when !== "between two pieces") assertEquals(pieces, 0);
      // What the target has verified already may still come.
      assert(pieces <= 2 + 8, `${pieces} pieces`);
      if (when === "before it begins") continue;
      assertEquals(generation.result.finishReason, "aborted");
      assert(generation.result.tokens.every((id) => id >= 0 && id < SHAPE.vocab));
    }
  });
}

Deno.test("a device that is disposed while weights are loaded ends loading", () => {
  const device = Device.open({ backend: "cpu", threads: 1 });
  let error: unknown;
  try {
    Model.load(device, targetDir, () => device[Symbol.dispose]());
  } catch (caught) {
    error = caught;
  }
  assert(error instanceof SpecMQuantError && error.code === "disposed", `${error}`);
});

Deno.test("what is disposed inside a fill or a capture is not touched by what follows", () => {
  using device = Device.open({ backend: "cpu", threads: 1 });
  const disposed = (name: string, body: () => void) => {
    try {
      body();
    } catch (error) {
      assertEquals((error as SpecMQuantError).code, "disposed", `${name}: ${error}`);
      return;
    }
    throw new Error(`${name} went through`);
  };
  const other = Device.open({ backend: "cpu", threads: 1 });
  disposed("a capture", () => void Graph.capture(other, () => other[Symbol.dispose]()));
  const arena = new Arena(device, "fill");
  const tensor = arena.allocate("u8", [1000]);
  using uploader = new Uploader(device, 256);
  disposed("a fill", () => uploader.upload(tensor, () => arena[Symbol.dispose]()));
  using kept = new Arena(device, "kept");
  const into = kept.allocate("u8", [1000]);
  disposed("an upload", () => uploader.upload(into, () => uploader[Symbol.dispose]()));
});
