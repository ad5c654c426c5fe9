"""Lets a model answer the prompts of texts greedily: what the accept lengths of its drafters are measured on.

    python3 scripts/train_head/greedy.py --model MODEL --texts held.npz --out held-model.npz --ends 2
"""

import argparse
import time
from pathlib import Path

import torch

import models
from texts import Texts
from write import Writer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", required=True, help="texts of which the prompts are taken")
    parser.add_argument("--out", required=True)
    parser.add_argument("--ends", type=int, nargs="+", required=True, help="token ids that end an answer")
    parser.add_argument("--answer", type=int, default=192, help="tokens at most")
    args = parser.parse_args()
    if Path(args.out).exists():
        print(f"{args.out} is finished")
        return
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = models.load_model(args.model, torch.float16 if device.type == "cuda" else torch.float32, device)
    texts = Texts.load(args.texts)
    room = -(-(int(texts.prompts.max()) + args.answer + 32) // 32) * 32
    writer = Writer(model, min(len(texts), 256), room)
    jobs = ((texts.text(i)[: texts.prompts[i]].tolist(), args.answer, 0.0) for i in range(len(texts)))
    written = [(ids, len(job[0])) for job, ids in writer.write(jobs, args.ends, time.time() + 3600)]
    Texts.of(written).save(Path(args.out))
    print(f"{len(written)} answers in {args.out}")


if __name__ == "__main__":
    main()
