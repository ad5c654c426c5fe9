/** What tests of engines share: the demo's directories, and one for a test. */
import { DEMO_DIR } from "../../scripts/models/trio.ts";

/** The demo's directories. */
export const TARGET = `${DEMO_DIR}/target`;
export const DRAFT = `${DEMO_DIR}/draft`;
export const TARGET_HEAD = `${DEMO_DIR}/target-eagle2`;
export const DRAFT_HEAD = `${DEMO_DIR}/draft-eagle2`;

/** Runs `body` in a new directory, which is gone behind it. */
export async function withDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
