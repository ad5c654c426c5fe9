"""Generates the golden data of choices: random logits, and what the logits processors of `transformers` make of them.

    python3 scripts/golden/choices.py --out tests/data/choices --seed 0

Presence and frequency penalties, of which `transformers` has none, are computed as OpenAI's documentation says. Needs
numpy, torch, transformers, safetensors.
"""

import argparse
import json
import platform
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from transformers.generation import logits_process as processors

PROMPT, GENERATED = 20, 16

# In f32 as in f64 the same tokens are kept, unless the limit lies nearer to a sum of probabilities than this.
NEAREST = 2e-7

# Keys are the options of a generation; the order of processors is that of `transformers`' own `generate`.
CASES = [
    {"logitBias": True},
    {"repetitionPenalty": 1.3},
    {"repetitionPenalty": 0.75},
    {"presencePenalty": 0.8},
    {"frequencyPenalty": 0.4},
    {"presencePenalty": -0.5, "frequencyPenalty": -0.25},
    {"temperature": 0.5},
    {"temperature": 1.7},
    {"topK": 1},
    {"topK": 5},
    {"topK": 50},
    {"topK": 999},
    {"topP": 0.0995},
    {"topP": 0.4995},
    {"topP": 0.8995},
    {"topP": 0.9895},
    {"minP": 0.02},
    {"minP": 0.11},
    {"minP": 0.51},
    {"temperature": 0.7, "topK": 50, "topP": 0.8995, "minP": 0.051},
    {"temperature": 1.9, "topK": 300, "topP": 0.9495},
    {"repetitionPenalty": 1.2, "temperature": 1.3, "topP": 0.7995},
    {"logitBias": True, "repetitionPenalty": 1.1, "presencePenalty": 0.3, "frequencyPenalty": 0.2},
    {
        "logitBias": True,
        "repetitionPenalty": 1.15,
        "presencePenalty": 0.25,
        "frequencyPenalty": 0.125,
        "temperature": 0.9,
        "topK": 200,
        "topP": 0.9195,
        "minP": 0.0101,
    },
]

# Of a vocabulary of 32,000 only what is kept is stored.
WIDE_CASES = [
    {"topK": 50},
    {"topP": 0.8995},
    {"minP": 0.051},
    {"temperature": 0.7, "topK": 1000, "topP": 0.9495},
    {"repetitionPenalty": 1.2, "temperature": 1.2, "topP": 0.9495, "minP": 0.0101},
]


