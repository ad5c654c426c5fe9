import { assert, assertEquals } from "@std/assert";
import { testProgram } from "./humaneval.ts";
import { CODE_LIMITS, pythonRunner } from "./python.ts";
import { noNamespaces } from "../../../tests/namespaces.ts";

const TASK = {
  prompt: 'import math\n\n\ndef helper(x):\n    return x\n\n\ndef root(x):\n    """Its root."""\n',
  entry: "root",
  test: "def check(candidate):\n    assert candidate(16) == 4\n",
};

Deno.test("testProgram: an answer stands where it belongs in the prompt", () => {
  const before = "import math\n\n\ndef helper(x):\n    return x\n\n\n";
  const tail = `\n\n${TASK.test}\n\ncheck(root)\n`;
  const whole = "def root(x):\n    return math.sqrt(x)\n";
  const cases: [answer: string, program: string][] = [
    [`Here:\n\`\`\`python\n${whole}\`\`\`\nDone.`, before + whole + tail],
    [`\`\`\`\npip install x\n\`\`\`\n\`\`\`python\n${whole}\`\`\``, before + whole + tail],
    [`\`\`\`python\n${whole}`, before + whole + tail],
    [whole, before + whole + tail],
    ["```python\n    return x ** 0.5\n```", `${TASK.prompt}    return x ** 0.5\n${tail}`],
    ["    return x ** 0.5\n", `${TASK.prompt}    return x ** 0.5\n${tail}`],
  ];
  for (const [answer, program] of cases) assertEquals(testProgram(TASK, answer), program, answer);
});

const reason = noNamespaces();
const name = (what: string) => reason === undefined ? what : `${what} [skipped: ${reason}]`;
const python = await (reason === undefined ? pythonRunner({ ...CODE_LIMITS, seconds: 3 }) : null);

// 4 s, of which three are waited for.
Deno.test({
  name: name("pythonRunner: right code passes, and wrong, endless and greedy code does not"),
  ignore: reason !== undefined,
  async fn() {
    const passes = (program: string) => python!.passes(program);
    using here = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = here.addr;
    const answer = (body: string) => testProgram(TASK, `def root(x):\n    ${body}\n`);
    assert(await passes(answer("return math.sqrt(x)")));
    assert(await passes("open('x', 'w').write('a folder of its own')\n"));
    const wrong: Record<string, string> = {
      "another value": answer("return 5"),
      "a syntax error": answer("return ("),
      "no end": answer("while True: pass"),
      "no end without work": "import time\ntime.sleep(60)\n",
      "2 GB": "import mmap\nmmap.mmap(-1, 2 ** 31)\n",
      "a file of 64 MB": "open('x', 'wb').write(bytes(2 ** 26))\n",
      "a process": "import os\nos.fork()\n",
      "a thread": "import threading\nthreading.Thread(target=print).start()\n",
      "a connection": `import socket\nsocket.create_connection(("127.0.0.1", ${port}), 1)\n`,
      "a file of the user's": "open('/var/tmp/specmquant', 'w').close()\n",
      "an exit code": "import sys\nsys.exit(1)\n",
    };
    const outcomes = await Promise.all(
      Object.entries(wrong).map(async ([what, program]) => [what, await passes(program)]),
    );
    assertEquals(outcomes, Object.keys(wrong).map((what) => [what, false]));
    // What is in the environment of this process is no business of theirs.
    Deno.env.set("SPECMQUANT_EVAL_SECRET", "1");
    assert(await passes("import os\nassert 'SPECMQUANT_EVAL_SECRET' not in os.environ\n"));
  },
});

Deno.test({
  name: name("pythonRunner: a signal ends a program"),
  ignore: reason !== undefined,
  async fn() {
    const started = performance.now();
    const signal = AbortSignal.timeout(100);
    const ended = python!.passes("import time\ntime.sleep(60)\n", signal);
    const error = await ended.catch((error) => error);
    assertEquals(error.name, "TimeoutError");
    assert(performance.now() - started < 900);
  },
});
