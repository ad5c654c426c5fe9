"""Trains the demo's tokenizer, target and draft model, all from one seed; `heads.py` trains what drafts for them.

    python3 scripts/train_demo/train.py --data gsm8k_train.jsonl --out models/demo --seed 0

Stages run in order, candidates of the target beside each other in processes of their own, each leaving its
results in the work folder. `--tiny` is a dry run in less than a minute on a CPU.
"""

import argparse
import json
import pickle
import random
import subprocess
import sys
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

import train_head
import data
import loops
import models
import store
from model import DRAFT, TARGET, Llama
from write import Writer

VOCAB, LONGEST, SLOTS = 3072, 512, 3072
# `seconds` only hurries a stage along where a GPU is much slower than the one the demo was trained on.
RECIPES = {
    "target": {"rate": 1.5e-3, "tokens": 16384, "dropout": 0.15, "seconds": 900, "report": 250, "quantized_from": 2 / 3},
    "draft": {"rate": 2.5e-3, "tokens": 32768, "dropout": 0.0, "seconds": 900, "steps": 2134, "report": 500},
}


class Run:
    """The options of this run, its folders, and its log."""

    def __init__(self, args: argparse.Namespace):
        self.args = args
        self.out, self.work = Path(args.out), Path(args.work or args.out + ".work")
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.half = torch.float16 if self.device.type == "cuda" else torch.float32
        self.work.mkdir(parents=True, exist_ok=True)
        self.begin = time.time()
        problems = data.load(args.data)
        random.Random(args.seed).shuffle(problems)
        if args.tiny:
            problems = problems[:240]
        held = len(problems) // 20
        self.held, self.problems = problems[:held], problems[held:]

    def log(self, text: str) -> None:
        print(f"[{self.args.stage} {time.time() - self.begin:5.0f}s] {text}", flush=True)

    def recipe(self, name: str, **more) -> dict:
        recipe = RECIPES[name] | more
        if self.args.tiny:
            recipe |= {"tokens": 1024, "seconds": 20, "steps": 6, "report": 3}
        return recipe

    def record(self, name: str, result: dict) -> None:
        """Keeps the measured numbers of a stage for the model card."""
        (self.work / f"{name}.metrics.json").write_text(json.dumps(result, indent=1))

    def tokenizer(self) -> Tokenizer:
        return Tokenizer.from_file(str(self.work / "tokenizer.json"))

    def keep(self, name: str, value) -> None:
        (self.work / f"{name}.pkl").write_bytes(pickle.dumps(value))

    def recall(self, name: str):
        return pickle.loads((self.work / f"{name}.pkl").read_bytes())


def stage_tokenizer(run: Run) -> None:
    """The tokenizer, and six editions of the training texts under other names."""
    tokenizer = data.train_tokenizer(run.problems, VOCAB)
    tokenizer.save(str(run.work / "tokenizer.json"))
    rng = random.Random(run.args.seed + 1)
    editions = [run.problems] + [[data.swap_names(p, rng) for p in run.problems] for _ in range(5)]
    texts = [data.encode(tokenizer, edition, LONGEST) for edition in editions]
    run.keep("texts", texts)
    run.keep("held", data.encode(tokenizer, run.held, LONGEST))
    count = sum(len(t.ids) for t in texts[0])
    run.log(f"vocabulary {tokenizer.get_vocab_size()}, {len(texts[0])} texts, {count} tokens")
    run.record("tokenizer", {"vocabulary": tokenizer.get_vocab_size(), "texts": len(texts[0]), "tokens": count})


def stage_target(run: Run) -> None:
    """One candidate, trained for `--epochs`."""
    epochs, texts = run.args.epochs, run.recall("texts")
    torch.manual_seed(run.args.seed)
    tokens = sum(len(t.ids) for t in texts[0])
    recipe = run.recipe("target", steps=int(1.06 * epochs * tokens / RECIPES["target"]["tokens"]))
    if run.args.plain:
        recipe["quantized_from"] = 1
    model = Llama(TARGET).to(run.device)
    pad = run.tokenizer().token_to_id(data.PAD)
    result = loops.train_target(model, texts, run.recall("held"), recipe, run.args.seed, pad, run.log)
    torch.save(model.state_dict(), run.work / f"target-{epochs}.pt")
    run.record(f"target-{epochs}", result | {"recipe": recipe})


