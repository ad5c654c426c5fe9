"""Golden data of block drafters (DFlash, DSpark): random drafters, and what they say in float32 for a block behind a text.

Written from the descriptions (arXiv 2602.06036, and what the layouts' configurations say), not from an engine. Taps are
counted by how many layers have run.
"""

import json
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file

import gptq
from eagle3 import GPTQ, MARGIN, norm, rotate, vocabulary

TOKENS = 24
MASK = 125


@dataclass
class Layout:
    """How one drafter is stored. `taps` are counted by layers that have run; `keys` say it as the layout does."""

    name: str
    taps: list[int]
    keys: dict
    block: int
    layers: int = 2
    #: Whether the first row of a block predicts, and not only those of masks.
    anchor: bool = False
    causal: bool = False
    rank: int = 0
    confidence: str = "none"
    draft: int | None = None
    copies: bool = False
    nested: bool = False
    quantized: bool = False
    rope_theta: float = 1000000.0


_DEEPSPEC = {
    "architectures": ["Qwen3DSparkModel"], "block_size": 4, "target_layer_ids": [0, 2, 4, 6], "mask_token_id": MASK, "num_target_layers": 8,
    "num_anchors": 512, "markov_head_type": "vanilla",
}

LAYOUTS = [
    Layout("dflash", [2, 5, 7], {
        "architectures": ["DFlashDraftModel"], "block_size": 5, "num_target_layers": 8,
        "dflash_config": {"target_layer_ids": [1, 4, 6], "mask_token_id": MASK},
    }, block=5, layers=3),
    Layout("dflash-causal", [2, 7], {
        "architectures": ["DFlashDraftModel"], "num_target_layers": 8, "dflash_config":
            {"target_layer_ids": [1, 6], "mask_token_id": MASK, "causal_head": True, "block_size": 5},
    }, block=5, causal=True, rope_theta=20000.0),
    Layout("dflash-speculators", [2, 5, 7], {
        "architectures": ["DFlashDraftModel"], "speculators_model_type": "dflash", "block_size": 6, "mask_token_id": MASK,
        "aux_hidden_state_layer_ids": [2, 5, 7], "sample_from_anchor": False, "target_hidden_size": None,
        "speculators_config": {"algorithm": "dflash"},
    }, block=6, draft=48, nested=True),
    Layout("dflash-deepspec", [1, 3, 5, 7], _DEEPSPEC | {"markov_rank": 0, "enable_confidence_head": False}, block=4, anchor=True),
    Layout("dspark", [1, 3, 5, 7], _DEEPSPEC | {
        "markov_rank": 16, "enable_confidence_head": True, "confidence_head_with_markov": True,
    }, block=4, anchor=True, rank=16, confidence="markov", copies=True),
    Layout("dspark-specforge", [2, 5, 7], {
        "architectures": ["DSparkDraftModel"], "block_size": 4, "num_target_layers": 8, "dflash_config": {
            "projector_type": "dspark", "target_layer_ids": [1, 4, 6], "mask_token_id": MASK, "markov_rank": 16, "markov_head_type": "vanilla",
            "enable_confidence_head": True, "confidence_head_with_markov": False, "confidence_head_alpha": 1.0,
        },
    }, block=4, anchor=True, rank=16, confidence="hidden"),
    Layout("dspark-speculators", [2, 5], {
        "architectures": ["DSparkDraftModel"], "speculators_model_type": "dspark", "block_size": 5, "mask_token_id": MASK,
        "aux_hidden_state_layer_ids": [2, 5], "sample_from_anchor": False, "markov_rank": 16, "markov_head_type": "vanilla",
        "enable_confidence_head": False, "speculators_config": {"algorithm": "dspark"},
    }, block=5, rank=16, draft=48, nested=True),
    Layout("dspark-gptq", [1, 3, 5, 7], _DEEPSPEC | {"markov_rank": 16, "enable_confidence_head": False},
           block=4, anchor=True, rank=16, quantized=True),
]


def context(w: dict[str, torch.Tensor], config: dict, taps: torch.Tensor) -> torch.Tensor:
    """What a drafter makes of the taps [p, L H] of p accepted positions: [p, H]."""
    return norm(F.linear(taps, w["fc.weight"]), w["hidden_norm.weight"], config["rms_norm_eps"])


