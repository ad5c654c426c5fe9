"""Golden data of EAGLE-2 heads: random heads on a golden verifier, and their outputs in float32."""

import json
import shutil
import zlib
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file, save_file


def _rotate(x: torch.Tensor, theta: float) -> torch.Tensor:
    """Rotary embedding of x [heads, positions, d], position i at row i."""
    d = x.shape[-1]
    angles = torch.arange(x.shape[1])[:, None] * theta ** (-torch.arange(0, d, 2) / d)[None]
    a, b = x[..., : d // 2], x[..., d // 2 :]
    return torch.cat((a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()), dim=-1)


def forward(w: dict[str, torch.Tensor], config: dict, embedding: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    """The head's output [p, h] for p pairs (embedding of token i + 1, verifier's hidden state i)."""
    heads, kv, d = (config[k] for k in ("num_attention_heads", "num_key_value_heads", "head_dim"))
    pairs = embedding.shape[0]
    x = F.linear(torch.cat((embedding, hidden), dim=-1), w["fc.weight"], w.get("fc.bias"))

    def split(name: str, count: int) -> torch.Tensor:
        return F.linear(x, w[f"layers.0.self_attn.{name}.weight"]).view(pairs, count, d).transpose(0, 1)

    q, k = (_rotate(split(n, c), config["rope_theta"]) for n, c in (("q_proj", heads), ("k_proj", kv)))
    k, v = (t.repeat_interleave(heads // kv, dim=0) for t in (k, split("v_proj", kv)))
    scores = q @ k.transpose(1, 2) * d**-0.5
    scores = scores.masked_fill(torch.ones(pairs, pairs).triu(1).bool(), -torch.inf)
    y = (scores.softmax(dim=-1) @ v).transpose(0, 1).reshape(pairs, heads * d)
    x = x + F.linear(y, w["layers.0.self_attn.o_proj.weight"])
    mean = x.pow(2).mean(dim=-1, keepdim=True)
    z = x * (mean + config["rms_norm_eps"]).rsqrt() * w["layers.0.post_attention_layernorm.weight"]
    gate, up, down = (w[f"layers.0.mlp.{n}_proj.weight"] for n in ("gate", "up", "down"))
    return x + F.linear(F.silu(F.linear(z, gate)) * F.linear(z, up), down)


@torch.no_grad()
def generate(root: Path, verifier: str, seed: int) -> list[dict]:
    """Writes `eagle2` (safetensors, no bias, no embedding) and `eagle2-bias` (.bin, bias, embedding)."""
    config = json.loads((root / verifier / "config.json").read_text())
    model = transformers.AutoModelForCausalLM.from_pretrained(
        root / verifier, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    tokens = load_file(root / verifier / "golden.safetensors")["tokens"].long()
    hidden = model.model(tokens[None]).last_hidden_state[0]  # after the final norm
    table = model.model.embed_tokens.weight
    h, heads, kv, d, m = (config[k] for k in (
        "hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size"))
    sizes = {
        "fc.weight": (h, 2 * h),
        "layers.0.self_attn.q_proj.weight": (heads * d, h),
        "layers.0.self_attn.k_proj.weight": (kv * d, h),
        "layers.0.self_attn.v_proj.weight": (kv * d, h),
        "layers.0.self_attn.o_proj.weight": (h, heads * d),
        "layers.0.mlp.gate_proj.weight": (m, h),
        "layers.0.mlp.up_proj.weight": (m, h),
        "layers.0.mlp.down_proj.weight": (h, m),
        "layers.0.post_attention_layernorm.weight": (h,),
        "fc.bias": (h,),
    }
    known = []
    for name, bias in (("eagle2", False), ("eagle2-bias", True)):
        generator = torch.Generator().manual_seed(seed * 2**32 + zlib.crc32(name.encode()))
        w = {}
        for key, size in sizes.items():
            noise = torch.randn(size, generator=generator)
            value = 1 + 0.25 * noise if "layernorm" in key else 0.5 * noise if key == "fc.bias" else noise * size[1] ** -0.5
            if bias or key != "fc.bias":
                w[key] = value.half().float()
        folder = root / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        stored = {key: value.half() for key, value in w.items()}
        if bias:  # as public heads are: a pickle, their own copy of the embedding, the bias unsaid
            torch.save({"embed_tokens.weight": table.half(), **stored}, folder / "pytorch_model.bin")
        else:
            save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
        own = config | {"architectures": ["EagleModel"], "num_hidden_layers": 1} | ({} if bias else {"bias": False})
        (folder / "config.json").write_text(json.dumps(own, indent=2) + "\n", encoding="utf-8")
        out = forward(w, config, F.embedding(tokens[1:], table), hidden[:-1])
        save_file({
            "tokens": tokens.to(torch.int32),
            "verifier_hidden": hidden.contiguous(),
            "hidden": out.contiguous(),
            "logits": F.linear(out, table).contiguous(),
        }, folder / "golden.safetensors")
        known.append({"name": name, "verifier": verifier, "pairs": len(tokens) - 1, "fc_bias": bias})
        print(known[-1], "hidden deviation", round(float(out.std()), 3))
    return known
