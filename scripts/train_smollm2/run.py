"""Trains the drafters of SmolLM2-135M-Instruct on one GPU, by the clock.

    python3 scripts/train_smollm2/run.py --model smollm2.gguf --prompts prompts.json --work WORK --seconds 1000
    python3 scripts/train_smollm2/run.py --model smollm2.gguf --prompts prompts.json --work WORK --seconds 380 --stage heads

Texts, then the draft model, then the four heads at once. A stage whose results lie in WORK is left out, and one that was
killed goes on from its checkpoint: its `--seconds` are those of all its starts. With `--stage` only that one is run, and
has all of the seconds. What belongs to the repository is packed into WORK/pack.tar: heads and figures.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

HERE = Path(__file__).parent
TRAIN_HEAD = HERE.parent / "train_head"
sys.path.insert(0, str(TRAIN_HEAD))
from texts import Texts

#: `<repo_name>`: a token that chats do not have.
MASK = 3
#: Shares of the time.
SHARES = {"texts": 0.25, "draft": 0.32, "heads": 0.43}
#: Seconds of a stage that are not training: loading, figures at the end, writing.
CLOSING = {"texts": 0, "draft": 20, "heads": 30}

HEADS = {
    "target-eagle3": ("target", "eagle3", {"intermediate_size": 512, "draft_vocab_size": 12288, "steps": 5, "rate": 3e-3}),
    "target-dspark": ("target", "dspark", {"intermediate_size": 576, "layers": 2, "taps": [2, 15, 28], "markov_rank": 16, "mask_token_id": MASK, "rate": 3e-3}),
    "draft-eagle3": ("draft", "eagle3", {"intermediate_size": 512, "draft_vocab_size": 12288, "steps": 5, "rate": 3e-3}),
    "draft-dspark": ("draft", "dspark", {"intermediate_size": 640, "layers": 1, "taps": [2, 5, 8], "markov_rank": 8, "mask_token_id": MASK, "rate": 3e-3}),
}
TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}


def start(work: Path, name: str, command: list[str]) -> subprocess.Popen:
    """A process, its output in WORK/NAME.log and beside ours."""
    log = open(work / f"{name}.log", "a")
    print(f"{name}: {' '.join(command)}", flush=True)
    threads = {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "4")}
    return subprocess.Popen([sys.executable, *command], stdout=log, stderr=subprocess.STDOUT, env=os.environ | threads)


def wait(work: Path, stages: dict[str, subprocess.Popen]) -> None:
    """Shows the end of each log; ends the run if one of them failed."""
    bad = []
    for name, process in stages.items():
        code = process.wait()
        print(f"--- {name} ended with {code}\n" + "\n".join((work / f"{name}.log").read_text().splitlines()[-12:]), flush=True)
        if code:
            bad.append(name)
    if bad:
        sys.exit(f"Cannot go on: {', '.join(bad)} failed, as WORK's logs say")


class Run:
    """The options of this run and its files."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.work = args, Path(args.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.more: dict = json.loads(args.more)
        self.texts, self.held, self.draft = self.work / "texts.npz", self.work / "held.npz", self.work / "draft"

    def stage_texts(self, seconds: float) -> None:
        """Texts of the target, and its greedy answers to what tests the drafters."""
        if self.texts.exists() and self.held.exists():
            return
        command = [str(HERE / "texts_stage.py"), "--model", self.args.model, "--prompts", self.args.prompts, "--out", str(self.texts),
                   "--held", str(self.held), "--seconds", f"{seconds:.0f}", *self.more.get("texts", [])]
        wait(self.work, {"texts": start(self.work, "texts", command)})

    def stage_draft(self, seconds: float) -> None:
        """The draft model, and its own greedy answers."""
        if not (self.draft / "training.json").exists():
            command = [str(HERE / "draft.py"), "--model", self.args.model, "--texts", str(self.texts), "--held", str(self.held), "--out", str(self.draft),
                       "--seconds", f"{seconds:.0f}", *self.more.get("draft", [])]
            wait(self.work, {"draft": start(self.work, "draft", command)})
        command = [str(TRAIN_HEAD / "greedy.py"), "--model", str(self.draft / "draft.gguf"), "--texts", str(self.held),
                   "--out", str(self.work / "held-draft.npz"), "--ends", "2", "0"]
        wait(self.work, {"held-draft": start(self.work, "held-draft", command)})

    def stage_heads(self, seconds: float) -> None:
        """The four heads at once, each measured on what its verifier writes."""
        verifiers = {"target": (self.args.model, self.held), "draft": (str(self.draft / "draft.gguf"), self.work / "held-draft.npz")}
        stages = {}
        for name, (verifier, kind, options) in HEADS.items():
            if (self.work / name / "training.json").exists():
                continue
            model, held = verifiers[verifier]
            command = [str(TRAIN_HEAD / "train.py"), "--kind", kind, "--model", model, "--texts", str(self.texts), "--held", str(held), "--out", str(self.work / name),
                       "--options", json.dumps(options | self.more.get("options", {})), "--config", json.dumps(TOKENS), "--group", "128",
                       "--seconds", f"{seconds:.0f}", *self.more.get("heads", [])]
            stages[name] = start(self.work, name, command)
        wait(self.work, stages)

    def pack(self) -> None:
        """What is there of heads, the draft model's file, figures, logs and some of the texts, as one archive."""
        work = self.work
        if self.texts.exists():
            texts = Texts.load(self.texts)
            Texts.of([(texts.text(i).tolist(), int(texts.prompts[i])) for i in range(0, len(texts), max(1, len(texts) // 1000))]).save(work / "sample.npz")
        with tarfile.open(work / "pack.tar.part", "w") as archive:
            for name in ("draft", *HEADS):
                for file in ("model.safetensors", "config.json", "training.json", "draft.gguf"):
                    if (work / name / file).exists():
                        archive.add(work / name / file, f"{name}/{file}")
            for file in sorted([*work.glob("*.log"), *work.glob("held*.npz"), work / "texts.json", work / "sample.npz"]):
                if file.exists():
                    archive.add(file, file.name)
        (work / "pack.tar.part").replace(work / "pack.tar")
        for file in sorted(work.glob("*/training.json")):
            result = json.loads(file.read_text())
            print(file.parent.name, {key: value for key, value in result.items() if key not in ("history", "options", "shape")}, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--prompts", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--seconds", type=float, required=True, help="for all of it, or for all starts of the stage")
    parser.add_argument("--stage", choices=["all", *SHARES, "pack"], default="all")
    parser.add_argument("--more", default="{}", help="JSON: further arguments of the stages (texts, draft, heads), and of heads' options")
    args = parser.parse_args()
    run, begin = Run(args), time.time()
    for stage, share in SHARES.items():
        if args.stage in ("all", stage):
            getattr(run, f"stage_{stage}")(args.seconds * (share if args.stage == "all" else 1) - CLOSING[stage])
    if args.stage in ("all", "pack"):
        run.pack()
    print(f"{time.time() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
