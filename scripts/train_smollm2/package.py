"""Lays out what run.py packed as models/smollm2: heads in 4 bits (GPTQ, groups of 128), the draft model as it is.

    python3 scripts/train_smollm2/package.py --packed FOLDER --out models/smollm2
    python3 scripts/train_smollm2/package.py --packed WORK --out models/demo --heads target-eagle3 draft-eagle3

With `--heads` only those, without a draft model: the demo's.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent.parent / "train_head"))
import quant

GROUP = 128
HEADS = ("target-eagle3", "target-dspark", "draft-eagle3", "draft-dspark")
#: Tables that rows are looked up in, and a projection of one output: no linear layers of 4 bits.
PLAIN = ("markov_w1", "confidence_head")
DESCRIPTION = {
    "quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": False, "sym": True, "static_groups": False,
    "checkpoint_format": "gptq", "pack_dtype": "int32",
}


def quantized(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights of linear layers as GPTQ's tensors, all others as they are."""
    out = {}
    for name, value in tensors.items():
        if value.ndim != 2 or not name.endswith(".weight") or any(word in name for word in PLAIN):
            out[name] = value
            continue
        scales = quant.find_scales(value, GROUP)
        parts = quant.pack_gptq(quant.quantize(value, scales, GROUP), scales, GROUP)
        out |= {f"{name.removesuffix('.weight')}.{part}": tensor for part, tensor in parts.items()}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packed", required=True, help="the folder that pack.tar was unpacked into")
    parser.add_argument("--out", required=True)
    parser.add_argument("--heads", nargs="+")
    args = parser.parse_args()
    packed, out = Path(args.packed), Path(args.out)
    for name in args.heads or HEADS:
        (out / name).mkdir(parents=True, exist_ok=True)
        tensors = load_file(str(packed / name / "model.safetensors"))
        save_file(quantized(tensors), str(out / name / "model.safetensors"), metadata={"format": "pt"})
        config = json.loads((packed / name / "config.json").read_text())
        config["quantization_config"] = DESCRIPTION | {"lm_head": "lm_head.weight" in tensors}
        (out / name / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    if not args.heads:
        shutil.copyfile(packed / "draft" / "draft.gguf", out / "draft.gguf")
    files = [file for file in out.rglob("*") if file.is_file()]
    for file in sorted(files):
        print(f"{file.stat().st_size:>10} {file}")
    print(f"{sum(file.stat().st_size for file in files):>10} in all")


if __name__ == "__main__":
    main()
