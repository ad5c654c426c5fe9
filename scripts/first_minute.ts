/**
 * Measures a new user's first minute: clones this repository's HEAD into a folder of its own, runs a command
 * there, and prints when each line came, the whole time, and the longest silence.
 *
 *     deno run -A scripts/first_minute.ts [COMMAND...]
 *
 * The command is `npx -y deno task demo`, the README's, unless another is given. Exits with 1 where it
 * fails.
 *
 * @module
 */
import { root } from "./native/run.ts";

const [command, ...args] = Deno.args.length > 0 ? Deno.args : ["npx", "-y", "deno", "task", "demo"];

const folder = await Deno.makeTempDir();
try {
  const clone = ["clone", "--quiet", "--no-hardlinks", root, `${folder}/specmquant`];
  const { success } = await new Deno.Command("git", { args: clone }).spawn().status;
  if (!success) throw new Error("git clone failed");
  const start = performance.now();
  let last = start;
  let longest = 0;
  const child = new Deno.Command(command, {
    args,
    cwd: `${folder}/specmquant`,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const follow = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
      const seconds = ((now - start) / 1000).toFixed(1).padStart(6);
      console.log(text.trimEnd().replace(/^/gm, `${seconds}  `));
    }
  };
  const [{ code }] = await Promise.all([child.status, follow(child.stdout), follow(child.stderr)]);
  const end = performance.now();
  longest = Math.max(longest, end - last);
  console.log(
    `ended with ${code} after ${((end - start) / 1000).toFixed(1)} s; ` +
      `longest silence ${(longest / 1000).toFixed(1)} s`,
  );
  if (code !== 0) Deno.exitCode = 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}
