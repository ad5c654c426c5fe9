"""Generates the golden data of the tests: small random models and the logits `transformers` gives for them.

    python3 scripts/golden/generate.py --out tests/data/golden --seed 0

Every model runs in float32 on the very values that are stored. Needs torch, transformers, safetensors.
"""

import argparse
import json
import platform
import shutil
import zlib
from pathlib import Path

import safetensors
import torch
import transformers
from safetensors.torch import save_file

import block
import eagle3
import gptq
import head
from cases import CASES, VOCAB, Case
from weights import draw, shared_input

_DTYPES = {"bf16": torch.bfloat16, "f32": torch.float32}


def write_json(path: Path, value) -> None:
    """Pretty JSON with a final newline."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _store(folder: Path, tensors: dict[str, torch.Tensor], storage: str) -> None:
    tensors = {name: t.contiguous() for name, t in tensors.items()}
    if storage == "bin":
        torch.save(tensors, folder / "pytorch_model.bin")
    elif storage == "sharded":
        names = sorted(tensors)
        files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
        parts = [names[: len(names) // 2], names[len(names) // 2 :]]
        for file, part in zip(files, parts):
            save_file({n: tensors[n] for n in part}, folder / file, metadata={"format": "pt"})
        total = sum(t.numel() * t.element_size() for t in tensors.values())
        index = {n: file for file, part in zip(files, parts) for n in part}
        write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": index})
    else:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _reference(config: dict, folder: Path) -> torch.nn.Module:
    """The float32 model of a config as `transformers` reads it, without its quantization."""
    plain = {key: value for key, value in config.items() if key != "quantization_config"}
    write_json(folder / "config.json", plain)
    parsed = transformers.AutoConfig.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_config(parsed, attn_implementation="eager", dtype=torch.float32)
    write_json(folder / "config.json", config)
    return model.eval()


@torch.no_grad()
def generate(case: Case, root: Path, seed: int) -> dict:
    """Writes one folder and returns what is known about it."""
    folder = root / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # A seed of its own, so that adding a case leaves the others as they are.
    generator = torch.Generator().manual_seed(seed * 2**32 + zlib.crc32(case.name.encode()))
    config = case.config | ({"quantization_config": case.gptq} if case.gptq else {})
    model = _reference(config, folder)
    dtype = _DTYPES.get(case.storage, torch.float16)
    state = draw(model, dtype, generator)
    if config["tie_word_embeddings"]:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    stored: dict[str, torch.Tensor] = {}
    order: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        layer = name.removesuffix(".weight")
        if name == "lm_head.weight" and config["tie_word_embeddings"]:
            continue
        if case.gptq and layer.endswith("_proj"):
            key = shared_input(layer)
            if key not in order:
                order[key] = gptq.group_index(value.shape[1], case.gptq, generator)
            parts, state[name] = gptq.quantize(value, order[key], case.gptq)
            stored.update({f"{layer}.{part}": t for part, t in parts.items()})
        else:
            stored[name] = value.to(dtype)
    model.load_state_dict(state)
    tokens = torch.randint(3, VOCAB, (case.tokens,), generator=generator)
    logits = model(tokens[None]).logits[0]
    _store(folder, stored, case.storage)
    save_file({"tokens": tokens.to(torch.int32), "logits": logits.contiguous()}, folder / "golden.safetensors")
    top = logits.topk(2, dim=-1).values
    half = model.half()(tokens[None]).logits[0].float()
    return {
        "name": case.name,
        "notes": case.notes,
        "tokens": case.tokens,
        "logit_deviation": round(float(logits.std()), 3),
        "largest_logit": round(float(logits.abs().max()), 3),
        "smallest_margin": round(float((top[:, 0] - top[:, 1]).min()), 5),
        "error_of_transformers_in_f16": round(float((half - logits).abs().max()), 5),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    root = Path(args.out)
    known = []
    for case in CASES:
        known.append(generate(case, root, args.seed))
        print(known[-1])
    known += head.generate(root, "llama-tied", args.seed)
    known += eagle3.generate(root, "llama-deep", args.seed)
    known += block.generate(root, "llama-deep", args.seed)
    write_json(root / "versions.json", {
        "generator": "scripts/golden/generate.py",
        "seed": args.seed,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "safetensors": safetensors.__version__,
        "cases": known,
    })
    size = sum(f.stat().st_size for f in root.rglob("*") if f.is_file())
    print(f"{size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
