"""The texts of the recipe: SmolLM2 answers problems, made-up instructions, and what it asks itself.

    python3 scripts/train_smollm2/texts_stage.py --model MODEL --prompts prompts.json --out texts.npz --held held.npz --seconds 100

It writes both sides of conversations: user turns at temperature 1, behind the opening of one; answers greedily or at a
lower temperature. Some answers are followed up, some become the passage of another prompt.
"""

import argparse
import json
import random
import sys
import time
from collections import deque
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "train_head"))
import models
from texts import Texts
from write import Writer

HEATS, SHARES = (0.0, 0.6, 0.9), (0.35, 0.4, 0.25)
ANSWER, HELD, QUESTION = 400, 192, 96


class Conversations:
    """What is asked next, given what came of what was asked."""

    def __init__(self, spec: dict, seed: int, room: int):
        self.spec, self.rng, self.room = spec, random.Random(seed), room
        self.written: list[tuple[list[int], int]] = []
        self.held: list[tuple[list[int], int]] = []
        self.queue = deque()
        self.prompts = deque(spec["prompts"])
        self.seen: set[tuple[int, ...]] = set()
        for ids in spec["held"]:
            if len(ids) < room // 2 + HELD:
                self.queue.append((ids, HELD, 0.0, "held"))

    def jobs(self):
        """For ever: what waits, or a prompt, or a question of its own."""
        while True:
            if self.queue:
                yield self.queue.popleft()
            elif self.prompts and self.rng.random() < 0.3:
                yield self._answer(self.prompts.popleft())
            else:
                yield (self.spec["ask"], QUESTION, 1.0, "question")

    def _answer(self, ids: list[int]):
        return (ids, ANSWER, self.rng.choices(HEATS, SHARES)[0], "answer")

    def take(self, job, ids: list[int]) -> None:
        """What a job came to."""
        prompt, kind, spec = job[0], job[3], self.spec
        ended = ids[-1] == spec["end"]
        if kind == "question":
            asked = tuple(ids[len(prompt) :])
            if ended and 4 < len(asked) < QUESTION and asked not in self.seen:
                self.seen.add(asked)
                self.queue.append(self._answer(ids + spec["answer"]))
            return
        (self.held if kind == "held" else self.written).append((ids, len(prompt)))
        if kind == "held" or not ended or len(ids) > self.room // 2:
            return
        luck = self.rng.random()
        if luck < 0.15:
            self.queue.append(self._answer(ids + spec["again"] + self.rng.choice(spec["follow_ups"])))
        elif luck < 0.3:
            self.queue.append((ids + spec["again"], QUESTION, 1.0, "question"))
        elif luck < 0.4:
            before, behind = self.rng.choice(spec["passages"])
            self.queue.append(self._answer(before + ids[len(prompt) : -1] + behind))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--prompts", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--held", required=True)
    parser.add_argument("--seconds", type=float, required=True, help="from the start of the program, so that loading counts")
    parser.add_argument("--slots", type=int, default=3072)
    parser.add_argument("--room", type=int, default=768)
    parser.add_argument("--answers", type=int, default=10**9, help="stop behind as many answers")
    parser.add_argument("--held-only", type=int, help="keep as many held prompts")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    begin = time.time()
    if Path(args.out).exists() and Path(args.held).exists():
        print(f"{args.out} is finished")
        return
    log = lambda text: print(f"[texts {time.time() - begin:5.0f}s] {text}", flush=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(args.seed)
    model = models.load_model(args.model, torch.float16 if device.type == "cuda" else torch.float32, device)
    spec = json.loads(Path(args.prompts).read_text())
    if args.held_only is not None:
        spec["held"] = spec["held"][: args.held_only]
    talk = Conversations(spec, args.seed, args.room)
    writer = Writer(model, args.slots, args.room, log)
    log(f"{args.slots} slots of {args.room} tokens")
    tokens, shown = 0, time.time()
    for job, ids in writer.write(talk.jobs(), spec["ends"], begin + args.seconds):
        talk.take(job, ids)
        tokens += len(ids) - len(job[0])
        if time.time() - shown > 10:
            shown = time.time()
            log(f"{len(talk.written)} answers, {tokens / 1e6:.2f} M tokens written, {tokens / (shown - begin):.0f} a second, {len(talk.queue)} waiting")
        if len(talk.written) >= args.answers:
            break
    talk.written += [(ids, len(job[0])) for job, ids in writer.unfinished() if job[3] == "answer" and len(ids) > len(job[0]) + 64]
    if not talk.written or not talk.held:
        sys.exit(f"Cannot write texts: {len(talk.written)} answers and {len(talk.held)} held ones were finished in {args.seconds:.0f} s")
    texts, held = Texts.of(talk.written), Texts.of(talk.held)
    texts.save(Path(args.out))
    held.save(Path(args.held))
    log(f"{len(texts)} texts of {len(texts.ids) / 1e6:.2f} M tokens, {(texts.lengths - texts.prompts).sum() / 1e6:.2f} M of answers; {len(held)} held")
    summary = {"texts": len(texts), "tokens": len(texts.ids), "answer_tokens": int((texts.lengths - texts.prompts).sum()),
               "questions_of_its_own": len(talk.seen), "held": len(held), "seconds": round(time.time() - begin, 1)}
    Path(args.out).with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
