import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { RenderError, SyntaxFault } from "./values/errors.ts";
import { importValue, type TemplateValue } from "./values/import_value.ts";
import { Template } from "./template.ts";

function render(source: string, variables: Readonly<Record<string, TemplateValue>> = {}): string {
  const given = Object.entries(variables).map(([name, value]) =>
    [name, importValue(value)] as const
  );
  return new Template(source).render(new Map(given), { now: () => new Date(0) });
}

/** The kind of the error that rendering throws. */
function kind(source: string, variables?: Readonly<Record<string, TemplateValue>>): string {
  return assertThrows(() => render(source, variables), RenderError, undefined, source).kind;
}

Deno.test("template: renders again from the beginning", () => {
  const template = new Template(
    "{% set ns = namespace(n=0) %}{% for i in range(3) %}{% set ns.n = ns.n + i %}{% endfor %}" +
      "{% set x = x | default('') ~ 'a' %}{{ ns.n }}{{ x }}",
  );
  const now = () => new Date(0);
  assertEquals(template.render(new Map(), { now }), "3a");
  assertEquals(template.render(new Map([["x", "b"]]), { now }), "3ba");
  assertEquals(template.render(new Map(), { now }), "3a");
});

Deno.test("template: nothing of JavaScript can be reached", () => {
  const object = { a: 1 };
  for (
    const name of [
      "constructor",
      "__proto__",
      "prototype",
      "toString",
      "valueOf",
      "hasOwnProperty",
      "length",
      "call",
      "apply",
      "name",
      "type",
      "items2",
      "text",
    ]
  ) {
    for (const value of ["object", "list", "text", "number", "(1, 2)", "range"]) {
      const variables = { object, list: [1], text: "x", number: 1 };
      assertEquals(render(`{{ ${value}.${name} is defined }}`, variables), "False", name);
      assertEquals(render(`{{ ${value}['${name}'] is defined }}`, variables), "False", name);
    }
  }
  // Keys of that name are keys like any other.
  const keys = JSON.parse('{"__proto__": 1, "constructor": 2, "toString": 3}');
  assertEquals(render("{{ o.constructor }}{{ o.toString }}{{ o | length }}", { o: keys }), "233");
  assertEquals(render("{{ o['__proto__'] }}{{ o }}", { o: keys }).slice(0, 3), "1{'");
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    assertEquals(render(`{{ ${name} is defined }}`), "False");
    assertThrows(() => new Template(`{{ 1 | ${name} }}`), SyntaxFault);
    assertThrows(() => new Template(`{{ 1 is ${name} }}`), SyntaxFault);
    assertEquals(kind(`{{ [1] | map('${name}') | list }}`), "TemplateRuntimeError");
    assertEquals(kind(`{{ '{${name}}'.format() }}`), "KeyError");
  }
});

Deno.test("template: values given stay as they are", () => {
  const list = [3, 1, 2];
  const object = { b: [2], a: { c: 1 } };
  const source =
    "{{ list | sort }}{{ list | reverse | list }}{{ list + [4] }}{{ object | dictsort }}" +
    "{% set list = [0] %}{% set object = {} %}{{ list }}{{ object }}";
  render(source, { list, object });
  assertEquals([list, object], [[3, 1, 2], { b: [2], a: { c: 1 } }]);
  for (const call of ["list.append(1)", "list.sort()", "object.update({})", "object.pop('a')"]) {
    assertEquals(kind(`{{ ${call} }}`, { list, object }), "SecurityError", call);
  }
});

