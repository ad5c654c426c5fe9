import { assertEquals } from "@std/assert";

Deno.test("a breath hears a signal that came before it", async () => {
  const module = new URL("./breath.ts", import.meta.url);
  // Waiting for a line is as deaf as computing.
  const program = `
    import { breathe } from ${JSON.stringify(module.href)};
    let heard = 0;
    Deno.addSignalListener("SIGINT", () => void heard++);
    for (let i = 1; i <= 8; i++) {
      console.log("ready");
      Deno.stdin.readSync(new Uint8Array(1));
      await breathe();
      if (heard !== i) throw new Error(heard + " signals heard, expected " + i);
    }
    Deno.exit(7);
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", "--no-check", program],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  for await (const _ of child.stdout) {
    child.kill("SIGINT");
    // A thread of the child takes it first.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await writer.write(new Uint8Array(1)).catch(() => {});
  }
  const stderr = await new Response(child.stderr).text();
  assertEquals([(await child.status).code, stderr], [7, ""]);
  await writer.close().catch(() => {});
});