def stage_texts(run: Run) -> None:
    """Keeps the best candidate, and lets it write what the others learn from."""
    files = {e: run.work / f"target-{e}.metrics.json" for e in run.args.candidates}
    scores = {e: json.loads(f.read_text())["validation"] for e, f in files.items()}
    best = min(scores, key=scores.get)
    run.log(f"validation {scores}: the candidate of {best} epochs stays")
    run.record("target", {"candidates": scores, "chosen": best})
    model = Llama(TARGET)
    model.load_state_dict(torch.load(run.work / f"target-{best}.pt", map_location="cpu"))
    tokenizer = run.tokenizer()
    save(run, "target", model, tokenizer)
    target = models.load_model(run.out / "target", run.half, run.device)
    rng = random.Random(run.args.seed + 2)
    questions = [p.question for p in run.problems]
    varied = [data.vary_question(q, rng) for _ in range(run.args.variants) for q in questions]
    end, room = tokenizer.token_to_id(data.EOS), 24 if run.args.tiny else 200

    def write(asked: list[str], temperature: float) -> list[data.Text]:
        prompts = [e.ids for e in tokenizer.encode_batch([data.prompt_text(q) for q in asked])]
        jobs = [(p, room, temperature) for p in prompts if len(p) <= LONGEST - 200]
        torch.manual_seed(run.args.seed)
        writer = Writer(target, min(SLOTS, len(jobs)), LONGEST, run.log)
        return [data.Text(ids, len(job[0])) for job, ids in writer.write(iter(jobs), [end], time.time() + 3600)]

    run.keep("greedy-held", write([p.question for p in run.held], 0))
    greedy = write(questions + varied, 0)
    run.log(f"{len(greedy)} greedy texts")
    sampled = write(varied[: 2 * len(questions)], 0.8)
    run.log(f"{len(sampled)} sampled texts")
    texts = run.recall("texts")
    run.keep("corpora", [greedy + sampled + texts[i % len(texts)] for i in range(3)])
    for ids in (t.ids for t in run.recall("greedy-held")[:3]):
        run.log(repr(tokenizer.decode(ids)))


def stage_draft(run: Run) -> None:
    """The draft model."""
    target = models.load_model(run.out / "target", run.half, run.device)
    tokenizer, corpora = run.tokenizer(), run.recall("corpora")
    pad = tokenizer.token_to_id(data.PAD)
    torch.manual_seed(run.args.seed + 3)
    model = Llama(DRAFT).to(run.device)
    recipe = run.recipe("draft")
    result = loops.train_draft(model, target, corpora, run.recall("greedy-held"), recipe, run.args.seed, pad, run.log)
    run.record("draft", result | {"recipe": recipe})
    save(run, "draft", model, tokenizer)


def save(run: Run, name: str, model: Llama, tokenizer: Tokenizer) -> None:
    """The quantized model, and its f16 original if asked for."""
    store.save_model(run.out / name, model, tokenizer, quantized=True)
    if run.args.keep_f16:
        store.save_model(run.out / f"{name}-f16", model, tokenizer, quantized=False)


STAGES = {"tokenizer": stage_tokenizer, "target": stage_target, "texts": stage_texts, "draft": stage_draft}


def spawn(args: argparse.Namespace, stage: str, *more: str) -> subprocess.Popen:
    """The same command for one stage, in a process of its own."""
    return subprocess.Popen([sys.executable, __file__, *sys.argv[1:], "--stage", stage, *more])


def wait(*processes: subprocess.Popen) -> None:
    """Ends the run if a stage failed."""
    if any([p.wait() != 0 for p in processes]):
        sys.exit("Cannot go on: a stage failed, its error stands above")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the GSM8K training split, JSON lines")
    parser.add_argument("--out", required=True, help="where target and draft are written")
    parser.add_argument("--work", help="where stages leave their results; OUT.work if absent")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--candidates", type=int, nargs="+", default=[10, 18, 30], help="epochs of each target tried")
    parser.add_argument("--epochs", type=int, default=1, help="epochs of the one candidate of stage target")
    parser.add_argument("--variants", type=int, default=7, help="varied questions for each training question")
    parser.add_argument("--plain", action="store_true", help="the target never sees 4-bit weights while it trains")
    parser.add_argument("--keep-f16", action="store_true", help="also write the f16 originals")
    parser.add_argument("--tiny", action="store_true", help="a dry run")
    parser.add_argument("--stage", choices=["all", *STAGES], default="all")
    args = parser.parse_args()
    if args.stage != "all":
        run = Run(args)
        STAGES[args.stage](run)
        run.log("done")
        return
    wait(spawn(args, "tokenizer"))
    wait(*[spawn(args, "target", "--epochs", str(e)) for e in args.candidates])
    wait(spawn(args, "texts"))
    wait(spawn(args, "draft"))


if __name__ == "__main__":
    main()
