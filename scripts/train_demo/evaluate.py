"""tau of the finished trio on unseen problems, from the files as they are stored, in float32.

Greedy verification accepts a proposed token exactly if the verifier's greedy text has it there. So the
verifier's text is made once, and every method is replayed against it.

    python3 scripts/train_demo/evaluate.py --models models/demo --test gsm8k_test.jsonl
"""

import argparse
import json
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

import train_head
import data
import models
from eagle2 import Eagle2
from export import load_head
from layers import prepare
from llama import Llama
from tau import accept_lengths
from texts import Texts
from trees import tree_tau
from write import Writer

TREES = ((3, 4, 12), (5, 8, 32), (6, 10, 60))
SEQUENCES = (6, 8, 10, 12)


def greedy(model: Llama, prompts: list[list[int]], end: int, room: int) -> Texts:
    """The prompts in their order, with what the model answers, up to `room` tokens each."""
    writer = Writer(model, len(prompts), max(map(len, prompts)) + room, print)
    jobs = ((ids, room, 0.0, i) for i, ids in enumerate(prompts))
    written = {job[3]: (ids, len(job[0])) for job, ids in writer.write(jobs, [end], time.time() + 3600)}
    return Texts.of([written[i] for i in range(len(prompts))])


def head_of(folder: Path, verifier: Llama, device) -> Eagle2:
    """The EAGLE-2 head in a folder."""
    head = Eagle2(verifier.shape, {"intermediate_size": json.loads((folder / "config.json").read_text())["intermediate_size"]})
    load_head(folder, head)
    head = head.to(device)
    prepare(head, torch.float32)
    return head


@torch.no_grad()
def report(folder: Path, test: str, count: int, room: int, trees=TREES) -> dict:
    """Measures the trio in `folder` on the first `count` problems."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = Tokenizer.from_file(str(folder / "target" / "tokenizer.json"))
    problems = data.load(test)[:count]
    prompts = [tokenizer.encode(data.prompt_text(p.question)).ids for p in problems]
    verifiers = {name: models.load_model(folder / name, torch.float32, device) for name in ("target", "draft")}
    texts = {name: greedy(model, prompts, tokenizer.token_to_id(data.EOS), room) for name, model in verifiers.items()}
    own = texts["target"]
    answers = [tokenizer.decode(own.text(i)[own.prompts[i] :].tolist()) for i in range(len(own))]
    right = sum(a.split("####")[-1].strip() == p.answer.split("####")[-1].strip() for a, p in zip(answers, problems))
    result: dict = {"problems": count, "tokens": int((own.lengths - own.prompts).sum()), "right": right}
    for problem, answer in list(zip(problems, answers))[:2]:
        print(f"{problem.question!r} -> {answer!r}", flush=True)
    same, lengths = accept_lengths(verifiers["draft"], own, SEQUENCES, device)
    result |= {"agreement": round(same, 4)} | {f"hier sequence {most}": round(tau, 3) for most, tau in lengths.items()}
    for name, verifier in verifiers.items():
        head = head_of(folder / f"{name}-eagle2", verifier, device)
        for depth, topk, size in trees:
            tau = tree_tau(head, verifier, texts[name], depth, topk, size)
            result[f"eagle2 {name} depth {depth} topk {topk} size {size}"] = round(tau, 3)
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True, help="the folder of target, draft and their EAGLE-2 heads")
    parser.add_argument("--test", required=True, help="the GSM8K test split, JSON lines")
    parser.add_argument("--problems", type=int, default=40)
    parser.add_argument("--tokens", type=int, default=160)
    args = parser.parse_args()
    print(json.dumps(report(Path(args.models), args.test, args.problems, args.tokens), indent=1))