def block(w: dict[str, torch.Tensor], config: dict, c: torch.Tensor, embedded: torch.Tensor, causal: bool) -> torch.Tensor:
    """Hidden states [b, H], normed, of a block of embeddings [b, H] that stands behind the context `c` [p, H]."""
    heads, kv, d, eps, theta = (config[k] for k in (
        "num_attention_heads", "num_key_value_heads", "head_dim", "rms_norm_eps", "rope_theta"))
    before, count = c.shape[0], embedded.shape[0]
    seen = torch.ones(count, before + count).bool()
    if causal:
        seen = seen.tril(before)
    x = embedded
    for i in range(config["num_hidden_layers"]):
        def part(name: str) -> torch.Tensor:
            return w[f"layers.{i}.{name}.weight"]

        def split(name: str, rows: torch.Tensor, n: int) -> torch.Tensor:
            return F.linear(rows, part(f"self_attn.{name}_proj")).view(rows.shape[0], n, d).transpose(0, 1)

        z = norm(x, part("input_layernorm"), eps)
        read = torch.cat((c, z))
        q = rotate(norm(split("q", z, heads), part("self_attn.q_norm"), eps), theta, before)
        k = rotate(norm(split("k", read, kv), part("self_attn.k_norm"), eps), theta, 0)
        k, v = (t.repeat_interleave(heads // kv, dim=0) for t in (k, split("v", read, kv)))
        scores = (q @ k.transpose(1, 2) * d**-0.5).masked_fill(~seen, -torch.inf)
        y = (scores.softmax(dim=-1) @ v).transpose(0, 1).reshape(count, heads * d)
        x = x + F.linear(y, part("self_attn.o_proj"))
        z = norm(x, part("post_attention_layernorm"), eps)
        x = x + F.linear(F.silu(F.linear(z, part("mlp.gate_proj"))) * F.linear(z, part("mlp.up_proj")), part("mlp.down_proj"))
    return norm(x, w["norm.weight"], eps)


def chain(w: dict[str, torch.Tensor], logits: torch.Tensor, anchor: int, of_entry: torch.Tensor) -> tuple[list[int], torch.Tensor]:
    """The likeliest tokens one after another, and each one's logits with what the token before it adds."""
    tokens, corrected, last = [], [], anchor
    for row in logits:
        if "markov_head.markov_w1.weight" in w:
            row = row + F.linear(w["markov_head.markov_w1.weight"][last], w["markov_head.markov_w2.weight"])
        last = int(of_entry[row.argmax()])
        tokens.append(last)
        corrected.append(row)
    return tokens, torch.stack(corrected)


def _draw(layout: Layout, config: dict, generator: torch.Generator) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The weights as the drafter has them, in f32, and as they are stored."""
    h, v = config["hidden_size"], config["vocab_size"]
    heads, kv, d, m = (config[k] for k in ("num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size"))
    sizes = {"fc.weight": (h, len(layout.taps) * h), "hidden_norm.weight": (h,), "norm.weight": (h,)}
    for i in range(layout.layers):
        sizes |= {f"layers.{i}.{name}.weight": size for name, size in {
            "input_layernorm": (h,), "post_attention_layernorm": (h,), "self_attn.q_norm": (d,), "self_attn.k_norm": (d,),
            "self_attn.q_proj": (heads * d, h), "self_attn.k_proj": (kv * d, h), "self_attn.v_proj": (kv * d, h), "self_attn.o_proj": (h, heads * d),
            "mlp.gate_proj": (m, h), "mlp.up_proj": (m, h), "mlp.down_proj": (h, m),
        }.items()}
    if layout.draft:
        sizes["lm_head.weight"] = (layout.draft, h)
    if layout.rank:
        sizes |= {"markov_head.markov_w1.weight": (v, layout.rank), "markov_head.markov_w2.weight": (layout.draft or v, layout.rank)}
    if layout.confidence != "none":
        sizes |= {"confidence_head.proj.weight": (1, h + (layout.rank if layout.confidence == "markov" else 0)), "confidence_head.proj.bias": (1,)}
    w, stored = {}, {}
    for name, size in sizes.items():
        noise = torch.randn(size, generator=generator)
        value = 1 + 0.25 * noise if "norm" in name else noise * size[-1] ** -0.5
        if "lm_head" in name or "markov_w1" in name:
            value *= 1.2 if "lm_head" in name else layout.rank**0.5
        w[name] = value.half().float()
        if layout.quantized and (name == "fc.weight" or "_proj" in name):
            parts, w[name] = gptq.quantize(value, gptq.group_index(size[1], GPTQ | {"static_groups": False}, generator), GPTQ)
            stored |= {f"{name.removesuffix('.weight')}.{part}": t for part, t in parts.items()}
        else:
            stored[name] = w[name].half()
    return w, stored


def _config(layout: Layout, config: dict) -> tuple[dict, dict]:
    """The keys of the layers, and of the file."""
    layer = {
        "model_type": "qwen3", "vocab_size": config["vocab_size"], "hidden_size": config["hidden_size"],
        "intermediate_size": config["intermediate_size"], "num_hidden_layers": layout.layers, "layer_types": ["full_attention"] * layout.layers,
        "num_attention_heads": config["num_attention_heads"], "num_key_value_heads": config["num_key_value_heads"],
        "head_dim": config["head_dim"], "hidden_act": "silu", "max_position_embeddings": 4096, "rms_norm_eps": 1e-6,
        "rope_theta": layout.rope_theta, "torch_dtype": "float16",
    }
    own = layout.keys | ({"draft_vocab_size": layout.draft} if layout.draft else {})
    if layout.quantized:
        own["quantization_config"] = GPTQ
    return layer, own | {"transformer_layer_config": layer} if layout.nested else layer | own


@torch.no_grad()
def _generate(layout: Layout, root: Path, model: torch.nn.Module, config: dict, seed: int, attempt: int) -> dict | None:
    """Writes one drafter; None where a drafted token is too close to the next likeliest."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{layout.name} {seed} {attempt}".encode()))
    w, stored = _draw(layout, config, generator)
    of_entry, maps = vocabulary(layout, config["vocab_size"], generator)
    tokens = torch.randint(3, config["vocab_size"], (TOKENS,), generator=generator)
    states = model.model(tokens[None, :-1], output_hidden_states=True).hidden_states
    taps = torch.cat([states[run][0] for run in layout.taps], dim=-1)
    layer, stored_config = _config(layout, config)
    table = model.model.embed_tokens.weight
    ids = torch.tensor([int(tokens[-1])] + [MASK] * (layout.block - 1))
    hidden = block(w, layer, context(w, layer, taps), F.embedding(ids, table), layout.causal)
    hidden = hidden if layout.anchor else hidden[1:]
    logits = F.linear(hidden, w.get("lm_head.weight", model.lm_head.weight))
    drafted, corrected = chain(w, logits, int(tokens[-1]), of_entry)
    first, second = corrected.topk(2, dim=-1).values.unbind(dim=-1)
    if float((first - second).min()) < MARGIN:
        return None
    folder = root / layout.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    stored |= maps
    if layout.copies:
        stored |= {"embed_tokens.weight": table.half(), "lm_head.weight": model.lm_head.weight.half()}
    save_file({name: t.contiguous() for name, t in stored.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(stored_config, indent=2) + "\n", encoding="utf-8")
    save_file({
        "tokens": tokens.to(torch.int32),
        "drafted": torch.tensor(drafted, dtype=torch.int32),
        "hidden": hidden.contiguous(),
        "logits": corrected.contiguous(),
    }, folder / "golden.safetensors")
    return {
        "name": layout.name, "attempt": attempt, "taps": layout.taps, "tokens": TOKENS, "block": layout.block,
        "logit_deviation": round(float(corrected.std()), 3),
    }


def generate(root: Path, verifier: str, seed: int) -> list[dict]:
    """Writes a drafter of each layout for the golden model `verifier`."""
    config = json.loads((root / verifier / "config.json").read_text())
    model = transformers.AutoModelForCausalLM.from_pretrained(root / verifier, dtype=torch.float32, attn_implementation="eager").eval()
    known = []
    for layout in LAYOUTS:
        tries = (_generate(layout, root, model, config, seed, i) for i in range(200))
        known.append(next(found for found in tries if found) | {"verifier": verifier})
        print(known[-1])
    return known
