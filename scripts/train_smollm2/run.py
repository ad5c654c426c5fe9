"""Trains the drafters of SmolLM2-135M-Instruct on one GPU, by the clock.

    python3 scripts/train_smollm2/run.py --model smollm2.gguf --prompts prompts.json --work WORK --seconds 500

Texts, then the draft model, then the four heads at once. A stage whose results lie in WORK is left out, and one that was
killed goes on from its checkpoint. What belongs to the repository is packed into WORK/pack: heads and figures.
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
sys.path.insert(0, str(HERE.parent / "train_head"))
from texts import Texts
TRAIN_HEAD = HERE.parent / "train_head" / "train.py"
#: `<repo_name>`: a token that chats do not have.
MASK = 3
#: Shares of the time, less what starting takes.
TEXTS, DRAFT = 0.24, 0.33
#: Seconds kept back for the figures at the end of a stage, and for writing.
CLOSING = {"draft": 10, "heads": 25}

HEADS = {
    "target-eagle3": ("target", "eagle3", {"intermediate_size": 512, "draft_vocab_size": 12288, "steps": 6, "rate": 1e-3}),
    "target-dspark": ("target", "dspark", {"intermediate_size": 576, "layers": 2, "taps": [2, 15, 28], "markov_rank": 16, "mask_token_id": MASK, "rate": 1.5e-3}),
    "draft-eagle3": ("draft", "eagle3", {"intermediate_size": 512, "draft_vocab_size": 12288, "steps": 6, "rate": 1.5e-3}),
    "draft-dspark": ("draft", "dspark", {"intermediate_size": 640, "layers": 1, "taps": [2, 5, 8], "markov_rank": 8, "mask_token_id": MASK, "rate": 2e-3}),
}
TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}


def start(work: Path, name: str, command: list[str]) -> subprocess.Popen:
    """A stage, its output in WORK/NAME.log and beside ours."""
    log = open(work / f"{name}.log", "a")
    print(f"{name}: {' '.join(command)}", flush=True)
    return subprocess.Popen([sys.executable, *command], stdout=log, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "4")})


def wait(work: Path, stages: dict[str, subprocess.Popen]) -> bool:
    """Whether all of them went well; the end of each log is shown."""
    good = True
    for name, process in stages.items():
        code = process.wait()
        print(f"--- {name} ended with {code}\n" + "\n".join((work / f"{name}.log").read_text().splitlines()[-12:]), flush=True)
        good &= code == 0
    return good


def pack(work: Path) -> None:
    """Heads, the draft model's file, figures, logs and some of the texts as one archive."""
    texts = Texts.load(work / "texts.npz")
    Texts.of([(texts.text(i).tolist(), int(texts.prompts[i])) for i in range(0, len(texts), max(1, len(texts) // 1000))]).save(work / "sample.npz")
    with tarfile.open(work / "pack.tar.part", "w") as archive:
        for name in ("draft", *HEADS):
            for file in ("model.safetensors", "config.json", "training.json", "draft.gguf"):
                if (work / name / file).exists():
                    archive.add(work / name / file, f"{name}/{file}")
        for file in sorted([*work.glob("*.log"), work / "texts.json", work / "held.npz", work / "sample.npz"]):
            if file.exists():
                archive.add(file, file.name)
    (work / "pack.tar.part").replace(work / "pack.tar")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--prompts", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--seconds", type=float, required=True, help="for all of it")
    parser.add_argument("--tiny", help="JSON of further options of the stages, for a dry run: texts, draft, heads")
    args = parser.parse_args()
    begin, work = time.time(), Path(args.work)
    work.mkdir(parents=True, exist_ok=True)
    more = json.loads(args.tiny or "{}")
    left = lambda: args.seconds - (time.time() - begin)
    texts, held, draft = work / "texts.npz", work / "held.npz", work / "draft"

    if not (texts.exists() and held.exists()):
        command = [str(HERE / "texts_stage.py"), "--model", args.model, "--prompts", args.prompts, "--out", str(texts), "--held", str(held),
                   "--seconds", f"{left() * TEXTS:.0f}", *more.get("texts", [])]
        if not wait(work, {"texts": start(work, "texts", command)}):
            sys.exit("Cannot go on: there are no texts")
    if not (draft / "training.json").exists():
        command = [str(HERE / "draft.py"), "--model", args.model, "--texts", str(texts), "--held", str(held), "--out", str(draft),
                   "--seconds", f"{args.seconds * DRAFT - CLOSING['draft']:.0f}", *more.get("draft", [])]
        if not wait(work, {"draft": start(work, "draft", command)}):
            print("the draft model failed; the target's heads are trained all the same", flush=True)
    verifiers = {"target": args.model, "draft": str(draft / "draft.gguf")}
    stages = {}
    for name, (verifier, kind, options) in HEADS.items():
        if (work / name / "training.json").exists() or not Path(verifiers[verifier]).exists():
            continue
        command = [str(TRAIN_HEAD), "--kind", kind, "--model", verifiers[verifier], "--texts", str(texts), "--held", str(held), "--out", str(work / name),
                   "--options", json.dumps(options | more.get("options", {})), "--config", json.dumps(TOKENS), "--group", "128",
                   "--seconds", f"{max(5, left() - CLOSING['heads'] - 15):.0f}", *more.get("heads", [])]
        stages[name] = start(work, name, command)
    good = wait(work, stages) and (draft / "training.json").exists()
    pack(work)
    print(f"{time.time() - begin:.0f} s in all; {'all is there' if good else 'something is missing'}", flush=True)
    for file in sorted(work.glob("*/training.json")):
        result = json.loads(file.read_text())
        print(file.parent.name, {key: value for key, value in result.items() if key not in ("history", "options", "shape")}, flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
