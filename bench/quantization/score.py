"""The losses of texts by f16 checkpoints, in PyTorch: what `bench/quantization.ts --score` measures, for a machine
that has no Deno.

    python3 score.py TEXTS.json OUT.json MODEL...

TEXTS.json is what `texts.ts` writes. The weights are f16, all else is f32 (no TF32), sums are f64. OUT.json gets the
sum of the losses of each text by each model; a table is printed, against the first model and with the standard error
over the texts.
"""

import json
import math
import sys

import torch
from transformers import AutoModelForCausalLM


def main():
    texts_file, out, *models = sys.argv[1:]
    with open(texts_file) as file:
        sets = json.load(file)["evaluate"]
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    found = {}
    for model in models:
        found[model] = losses(model, sets)
        with open(out, "w") as file:
            json.dump(found, file)
        parts = [*sets, "all"] if len(sets) > 1 else list(sets)
        print(model, *(line(sets, found[model], found[models[0]], part) for part in parts), flush=True)


@torch.inference_mode()
def losses(folder, sets):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).to(device)
    found = {}
    for name, texts in sets.items():
        found[name] = []
        for ids in texts:
            tokens = torch.tensor(ids, device=device)
            logits = model(tokens[None]).logits[0, :-1]
            picked = torch.log_softmax(logits, -1).gather(1, tokens[1:, None])
            found[name].append(-picked.double().sum().item())
    return found


def line(sets, found, reference, part):
    names = list(sets) if part == "all" else [part]
    flat = lambda of: [value for name in names for value in of[name]]
    counts = [len(ids) - 1 for ids in flat(sets)]
    apart = [a - b for a, b in zip(flat(found), flat(reference))]
    tokens = sum(counts)
    mean = sum(apart) / tokens
    spread = sum((loss - mean * count) ** 2 for loss, count in zip(apart, counts))
    perplexity = math.exp(sum(flat(found)) / tokens)
    return f"{part} {perplexity:.4f} {100 * math.expm1(mean):.2f}% ± {100 * math.sqrt(spread) / tokens:.2f}"


if __name__ == "__main__":
    main()
