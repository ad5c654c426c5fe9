"""Writes the tokenizer of SmolLM2's GGUF file as a directory that `transformers`, and so lm-eval, reads.

    python3 scripts/lm_eval/tokenizer.py "$(deno run -A scripts/smollm2.ts)" --out DIR

Needs what scripts/golden/smollm2.py needs.
"""

import argparse
import sys
from pathlib import Path

import transformers
from gguf import GGUFReader

sys.path.insert(0, str(Path(__file__).parent.parent / "golden"))
from smollm2 import load_tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    tokenizer = load_tokenizer(GGUFReader(args.gguf))
    special = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>", "pad_token": "<|im_end|>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(args.out)


if __name__ == "__main__":
    main()
