"""Trains the heads of the demo's target and draft model by `scripts/train_head`, on texts that the target writes, by the clock.

    python3 scripts/train_demo/prompts.py --models models/demo --data gsm8k_train.jsonl --out prompts.json
    python3 scripts/train_demo/heads.py --models models/demo --prompts prompts.json --work WORK --seconds 150

Six heads at once: EAGLE-2, EAGLE-3 and DSpark for each of the two, at about one size beside their tables. What is done is
left out, and what was killed goes on, when it is started again.
"""

import argparse
import gzip
import itertools
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import torch

import train_head
import models
from texts import Texts
from write import Writer

#: The share of the time that is for texts, and what is neither texts nor training.
TEXTS, CLOSING = 0.2, 15
ANSWER, ROOM, SLOTS = 200, 512, 4096
_EAGLE3 = {"draft_vocab_size": 2048, "steps": 5, "rate": 3e-3}
_DSPARK = {"markov_rank": 64, "anchor_every": 4, "rate": 3e-3}
HEADS = {
    "target-eagle2": {"intermediate_size": 1024, "steps": 5, "rate": 3e-3},
    "target-eagle3": _EAGLE3 | {"intermediate_size": 512},
    "target-dspark": _DSPARK | {"intermediate_size": 384, "layers": 2, "taps": [2, 4, 6]},
    "draft-eagle2": {"intermediate_size": 768, "steps": 5, "rate": 3e-3},
    "draft-eagle3": _EAGLE3 | {"intermediate_size": 384, "taps": [2, 3, 4]},  # the usual ones of four layers are not three
    "draft-dspark": _DSPARK | {"intermediate_size": 256, "layers": 2, "taps": [1, 2, 3]},
}


def write_texts(args, spec: dict, seconds: float) -> None:
    """What the target answers, greedily or at 0.8, and its greedy answers to held questions."""
    begin = time.time()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    model = models.load_model(Path(args.models) / "target", torch.float16 if device.type == "cuda" else torch.float32, device)
    writer = Writer(model, args.slots, ROOM)
    rng = random.Random(0)
    held = [(ids, args.answer, 0.0, "held") for ids in spec["held"]]
    asked = ((ids, args.answer, rng.choice((0.0, 0.8)), "answer") for ids in itertools.cycle(spec["prompts"]))
    found = {"held": [], "answer": []}
    for job, ids in writer.write(itertools.chain(held, asked), spec["ends"], begin + seconds):
        found[job[3]].append((ids, len(job[0])))
        if len(found["held"]) == len(held) and len(found["answer"]) >= args.answers:
            break
    if not found["held"] or not found["answer"]:
        sys.exit(f"Cannot write texts: {len(found['answer'])} answers and {len(found['held'])} held ones were finished in {seconds:.0f} s")
    Texts.of(found["held"]).save(Path(args.work) / "held-target.npz")
    texts = Texts.of(found["answer"])
    texts.save(Path(args.work) / "texts.npz")
    print(f"{len(texts)} texts of {len(texts.ids) / 1e6:.2f} M tokens; {len(found['held'])} held; {time.time() - begin:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True, help="the folder of the trio")
    parser.add_argument("--prompts", required=True, help="what prompts.py wrote; .gz too")
    parser.add_argument("--work", required=True, help="texts and heads")
    parser.add_argument("--seconds", type=float, required=True, help="for all of it")
    parser.add_argument("--only", nargs="+", choices=HEADS, default=list(HEADS), help="some of the heads")
    parser.add_argument("--slots", type=int, default=SLOTS)
    parser.add_argument("--answer", type=int, default=ANSWER, help="tokens of an answer at most")
    parser.add_argument("--answers", type=int, default=10**9, help="stop behind as many answers")
    parser.add_argument("--more", default="[]", help="JSON: further arguments of train.py")
    args = parser.parse_args()
    begin, work = time.time(), Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    raw = Path(args.prompts).read_bytes()
    spec = json.loads(gzip.decompress(raw) if args.prompts.endswith(".gz") else raw)
    if not (work / "texts.npz").exists():
        write_texts(args, spec, args.seconds * TEXTS)
    env = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "4")}
    subprocess.run(
        [sys.executable, str(train_head.FOLDER / "greedy.py"), "--model", str(Path(args.models) / "draft"), "--texts", str(work / "held-target.npz"),
         "--out", str(work / "held-draft.npz"), "--ends", *map(str, spec["ends"]), "--answer", str(args.answer)],
        check=True, env=env,
    )
    torch.cuda.empty_cache()  # nothing where there is no GPU
    seconds = args.seconds * (1 - TEXTS) - CLOSING
    tokens = {key: spec[key] for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    running = {}
    for name in args.only:
        if (work / name / "training.json").exists():
            continue
        options = HEADS[name]
        verifier, kind = name.split("-")
        options = options | ({"mask_token_id": spec["pad_token_id"]} if kind == "dspark" else {})
        command = [str(train_head.FOLDER / "train.py"), "--kind", kind, "--model", str(Path(args.models) / verifier), "--texts", str(work / "texts.npz"),
                   "--held", str(work / f"held-{verifier}.npz"), "--out", str(work / name), "--options", json.dumps(options), "--config", json.dumps(tokens),
                   "--group", "128", "--seconds", f"{seconds:.0f}", *json.loads(args.more)]
        running[name] = subprocess.Popen([sys.executable, *command], stdout=open(work / f"{name}.log", "a"), stderr=subprocess.STDOUT, env=env)
    bad = [name for name, process in running.items() if process.wait()]
    for name in args.only:
        print(f"--- {name}\n" + "\n".join((work / f"{name}.log").read_text().splitlines()[-6:]), flush=True)
    print(f"{time.time() - begin:.0f} s", flush=True)
    if bad:
        sys.exit(f"Cannot go on: {', '.join(bad)} failed, as WORK's logs say")


if __name__ == "__main__":
    main()
