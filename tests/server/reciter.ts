/**
 * A model of one layer that recites: each token has one that comes behind it, as the demo models call no tools by
 * themselves. What it recites depends on the last token of the prompt, which its chat template chooses.
 *
 * @module
 */
import { writeSafetensors } from "../../src/checkpoint/containers/safetensors_writer.ts";
import { BYTE_LEVEL_CONFIG, byteLevelTokenizer } from "../../src/text/fixtures_test.ts";
import { random } from "../random.ts";

/** A tool that it calls. */
export const WEATHER = {
  name: "get_weather",
  description: "The weather of a place.",
  parameters: {
    type: "object",
    properties: { place: { type: "string" } },
    required: ["place"],
    additionalProperties: false,
  },
} as const;

/** What it calls where there are tools. */
export const CALL = { name: WEATHER.name, arguments: { place: "Oslo" } } as const;

/** What it says behind the answer of a tool. */
export const TOLD = "It is 20 degrees.";

/** What it says otherwise. */
export const SAID = "Good day to you!";

/** Token by token; none is there twice, as each leads to the next, nor a single byte, which has a token already. */
const RECITED: Readonly<Record<string, readonly string[]>> = {
  "<|say|>": ["Good", " day", " to", " you!"],
  "<|call|>": [
    "<tool_call>",
    '{"name": "get',
    "_weather",
    '", "arg',
    'uments": ',
    '{"pl',
    'ace": "',
    "Oslo",
    '"}}',
    "</tool_call>",
  ],
  "<|then|>": ["It", " is", " 20", " degrees."],
};

const TEMPLATE = `{%- for tool in tools or [] %}{{ tool.function | tojson }}{% endfor %}
{%- for one in messages %}
  {%- if one.tool_calls %}
    {%- for call in one.tool_calls %}
      {{- '<tool_call>{"name": "' ~ call.function.name ~ '", "arguments": ' }}
      {{- call.function.arguments | tojson ~ '}</tool_call>' }}
    {%- endfor %}
  {%- else %}{{ one.role ~ ': ' ~ one.content }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}
  {{- '<|then|>' if messages[-1].role == 'tool' else '<|call|>' if tools else '<|say|>' }}
{%- endif %}`;

const HIDDEN = 128;

/** Writes the model to `dir`; returns `dir`. */
export function writeReciter(dir: string): string {
  const tokenizer = byteLevelTokenizer();
  const added = tokenizer.added_tokens as { id: number; content: string; special: boolean }[];
  const [{ id: bos }, { id: eos }] = added;
  let size = added.at(-1)!.id + 1;
  /** Which token comes behind each. */
  const next = new Map<number, number>();
  for (const [cue, pieces] of Object.entries(RECITED)) {
    const ids = [cue, ...pieces].map((content, i) => {
      added.push({ ...added[0], id: size, content, special: i === 0 });
      return size++;
    });
    for (const [i, id] of ids.entries()) next.set(id, ids[i + 1] ?? eos);
  }
  Deno.mkdirSync(dir, { recursive: true });
  const json = (file: string, value: unknown) =>
    Deno.writeTextFileSync(`${dir}/${file}`, JSON.stringify(value));
  json("tokenizer.json", tokenizer);
  json("tokenizer_config.json", { ...BYTE_LEVEL_CONFIG, chat_template: TEMPLATE });
  json("config.json", {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    vocab_size: size,
    hidden_size: HIDDEN,
    intermediate_size: HIDDEN,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    num_key_value_heads: 1,
    head_dim: HIDDEN,
    hidden_act: "silu",
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    max_position_embeddings: 32768,
    torch_dtype: "float16",
    bos_token_id: bos,
    eos_token_id: eos,
  });
  writeWeights(`${dir}/model.safetensors`, size, next);
  return dir;
}

/** Rows of the embedding are random signs; the layer adds nothing; what comes behind a token has that token's row. */
function writeWeights(file: string, size: number, next: ReadonlyMap<number, number>): void {
  const draw = random(1);
  const embedding = Float16Array.from({ length: size * HIDDEN }, () => draw() < 0.5 ? -1 : 1);
  const output = new Float16Array(size * HIDDEN);
  for (const [before, token] of next) {
    for (let i = 0; i < HIDDEN; i++) output[token * HIDDEN + i] += embedding[before * HIDDEN + i];
  }
  const square = [HIDDEN, HIDDEN];
  const zeros = new Float16Array(HIDDEN * HIDDEN);
  const ones = new Float16Array(HIDDEN).fill(1);
  const layer = "model.layers.0";
  const named: [name: string, shape: number[], values: Float16Array<ArrayBuffer>][] = [
    ["model.embed_tokens.weight", [size, HIDDEN], embedding],
    ...["q", "k", "v", "o"].map((name): typeof named[0] => [
      `${layer}.self_attn.${name}_proj.weight`,
      square,
      zeros,
    ]),
    ...["gate", "up", "down"].map((name): typeof named[0] => [
      `${layer}.mlp.${name}_proj.weight`,
      square,
      zeros,
    ]),
    [`${layer}.input_layernorm.weight`, [HIDDEN], ones],
    [`${layer}.post_attention_layernorm.weight`, [HIDDEN], ones],
    ["model.norm.weight", [HIDDEN], ones],
    ["lm_head.weight", [size, HIDDEN], output],
  ];
  writeSafetensors(
    file,
    named.map(([name, shape, values]) => ({
      name,
      dtype: "f16",
      shape,
      data: () => new Uint8Array(values.buffer),
    })),
  );
}
