/**
 * `doctor`: what there is to run on, and what is wrong.
 *
 * @module
 */
import { snakeCase } from "../../base/key_case.ts";
import { type Command, command } from "../options/command.ts";
import { BACKEND_OPTION, JSON_OPTION } from "../options/shared.ts";
import { tableColumns } from "../terminal/io.ts";
import { writeJson } from "../terminal/json.ts";
import { examine } from "./doctor/examine.ts";
import { render } from "./doctor/render.ts";

/** The `doctor` command. */
export const doctor: Command = command({
  name: "doctor",
  summary: "Say what there is to run on, why CUDA is not used if it is not, and what would fit.",
  notes: [
    "It looks at the libraries, the driver and its cards, the processor, memory, what is kept on disk,",
    "and Deno with its permissions. It exits with 0 where an engine can be made as --backend asks, with",
    "1 where none can; asking for cuda is answered by cuda alone.",
  ],
  options: [BACKEND_OPTION, JSON_OPTION],
  example: "doctor --backend cuda --json",

  async run({ backend, json }, io) {
    const found = examine(backend);
    if (json) await writeJson(io.stdout, snakeCase(found));
    else await io.stdout.write(render(found, tableColumns(io.stdout)));
    if (!found.usable) await io.stderr.write(`error: ${found.message}\n`);
    return found.usable ? 0 : 1;
  },
});