Deno.test("template: work without end, and text without end, are stopped", () => {
  const sources: ReadonlyArray<[source: string, kind: string]> = [
    ["{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "Limit"],
    ["{{ range(100001) }}", "OverflowError"],
    ["{{ range(10 ** 30) }}", "OverflowError"],
    ["{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"],
    ["{% for i in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}", "RecursionError"],
    ["{% block a %}{{ self.a() }}{% endblock %}", "RecursionError"],
    ["{{ 'x' * 10 ** 12 }}", "Limit"],
    ["{{ [0] * 10 ** 12 }}", "Limit"],
    ["{{ '%999999999d' % 1 }}", "Limit"],
    ["{{ '{:999999999}'.format(1) }}", "Limit"],
    ["{{ 'a' | center(10 ** 12) }}", "Limit"],
    ["{{ '%.9999f' % 1.5 }}", "Limit"],
    ["{{ 9 ** (9 ** (9 ** 9)) }}", "Limit"],
    ["{{ strftime_now('%999999999d') }}", "Limit"],
    [
      "{% set ns = namespace(s='x') %}{% for a in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
      "Limit",
    ],
    [
      "{% set ns = namespace(s=7) %}{% for a in range(99) %}{% set ns.s = ns.s * ns.s %}{% endfor %}",
      "Limit",
    ],
    [
      "{% set ns = namespace(l=[]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
      "Limit",
    ],
    [
      "{% set ns = namespace(l=[]) %}{% for i in range(2000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
      "RecursionError",
    ],
    ["{{ ('y' ~ 'x' * 500000) in 'x' * 1000000 }}", "Limit"],
  ];
  for (const [source, expected] of sources) {
    const started = performance.now();
    assertEquals(kind(source), expected, source);
    // Each is refused in a fraction of a second; a hang, not slowness, is what this is about.
    assertStrictEquals(performance.now() - started < 20_000, true, source);
  }
});

Deno.test("template: long conversations have the work that they need", () => {
  // A template may look through all messages for each message, and through each character.
  const messages = Array.from(
    { length: 1500 },
    () => ({ role: "user", content: "word ".repeat(20) }),
  );
  const source =
    "{% for m in messages %}{% for n in messages %}{% if n == m %}{% endif %}{% endfor %}" +
    "{% for c in m.content %}{{ c }}{% endfor %}{% endfor %}";
  assertEquals(render(source, { messages }).length, 150_000);
});

Deno.test("template: nesting beyond any use is refused when it is read", () => {
  const sources = [
    "{{ " + "(".repeat(5000) + "1" + ")".repeat(5000) + " }}",
    "{{ " + "[".repeat(5000) + "]".repeat(5000) + " }}",
    "{{ " + "-".repeat(20000) + "1 }}",
    "{{ " + "not ".repeat(20000) + "1 }}",
    "{{ " + "1+".repeat(50000) + "1 }}",
    "{{ x" + "|upper".repeat(50000) + " }}",
    "{% if x %}".repeat(3000) + "{% endif %}".repeat(3000),
  ];
  for (const source of sources) assertThrows(() => new Template(source), SyntaxFault);
});

Deno.test("template: what Jinja2 has and this has not is refused by its name", () => {
  const unread: ReadonlyArray<[source: string, words: string]> = [
    ["{{ x | pprint }}", "pprint"],
    ["{{ x | random }}", "random"],
    ["{{ x | urlize }}", "urlize"],
    ["{{ x | wordwrap }}", "wordwrap"],
    ["{{ x | xmlattr }}", "xmlattr"],
    ["{% autoescape true %}{% endautoescape %}", "autoescape"],
    ["{{ '\\N{BULLET}' }}", "\\N"],
    ["{{ 1e999 }}", "1e999"],
  ];
  for (const [source, words] of unread) {
    assertThrows(() => new Template(source), SyntaxFault, words);
  }
  const unrendered: ReadonlyArray<[source: string, words: string]> = [
    ["{{ [1] | map('random') | list }}", "random"],
    ["{{ 'a'.encode() }}", "str.encode"],
    ["{{ 'É'.casefold() }}", "casefold"],
    ["{{ 2.0 ** 2 }}", "float"],
    ["{{ 2 ** -1 }}", "power"],
    ["{{ [1] | map('string') }}", "generator"],
    ["{{ 'a'.upper }}", "function"],
    ["{{ lipsum() }}", "lipsum"],
    ["{{ 'ab' is sameas 'ab' }}", "sameas"],
    ["{{ 1.5.hex() }}", "float.hex"],
    ["{{ strftime_now('%-5d') }}", "%-5d"],
  ];
  for (const [source, words] of unrendered) {
    const error = assertThrows(() => render(source), RenderError, words, source);
    assertEquals(error.kind, "Unsupported", source);
  }
});

Deno.test("template: faults of a source name its line", () => {
  const cases: ReadonlyArray<[source: string, line: number]> = [
    ["a\n{{ b", 2],
    ["\n\n{% if x %}\n", 3],
    ["{{ a }}\r\n{{ b | nope }}", 2],
    ["{# \n #}\n{% endfor %}", 3],
    ["{{ '\\x' }}", 1],
    ["a\n\n{{ $ }}", 3],
  ];
  for (const [source, line] of cases) {
    assertEquals(assertThrows(() => new Template(source), SyntaxFault).line, line, source);
  }
});

Deno.test("importValue: numbers, keys that are absent, and what is no value", () => {
  const source = "{{ v }}";
  assertEquals(
    render(source, { v: [1, 1.5, 1e20, 1e21, -0, 12n ** 30n] }).slice(0, 53),
    "[1, 1.5, 100000000000000000000, 1e+21, 0, 23737631379",
  );
  assertEquals(render(source, { v: { a: undefined, b: null } }), "{'b': None}");
  assertEquals(render(source, { v: new Map([["2", 1], ["1", 2]]) }), "{'2': 1, '1': 2}");
  const circle: TemplateValue[] = [];
  circle.push(circle);
  for (const value of [() => 1, Symbol("s"), circle]) {
    assertThrows(() => importValue(value as TemplateValue), TypeError);
  }
});
