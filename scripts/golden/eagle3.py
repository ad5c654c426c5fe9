"""Golden data of EAGLE-3 heads: random heads in every published layout on one verifier, and what they compute in float32.

Written from the descriptions (arXiv 2503.01840, 2605.09992, and what the layouts' configurations say), not from an engine.
Taps are counted here by how many layers have run, as `hidden_states` of `transformers` is: 0 is the embedding.
"""

import json
import shutil
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file

import gptq

STEPS = 3
#: Every drafted token leads the next likeliest by this: closer ones rounding might decide.
MARGIN = 0.06
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 64, "desc_act": False, "sym": True, "lm_head": False, "checkpoint_format": "gptq"}


@dataclass
class Layout:
    """How one head is stored. `taps` are counted by layers that have run; `keys` say it as the layout does."""

    name: str
    taps: list[int]
    keys: dict
    layer: str = "layers.0"
    draft: int | None = 48
    rope_theta: float = 10000.0
    hidden: int | None = None
    embedding: bool = False
    qk_norm: bool = False
    tap_norm: str = "none"
    normed_residual: bool = False
    normed_output: bool = False
    nested: bool = False
    quantized: bool = False
    storage: str = "safetensors"
    tokens: int = 24
    drop: list[str] = field(default_factory=list)


_CLASSIC = [2, 4, 5]  # of eight layers
_IDS = "eagle_aux_hidden_state_layer_ids"

LAYOUTS = [
    # No ids and no rope_theta: those of the paper, and 10000.
    Layout("eagle3", _CLASSIC, {"architectures": ["LlamaForCausalLM"]}, layer="midlayer", storage="bin", drop=["rope_theta"]),
    Layout("eagle3-long", _CLASSIC, {"architectures": ["LlamaForCausalLMEagle3"]}, layer="midlayer", tokens=2200, drop=["rope_theta"]),
    Layout("eagle3-speculators", [2, 4, 6], {
        "architectures": ["Eagle3Speculator"], "speculators_model_type": "eagle3", _IDS: [2, 4, 6],
        "norm_before_residual": True, "norm_before_fc": True, "fc_norm": False, "norm_output": True, "target_hidden_size": None,
        "speculators_config": {"algorithm": "eagle3"},
    }, rope_theta=500000.0, embedding=True, tap_norm="all", normed_residual=True, normed_output=True, nested=True),
    # SpecForge counts from behind a layer.
    Layout("eagle3-1", _CLASSIC, {
        "architectures": ["LlamaForCausalLMEagle3"], "eagle_config": {_IDS: [1, 3, 4]}, "fc_norm": True, "norm_output": True,
    }, layer="midlayer", rope_theta=20000.0, tap_norm="each", normed_output=True),
    Layout("eagle3-deepspec", [1, 2, 4, 5, 7], {
        "architectures": ["Qwen3Eagle3Model"], "model_type": "qwen3", "target_layer_ids": [0, 1, 3, 4, 6], "num_target_layers": 8, "ttt_length": 7,
    }, draft=None, embedding=True, qk_norm=True),
    Layout("eagle3-gptq", _CLASSIC, {"architectures": ["LlamaForCausalLMEagle3"]}, layer="midlayer", quantized=True),
    Layout("eagle3-narrow", _CLASSIC, {"architectures": ["LlamaForCausalLMEagle3"], "target_hidden_size": 64}, hidden=32, embedding=True),
]


def norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return x * (x.pow(2).mean(dim=-1, keepdim=True) + eps).rsqrt() * weight