def rows(vocab: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Logits f32 [vocab] of every kind."""
    normal = lambda: torch.randn(vocab, generator=generator)
    uniform = lambda: torch.rand(vocab, generator=generator)
    extreme = normal() * 4
    extreme[uniform() < 0.02] = -1e4
    extreme[7], extreme[vocab - 3], extreme[vocab // 2] = 1e4, 1e4, 9999.0
    absent = normal() * 4
    absent[uniform() < 0.6] = -torch.inf
    equals = normal()
    equals[[3, 5, vocab // 3, vocab - 1]] = 12.0
    peak = normal()
    peak[11] = 30.0
    return {
        "normal": normal() * 4,
        "ties": torch.round(normal() * 4) / 2,
        "equal": torch.full((vocab,), -2.5),
        "extreme": extreme,
        "absent": absent,
        "tiny": normal() * torch.exp2(-140 * uniform()),
        "peak": peak,
        "equal largest": equals,
    }


def penalize(scores: np.ndarray, generated: list[int], presence: float, frequency: float) -> np.ndarray:
    """mu[j] - c[j] * frequency - float(c[j] > 0) * presence."""
    count = np.bincount(generated, minlength=scores.size)
    frequency, presence = np.float32(frequency), np.float32(presence)
    return scores - count.astype(scores.dtype) * frequency - (count > 0).astype(scores.dtype) * presence


def process(logits: torch.Tensor, case: dict, bias: dict[int, float], text: list[int]) -> torch.Tensor:
    """The scores of one row, in the dtype of its logits."""
    ids = torch.tensor([text])
    scores = logits[None].clone()
    if "logitBias" in case:
        scores = processors.SequenceBiasLogitsProcessor({(i,): b for i, b in bias.items()})(ids, scores)
    if "repetitionPenalty" in case:
        scores = processors.RepetitionPenaltyLogitsProcessor(case["repetitionPenalty"])(ids, scores)
    if "presencePenalty" in case or "frequencyPenalty" in case:
        penalties = case.get("presencePenalty", 0), case.get("frequencyPenalty", 0)
        scores = torch.from_numpy(penalize(scores[0].numpy(), text[PROMPT:], *penalties))[None]
    if "temperature" in case:
        scores = processors.TemperatureLogitsWarper(case["temperature"])(ids, scores)
    if "topK" in case:
        scores = processors.TopKLogitsWarper(case["topK"])(ids, scores)
    if "topP" in case:
        check_distance(scores[0], case["topP"], case)
        scores = processors.TopPLogitsWarper(case["topP"])(ids, scores)
    if "minP" in case:
        scores = processors.MinPLogitsWarper(case["minP"])(ids, scores)
    return scores[0]


def check_distance(scores: torch.Tensor, limit: float, case: dict) -> None:
    """Fails where a sum of probabilities lies so near to the limit of top-p that rounding decides."""
    sums = scores.double().softmax(0).sort(descending=True).values.cumsum(0)
    nearest = float((sums - limit).abs().min())
    assert nearest > NEAREST, f"a sum of probabilities lies {nearest} from the limit of {case}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    root = Path(args.out)
    root.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(args.seed)
    draw = lambda count, end: torch.randint(end, (count,), generator=generator).tolist()
    tensors: dict[str, torch.Tensor] = {}
    groups = []
    for name, vocab, kinds, cases in [
        ("narrow", 1000, None, CASES),
        ("wide", 32000, ["normal", "ties"], WIDE_CASES),
    ]:
        kept = {kind: row for kind, row in rows(vocab, generator).items() if kinds is None or kind in kinds}
        logits = torch.stack(list(kept.values()))
        if kinds is not None:
            # Half the bytes.
            logits = logits.half().float()
        # Of few tokens, so that some come again, and the largest of some rows among them.
        few = [*draw(10, vocab), 7, 11, 3]
        text = [few[i] for i in draw(PROMPT, 9)] + [few[i] for i in draw(GENERATED, len(few))]
        bias = {i: round(float(torch.randn(1, generator=generator)) * 4, 2) for i in {*draw(30, vocab), few[0], 7}}
        tensors[f"{name}.logits"] = logits.half() if kinds is not None else logits
        for number, case in enumerate(cases):
            scores = torch.stack([process(row, case, bias, text) for row in logits])
            exact = torch.stack([process(row.double(), case, bias, text) for row in logits])
            counts = (scores > -torch.inf).sum(1), (exact > -torch.inf).sum(1)
            assert torch.equal(*counts), f"{case} keeps {counts} tokens in f32 and f64"
            bits = np.packbits((scores > -torch.inf).numpy(), axis=1, bitorder="little")
            tensors[f"{name}.{number}.kept"] = torch.from_numpy(bits)
            if kinds is None and not {*case} <= {"topK", "topP", "minP"}:
                tensors[f"{name}.{number}.scores"] = scores.contiguous()
        groups.append({
            "name": name,
            "vocab": vocab,
            "rows": list(kept),
            "text": text,
            "generated": PROMPT,
            "bias": bias,
            "cases": cases,
        })
    save_file(tensors, root / "choices.safetensors")
    (root / "choices.json").write_text(json.dumps({
        "generator": "scripts/golden/choices.py",
        "seed": args.seed,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "groups": groups,
    }, indent=2) + "\n", encoding="utf-8")
    size = sum(f.stat().st_size for f in root.iterdir())
    print(f"{size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
