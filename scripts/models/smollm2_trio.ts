/**
 * SmolLM2-135M-Instruct with what drafts for it: the target from its package, the draft model and the heads of both from
 * `models/smollm2`, where `scripts/train_smollm2/package.py` puts them.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { SpecMQuantError } from "../../mod.ts";
import { exists } from "../../src/checkpoint/containers/json.ts";
import type { Reporter } from "../native/reporter.ts";
import { smollm2 } from "../smollm2.ts";
import { Trio } from "./trio.ts";

/** The bundled draft model and heads. */
export const SMOLLM2_DIR: string = fileURLToPath(new URL("../../models/smollm2", import.meta.url));

/** The draft model's file. */
const DRAFT = "draft.gguf";

/** What must be there, beside the target. */
const PARTS = [DRAFT, "target-eagle3", "target-dspark", "draft-eagle3", "draft-dspark"];

/**
 * Loads the trio in `dir`, the target from the user's cache, where it is fetched to. Throws `SpecMQuantError` with the names of
 * what is missing in `dir`, before anything is fetched.
 */
export async function smollm2Trio(reporter: Reporter, dir: string = SMOLLM2_DIR): Promise<Trio> {
  const missing = PARTS.filter((part) => !exists(`${dir}/${part}`));
  if (missing.length > 0) {
    throw new SpecMQuantError(
      "models",
      `Cannot load the trio of SmolLM2: ${missing.join(", ")} not in ${dir}, expected ` +
        `${PARTS.join(", ")}, as scripts/train_smollm2 makes them`,
    );
  }
  return new Trio(dir, undefined, { target: await smollm2(reporter), draft: `${dir}/${DRAFT}` });
}