def rotate(x: torch.Tensor, theta: float, first: int) -> torch.Tensor:
    """Rotary embedding of x [heads, rows, d], whose rows stand at first, first + 1, ..."""
    d = x.shape[-1]
    angles = (first + torch.arange(x.shape[1]))[:, None] * theta ** (-torch.arange(0, d, 2) / d)[None]
    a, b = x[..., : d // 2], x[..., d // 2 :]
    return torch.cat((a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()), dim=-1)


class Head:
    """A head at work on one text; keys and values of what it has read stay."""

    def __init__(self, w: dict[str, torch.Tensor], shape: dict, layout: Layout):
        self.w, self.shape, self.layout = w, shape, layout
        self.keys = self.values = None

    def fuse(self, taps: list[torch.Tensor]) -> torch.Tensor:
        """What `fc` makes of the taps, each [rows, target hidden]."""
        eps, kind = self.shape["rms_norm_eps"], self.layout.tap_norm
        if kind == "each":
            taps = [norm(tap, self.w[f"fc_norm.{i}.weight"], eps) for i, tap in enumerate(taps)]
        joined = torch.cat(taps, dim=-1)
        if kind == "all":
            joined = norm(joined, self.w["input_norm.weight"], eps)
        return F.linear(joined, self.w["fc.weight"])

    def step(self, embedding: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Reads rows behind those read before: what the next step reads, and logits."""
        s, w = self.shape, self.w
        eps, heads, kv, d = s["rms_norm_eps"], s["num_attention_heads"], s["num_key_value_heads"], s["head_dim"]
        rows, first = x.shape[0], 0 if self.keys is None else self.keys.shape[1]
        at = lambda name: w[f"layer.{name}.weight"]
        normed = norm(x, at("hidden_norm"), eps)
        residual = normed if self.layout.normed_residual else x
        pairs = torch.cat((norm(embedding, at("input_layernorm"), eps), normed), dim=-1)
        split = lambda name, count: F.linear(pairs, at(f"self_attn.{name}")).view(rows, count, d).transpose(0, 1)
        q, k, v = split("q_proj", heads), split("k_proj", kv), split("v_proj", kv)
        if self.layout.qk_norm:
            q, k = norm(q, at("self_attn.q_norm"), eps), norm(k, at("self_attn.k_norm"), eps)
        q, k = (rotate(t, self.layout.rope_theta, first) for t in (q, k))
        self.keys = k if first == 0 else torch.cat((self.keys, k), dim=1)
        self.values = v if first == 0 else torch.cat((self.values, v), dim=1)
        k, v = (t.repeat_interleave(heads // kv, dim=0) for t in (self.keys, self.values))
        scores = q @ k.transpose(1, 2) * d**-0.5
        ahead = torch.arange(k.shape[1])[None] > first + torch.arange(rows)[:, None]
        y = (scores.masked_fill(ahead, -torch.inf).softmax(dim=-1) @ v).transpose(0, 1).reshape(rows, heads * d)
        h = residual + F.linear(y, at("self_attn.o_proj"))
        z = norm(h, at("post_attention_layernorm"), eps)
        h = h + F.linear(F.silu(F.linear(z, at("mlp.gate_proj"))) * F.linear(z, at("mlp.up_proj")), at("mlp.down_proj"))
        normed = norm(h, w["norm.weight"], eps)
        return (normed if self.layout.normed_output else h), F.linear(normed, w["lm_head.weight"])


def verifier_config() -> dict:
    """Eight thin layers, whose rope is not the heads'."""
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 128, "hidden_size": 64, "intermediate_size": 64,
        "num_hidden_layers": 8, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32, "hidden_act": "silu",
        "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "tie_word_embeddings": False,
        "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float16",
    }


def _draw(layout: Layout, config: dict, generator: torch.Generator) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The weights as the head has them, in f32, and as they are stored."""
    target, v = config["hidden_size"], config["vocab_size"]
    h = layout.hidden or target
    heads, kv, d, m = (config[k] for k in ("num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size"))
    width = len(layout.taps) * target
    sizes = {
        "fc.weight": (h, width), "norm.weight": (h,), "lm_head.weight": (layout.draft or v, h),
        "layer.hidden_norm.weight": (h,), "layer.input_layernorm.weight": (h,), "layer.post_attention_layernorm.weight": (h,),
        "layer.self_attn.q_proj.weight": (heads * d, 2 * h), "layer.self_attn.k_proj.weight": (kv * d, 2 * h),
        "layer.self_attn.v_proj.weight": (kv * d, 2 * h), "layer.self_attn.o_proj.weight": (h, heads * d),
        "layer.mlp.gate_proj.weight": (m, h), "layer.mlp.up_proj.weight": (m, h), "layer.mlp.down_proj.weight": (h, m),
    }
    if layout.embedding:
        sizes["embed_tokens.weight"] = (v, h)
    if layout.qk_norm:
        sizes |= {f"layer.self_attn.{n}_norm.weight": (d,) for n in "qk"}
    if layout.tap_norm == "all":
        sizes["input_norm.weight"] = (width,)
    if layout.tap_norm == "each":
        sizes |= {f"fc_norm.{i}.weight": (target,) for i in range(len(layout.taps))}
    w, stored = {}, {}
    for name, size in sizes.items():
        noise = torch.randn(size, generator=generator)
        value = 1 + 0.25 * noise if "norm" in name else noise * size[1] ** -0.5
        if name == "lm_head.weight":
            value *= 1.2
        w[name] = value.half().float()
        own = name.replace("layer.", f"{layout.layer}.", 1) if name.startswith("layer.") else name
        if layout.quantized and (name == "fc.weight" or "_proj" in name):
            parts, w[name] = gptq.quantize(value, gptq.group_index(size[1], GPTQ | {"static_groups": False}, generator), GPTQ)
            stored |= {f"{own.removesuffix('.weight')}.{part}": t for part, t in parts.items()}
        else:
            stored[own] = w[name].half()
    return w, stored


def vocabulary(layout: Layout, v: int, generator: torch.Generator) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The token of each entry, and how that is stored."""
    if layout.draft is None:
        return torch.arange(v), {}
    tokens = torch.randperm(v, generator=generator)[: layout.draft].sort().values
    known = torch.zeros(v, dtype=torch.bool)
    known[tokens] = True
    return tokens, {"d2t": tokens - torch.arange(layout.draft), "t2d": known}


def _config(layout: Layout, config: dict) -> dict:
    layer = {
        "model_type": "llama", "vocab_size": config["vocab_size"], "hidden_size": layout.hidden or config["hidden_size"],
        "intermediate_size": config["intermediate_size"], "num_hidden_layers": 1, "num_attention_heads": config["num_attention_heads"],
        "num_key_value_heads": config["num_key_value_heads"], "head_dim": config["head_dim"], "hidden_act": "silu",
        "max_position_embeddings": 2048, "rms_norm_eps": config["rms_norm_eps"], "rope_theta": layout.rope_theta,
        "torch_dtype": "float16",
    }
    layer = {key: value for key, value in layer.items() if key not in layout.drop}
    own = layout.keys | ({"draft_vocab_size": layout.draft} if layout.draft else {})
    if layout.quantized:
        own["quantization_config"] = GPTQ
    return own | {"transformer_layer_config": layer} if layout.nested else layer | own


@torch.no_grad()
def _generate(layout: Layout, root: Path, model: torch.nn.Module, config: dict, seed: int, attempt: int) -> dict | None:
    """Writes one head; None where a drafted token is too close to the next likeliest."""
    # A seed counts by its low 32 bits alone.
    generator = torch.Generator().manual_seed(zlib.crc32(f"{layout.name} {seed} {attempt}".encode()))
    w, stored = _draw(layout, config, generator)
    of_entry, maps = vocabulary(layout, config["vocab_size"], generator)
    tokens = torch.randint(3, config["vocab_size"], (layout.tokens,), generator=generator)
    out = model.model(tokens[None], output_hidden_states=True)
    taps = [out.hidden_states[run][0, :-1] for run in layout.taps]
    table = w.get("embed_tokens.weight", model.model.embed_tokens.weight)
    head = Head(w, config, layout)
    hidden, logits = head.step(F.embedding(tokens[1:], table), head.fuse(taps))
    kept = 8 if layout.tokens > 100 else None
    found = {"hidden": [hidden[-kept:] if kept else hidden], "logits": [logits[-kept:] if kept else logits]}
    drafted, margin = [], torch.inf
    for _ in range(STEPS):
        (first, second), (entry, _) = logits[-1].topk(2)
        margin = min(margin, float(first - second))
        drafted.append(int(of_entry[entry]))
        hidden, logits = head.step(F.embedding(torch.tensor(drafted[-1:]), table), hidden[-1:])
        found["hidden"].append(hidden)
        found["logits"].append(logits)
    first, second = logits[-1].topk(2).values
    if min(margin, float(first - second)) < MARGIN:
        return None
    drafted.append(int(of_entry[logits[-1].argmax()]))
    folder = root / layout.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    stored |= maps
    if layout.storage == "bin":
        torch.save(stored, folder / "pytorch_model.bin")
    else:
        save_file({name: t.contiguous() for name, t in stored.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(_config(layout, config), indent=2) + "\n", encoding="utf-8")
    save_file({
        "tokens": tokens.to(torch.int32),
        "drafted": torch.tensor(drafted, dtype=torch.int32),
        "hidden": torch.cat(found["hidden"]).contiguous(),
        "logits": torch.cat(found["logits"]).contiguous(),
    }, folder / "golden.safetensors")
    return {
        "name": layout.name, "attempt": attempt, "taps": layout.taps, "tokens": layout.tokens,
        "hidden_deviation": round(float(torch.cat(found["hidden"]).std()), 3), "logit_deviation": round(float(torch.cat(found["logits"]).std()), 3),
    }


def generate(root: Path, verifier: str, seed: int) -> list[dict]:
    """Writes a head of each layout for the golden model `verifier`."""
    config = json.loads((root / verifier / "config.json").read_text())
    model = transformers.AutoModelForCausalLM.from_pretrained(root / verifier, dtype=torch.float32, attn_implementation="eager").eval()
    known = []
    for layout in LAYOUTS:
        tries = (_generate(layout, root, model, config, seed, i) for i in range(100))
        known.append(next(found for found in tries if found) | {"verifier": verifier})
        print(known[-1])
    return known

