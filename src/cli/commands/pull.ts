/**
 * `pull`: fetches a model from a hub.
 *
 * @module
 */
import { SpecMQuantError } from "../../base/errors.ts";
import { megabytes } from "../../engine/mod.ts";
import { pull as fetchModel, type PullKept, type PullProgress } from "../../hub/mod.ts";
import { type Command, command } from "../options/command.ts";
import { commandLine } from "../options/command_line.ts";
import { idleBeside } from "../options/needs.ts";
import { JSON_OPTION } from "../options/shared.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { tableColumns } from "../terminal/io.ts";
import { writeJson } from "../terminal/json.ts";
import { Progress } from "../terminal/progress.ts";
import { paragraph } from "../terminal/wrap.ts";
import { describeDirectory } from "./describe.ts";
import { leftOutLine, nextCommand, PullRate, pullSummary } from "./pull_output.ts";

/** The `pull` command. */
export const pull: Command = command({
  name: "pull",
  summary: "Fetch a model from Hugging Face, so that the other commands can read it.",
  notes: [
    "What is fetched is what a model is read from: configuration, tokenizer, chat templates, and",
    "safetensors, or else GGUF, or else .bin. A file has its name only when it is whole and adds up.",
    "Run the same command again after Ctrl-C, a crash, a full disk or a lost connection and it goes",
    "on; once all is there, it says so. Gated and private models need a token in HF_TOKEN, or that",
    "of another program for the hub; HF_ENDPOINT is the address of another hub.",
  ],
  positional: {
    name: "model",
    value: "ORG/NAME[@REVISION]",
    summary: "what the hub calls the model; with a branch, a tag or a commit, else its main branch",
  },
  options: [
    {
      name: "to",
      type: "string",
      value: "DIR",
      summary: "Directory to write; ORG/NAME in the current directory where absent",
    },
    {
      name: "quant",
      type: "string",
      value: "NAME",
      needs: [idleBeside("include")],
      summary: "Which of several GGUF files, by how it is quantized, e.g. Q4_K_M",
    },
    {
      name: "include",
      type: "list",
      value: "GLOB",
      summary: "Fetch exactly the files that match; * is any text, slashes included",
    },
    {
      name: "verify",
      type: "boolean",
      summary: "Add up the bytes of files that are there too, instead of looking at their lengths",
    },
    JSON_OPTION,
  ],
  example: "pull ORG/NAME --quant Q4_K_M --to models/name",

  async run(values, io) {
    const { model, to, quant, include, verify, json } = values;
    using bar = new Progress(io.stderr);
    const say = (text: string) => {
      bar.clear();
      io.stderr.writeSync(`${text}\n`);
    };
    const rate = new PullRate();
    const onProgress = (progress: PullProgress) => {
      const { stage, done, total } = progress;
      bar.update(stage, done, total, rate.describe(progress));
    };
    const onKept = ({ dir, done, total }: PullKept) =>
      say(
        `${megabytes(done)} of ${megabytes(total)} are kept in ${dir}. To go on, run again:\n` +
          `  ${commandLine(pull, values)}`,
      );
    const started = performance.now();
    const result = await interruptible((signal) =>
      fetchModel({
        model,
        to,
        quant,
        include,
        verify,
        signal,
        onProgress,
        onKept,
        onStart: ({ dir, files, bytes, kept }) => {
          if (files === 0) return;
          const before = kept === 0 ? "" : `, ${megabytes(kept)} of them here already`;
          say(
            `fetching ${files} ${files === 1 ? "file" : "files"}, ${
              megabytes(bytes)
            }${before}, to ${dir}`,
          );
        },
      })
    );
    bar.clear();
    const seconds = (performance.now() - started) / 1000;
    if (json) {
      await writeJson(io.stdout, pullSummary(result, seconds));
      return 0;
    }
    const { repository, commit, dir, files, bytes, fetched, removed, leftOut } = result;
    const columns = tableColumns(io.stdout);
    const how = fetched === 0 ? "is already in" : "is in";
    const count = `${files.length} ${files.length === 1 ? "file" : "files"}, ${megabytes(bytes)}`;
    const lines = [`${repository} at ${commit} ${how} ${dir}: ${count}`];
    if (removed.length > 0) lines.push(`removed, as no part of this commit: ${removed.join(", ")}`);
    if (leftOut.length > 0) lines.push(leftOutLine(leftOut));
    let next: string;
    try {
      next = nextCommand(result.path, describeDirectory(result.path, undefined));
    } catch (error) {
      if (!(error instanceof SpecMQuantError)) throw error;
      lines.push(`what came is no model that runs here as it is: ${error.message}`);
      next = `specmquant inspect ${result.path}`;
    }
    const text = lines.map((line) => paragraph(line, columns)).join("");
    await io.stdout.write(`${text}next:\n  ${next}\n`);
    return 0;
  },
});
