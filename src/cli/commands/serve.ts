/**
 * `serve`: a server in the language of OpenAI's API.
 *
 * @module
 */
import { basename, resolve } from "node:path";
import { type ChoiceOptions, type Engine, MOST_SLOTS } from "../../engine/mod.ts";
import { environmentVariable } from "../../base/environment.ts";
import { onWarning } from "../../base/warnings.ts";
import { SERVER_DEFAULTS } from "../../server/options.ts";
import { type Command, command } from "../options/command.ts";
import { loadEngine, MODEL_OPTIONS, SPECULATION_OPTIONS } from "../options/engine.ts";
import { TRIO_OPTION, TRIO_OR_TARGET, trioModels } from "../options/trio.ts";
import { UsageError } from "../options/usage_error.ts";
import { terminated } from "../terminal/terminated.ts";
import { readTextFile } from "./input.ts";
import { costsOf } from "./tune/cache.ts";

/** Keys, with commas between them. */
const KEYS = "SPECMQUANT_API_KEYS";

const MIB = 2 ** 20;

const [TARGET, ...OTHERS] = MODEL_OPTIONS;

/** The `serve` command. */
export const serve: Command = command({
  name: "serve",
  summary: "Serve a model in the language of OpenAI's API.",
  notes: [
    "The address goes to standard output when texts are taken; standard error gets a line of JSON for",
    "each request, without a word of its texts. SIGTERM or Ctrl-C ends the server when what it has",
    "taken is finished, a second one at once. Clients must show a key where there are any: those of",
    `--api-keys, or of the variable ${KEYS}, with commas between them.`,
  ],
  options: [
    { ...TARGET, required: false },
    TRIO_OPTION,
    ...OTHERS,
    ...SPECULATION_OPTIONS,
    {
      name: "name",
      type: "string",
      value: "NAME",
      summary: "What clients call the model; the name of its directory or file where absent",
    },
    {
      name: "sampling",
      type: "string",
      value: "WHOSE",
      choices: ["api", "model", "greedy"],
      default: "api",
      summary: "What holds where a request does not say how tokens are chosen",
      notes: [
        "api: temperature 1, as OpenAI's API has it",
        "model: what generation_config.json or the GGUF file says of sampling",
        "greedy: the likeliest token",
      ],
    },
    {
      name: "host",
      type: "string",
      value: "ADDRESS",
      default: SERVER_DEFAULTS.host,
      summary: "Where to listen; by default only this machine is heard",
    },
    {
      name: "port",
      type: "integer",
      value: "N",
      min: 0,
      max: 65535,
      default: SERVER_DEFAULTS.port,
      summary: "The port; 0 takes one that is free",
    },
    {
      name: "api-keys",
      type: "string",
      value: "FILE",
      summary: "A file with keys, one a line; of lines that begin with # none is",
    },
    {
      name: "slots",
      type: "integer",
      value: "N",
      min: 1,
      max: MOST_SLOTS,
      default: 8,
      summary: "Texts made at once, each in caches of its own of --context tokens",
    },
    {
      name: "queue",
      type: "integer",
      value: "N",
      min: 0,
      default: SERVER_DEFAULTS.queue,
      summary: "Most requests that wait; more are told to come again",
    },
    {
      name: "body-limit",
      type: "integer",
      value: "MIB",
      min: 1,
      max: 1024,
      default: SERVER_DEFAULTS.bodyBytes / MIB,
      summary: "Most MiB that a request may have",
    },
    {
      name: "time-limit",
      type: "integer",
      value: "S",
      min: 1,
      max: 86400,
      default: SERVER_DEFAULTS.seconds,
      summary: "Most seconds that a request may take, its time in the queue included",
    },
  ],
  alternatives: [TRIO_OR_TARGET],
  example: "serve --trio models/demo --port 8000",

  async run(values, io) {
    const keys = keysOf(values["api-keys"]);
    const models = values.trio === undefined
      ? { ...values, target: values.target! }
      : { ...values, ...trioModels(values.trio, values) };
    // What serves is read when it is needed.
    const { jsonLog, Server } = await import("../../server/mod.ts");
    const log = jsonLog((line) => io.stderr.writeSync(line));
    onWarning((message) => log.write("warning", { message }));
    using engine = await loadEngine(models, io, costsOf(models), { slots: values.slots });
    return await terminated(async (signal) => {
      await using server = await Server.start({
        engine,
        model: values.name ?? nameOf(values.trio ?? models.target),
        host: values.host,
        port: values.port,
        keys,
        queue: values.queue,
        bodyBytes: values["body-limit"] * MIB,
        seconds: values["time-limit"],
        sampling: samplingOf(values.sampling, engine),
        log,
      });
      const { name, why } = engine.device;
      await io.stdout.write(
        `Serving at ${server.url}/v1, method ${engine.method} on ${name} (${why}), ` +
          `${engine.slots} ${engine.slots === 1 ? "slot" : "slots"}, ` +
          `${keys.length === 0 ? "without keys" : `keys: ${keys.length}`}\n`,
      );
      if (!signal.aborted) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      }
      return 0;
    });
  },
});

function nameOf(path: string): string {
  return basename(resolve(path)).replace(/\.gguf$/i, "");
}

function samplingOf(whose: "api" | "model" | "greedy", engine: Engine): ChoiceOptions | undefined {
  if (whose === "api") return undefined;
  return whose === "model" ? engine.samplingDefaults : {};
}

function keysOf(file: string | undefined): readonly string[] {
  const lines = file === undefined
    ? environmentVariable(KEYS)?.split(",") ?? []
    : readTextFile(file).split("\n");
  const keys = lines.map((line) => line.trim()).filter((line) =>
    line !== "" && !line.startsWith("#")
  );
  const source = file === undefined ? `the variable ${KEYS}` : `--api-keys ${file}`;
  if (keys.some((key) => /\s/.test(key))) {
    throw new UsageError(`Cannot use ${source}: a key has a space in it, expected one a line`);
  }
  if (keys.length === 0 && (file !== undefined || lines.length > 0)) {
    throw new UsageError(`Cannot use ${source}: it has no key, expected one or more`);
  }
  return keys;
}
