"""Token ids of what the demo's models are asked while heads learn from their answers: training questions, many of them varied.

    python3 scripts/train_demo/prompts.py --models models/demo --data gsm8k_train.jsonl --out prompts.json

Numbers and names are varied as for the draft model. The problems held out in its training are for accept lengths alone.
"""

import argparse
import json
import random
from pathlib import Path

from tokenizers import Tokenizer

import data

LONGEST = 312


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True, help="the folder of the trio")
    parser.add_argument("--data", required=True, help="the GSM8K training split, JSON lines")
    parser.add_argument("--out", required=True)
    parser.add_argument("--variants", type=int, default=7, help="varied questions for each training question")
    parser.add_argument("--held", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(Path(args.models) / "target" / "tokenizer.json"))
    problems = data.load(args.data)
    random.Random(args.seed).shuffle(problems)  # as `train.py` does, so that the same twentieth is held out
    held, problems = problems[: len(problems) // 20], problems[len(problems) // 20 :]
    rng = random.Random(args.seed + 2)
    asked = [p.question for p in problems]
    asked += [data.vary_question(question, rng) for _ in range(args.variants) for question in asked]
    rng.shuffle(asked)
    encode = lambda questions: [e.ids for e in tokenizer.encode_batch([data.prompt_text(q) for q in questions])]
    out = {
        "prompts": [ids for ids in encode(asked) if len(ids) <= LONGEST],
        "held": [ids for ids in encode([p.question for p in held[: args.held]]) if len(ids) <= LONGEST],
        "ends": [tokenizer.token_to_id(data.EOS)],
        "bos_token_id": tokenizer.token_to_id(data.BOS), "eos_token_id": tokenizer.token_to_id(data.EOS), "pad_token_id": tokenizer.token_to_id(data.PAD),
    }
    Path(args.out).write_text(json.dumps(out, separators=(",", ":")))
    print({key: len(value) if isinstance(value, list) else value for key, value in out.items()})


if __name__ == "__main__":
    main()
