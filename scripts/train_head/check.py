"""Checks the training: each kind of head learns a language in which every token has one successor.

    python3 scripts/train_head/check.py

The verifier is made by hand: its layers do next to nothing, and its output projection makes token v follow v - 1. A head
whose pairs, goals or positions were one apart could not draft it. Takes a minute or two on a CPU.
"""

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from layers import Shape
from llama import Llama
from texts import Texts

VOCAB, WIDTH = 96, 64
#: Options, steps, and the least accept length of chains of 7, of 8 at most. EAGLE-3 is unrolled over three steps only.
CASES = {
    "eagle2": ({"intermediate_size": 64, "rate": 0.01}, 80, 5.0),
    "eagle3": ({"intermediate_size": 64, "draft_vocab_size": VOCAB, "steps": 3, "rate": 0.005}, 80, 3.0),
    "dspark": ({"intermediate_size": 64, "layers": 1, "taps": [2, 4, 6], "markov_rank": 32, "mask_token_id": 3, "rate": 0.01}, 80, 4.0),
}


@torch.no_grad()
def write_verifier(folder: Path) -> None:
    """The model, in Hugging Face layout."""
    shape = Shape(WIDTH, 8, 64, 1, 1, 64, VOCAB)
    model = Llama(shape, tied=False)
    angles = 2 * math.pi * torch.arange(VOCAB)[:, None] * torch.arange(1, WIDTH // 2 + 1) / VOCAB
    table = torch.cat((angles.cos(), angles.sin()), dim=1)
    model.embed_tokens.weight.copy_(table)
    model.lm_head.weight.copy_(table.roll(1, 0) / 2)
    for layer in model.layers:
        layer.self_attn.o_proj.weight *= 0.02
        layer.mlp.down_proj.weight *= 0.02
    folder.mkdir()
    named = {name if name.startswith("lm_head") else f"model.{name}": p.half().contiguous() for name, p in model.named_parameters()}
    save_file(named, str(folder / "model.safetensors"))
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", **shape.as_dict()}))


def write_texts(path: Path, count: int, rng: random.Random) -> None:
    """Runs of 48 tokens, the first six of them the prompt."""
    Texts.of([([(first + i) % VOCAB for i in range(48)], 6) for first in rng.choices(range(VOCAB), k=count)]).save(path)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.manual_seed(0)
    rng = random.Random(0)
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_verifier(work / "verifier")
        write_texts(work / "texts.npz", 64, rng)
        write_texts(work / "held.npz", 8, rng)
        for kind, (options, steps, least) in CASES.items():
            subprocess.run(
                [sys.executable, str(Path(__file__).with_name("train.py")), "--kind", kind, "--model", str(work / "verifier"), "--texts", str(work / "texts.npz"),
                 "--held", str(work / "held.npz"), "--out", str(work / kind), "--options", json.dumps(options), "--tokens", "1024", "--steps", str(steps), "--group", "64"],
                check=True,
            )
            result = json.loads((work / kind / "training.json").read_text())
            found = result["tau of chains of 7, 4 bits"]
            print(f"{kind}: {found}, at least {least} is expected")
            if found < least:
                failed.append(kind)
    if failed:
        sys.exit(f"{', '.join(failed)}: learned less than expected")


if __name__ == "__main__":
    main()
