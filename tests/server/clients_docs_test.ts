/**
 * The examples of `docs/server.md` with the clients that people use, as they stand there.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { MODEL, ServerRig } from "./rig.ts";

/** Where the examples ask. */
const URL_OF_DOCS = "http://127.0.0.1:8000";

Deno.test("clients: the examples of the documentation say something", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/server.md", import.meta.url));
  const section = /^## Clients$([^]*?)^## /m.exec(text)![1];
  const examples = [...section.matchAll(/^```ts ignore\n([^]*?)^```$/gm)].map(([, code]) => code);
  assertEquals(examples.length, 3);
  await using rig = await ServerRig.start();
  for (const example of examples) {
    assert(example.includes(URL_OF_DOCS) && example.includes(`"${MODEL}"`), example);
    const said: string[] = [];
    const name = `said_${crypto.randomUUID().replaceAll("-", "")}`;
    Object.assign(globalThis, { [name]: said });
    const code = example.replace(URL_OF_DOCS, rig.server.url).replace(
      "console.log(",
      `globalThis.${name}.push(`,
    );
    await import(`data:application/typescript,${encodeURIComponent(code)}`);
    assert(said.join("").length > 10, `${example}: ${said}`);
  }
});
