"""Token ids of everything that is asked of SmolLM2: problems, made-up instructions, and what tests its drafters.

    python3 scripts/train_smollm2/prompts.py --tokenizer FOLDER --data FOLDER --out prompts.json

`--data` holds gsm8k_train.jsonl, of which questions are asked, and spec_bench.jsonl, whose first turns are for the
accept lengths alone: nothing is trained on them or on their answers.
"""

import argparse
import json
import random
from pathlib import Path

from tokenizers import Tokenizer

import instructions

SYSTEM = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
USER, END, ASSISTANT = "<|im_start|>user\n", "<|im_end|>\n", "<|im_start|>assistant\n"
LONGEST, HELD_LONGEST = 256, 448


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--made-up", type=int, default=12000)
    parser.add_argument("--held", type=int, default=6, help="tested prompts of each category of Spec-Bench, MT-bench's whole")
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(Path(args.tokenizer) / "tokenizer.json"))
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    rows = lambda name: [json.loads(line) for line in (Path(args.data) / name).read_text(encoding="utf-8").splitlines() if line.strip()]
    rng = random.Random(0)
    asked = [row["question"].strip() for row in rows("gsm8k_train.jsonl")]
    asked += sorted({instructions.made_up(rng) for _ in range(args.made_up)})
    rng.shuffle(asked)
    chat = lambda text: encode(SYSTEM + USER + text + END + ASSISTANT)
    held: dict[str, list[str]] = {}
    for row in rows("spec_bench.jsonl"):
        held.setdefault(row["category"], []).append(row["turns"][0])
    tested = [chat(text) for texts in held.values() for text in texts[: args.held if len(texts) > 10 else None]]
    out = {
        "prompts": [ids for ids in map(chat, asked) if len(ids) <= LONGEST],
        "held": [ids for ids in tested if len(ids) <= HELD_LONGEST],
        "ask": encode(SYSTEM + USER),
        "again": encode("\n" + USER),
        "answer": encode("\n" + ASSISTANT),
        "end": encode("<|im_end|>")[0],
        "ends": [encode("<|im_end|>")[0], encode("<|endoftext|>")[0]],
        "follow_ups": [encode(text + END + ASSISTANT) for text in instructions.FOLLOW_UPS],
        "passages": [[encode(SYSTEM + USER + before), encode(behind + END + ASSISTANT)] for before, behind in instructions.PASSAGES],
    }
    Path(args.out).write_text(json.dumps(out, separators=(",", ":")))
    print({key: len(value) if isinstance(value, list) else value for key, value in out.items()})


if __name__ == "__main__":
    main()
