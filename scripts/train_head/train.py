"""Trains a draft head for a model, and writes it in its published layout.

    python3 scripts/train_head/train.py --kind eagle3 --model MODEL --texts texts.npz --out HEAD
    python3 scripts/train_head/train.py --kind eagle3 --states STATES --out HEAD

The second form trains on what `specmquant hidden-states` wrote of the model as it is quantized. A killed run goes on where it was when it is started again with the same options.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path

import torch

import course
from dspark import DSpark
from eagle2 import Eagle2
from eagle3 import Eagle3, default_taps
from export import save_head
from layers import Linear, prepare, refresh
from schedule import Schedule
from states import Computed, States, Stored
from tau import chain_tau
from texts import Texts

KINDS = {"eagle2": Eagle2, "eagle3": Eagle3, "dspark": DSpark}
#: What a kind is trained with where the command line does not say; `dspark` without taps has five, spread over the layers.
DEFAULTS = {
    "eagle2": {"steps": 4, "rate": 1.5e-3},
    "eagle3": {"steps": 6, "rate": 1e-3, "draft_vocab_size": 32000},
    "dspark": {"layers": 5, "block_size": 7, "markov_rank": 256, "anchor_every": 4, "decay": 4.0, "ce": 0.5, "tv": 1.0, "rate": 1e-3},
}


def spread_taps(layers: int, count: int) -> tuple[int, ...]:
    """`count` taps from behind the second layer to behind the third from the end, by how many layers have run."""
    first, last = 2, layers - 2
    return tuple(round(first + i * (last - first) / (count - 1)) for i in range(count))


def first_groups(source, seed: int, tokens: int = 65536) -> list[list[int]]:
    """Groups of some texts, of about as many tokens in all: what a head begins from."""
    out, count = [], 0
    for group in source.groups(8192, random.Random(seed)):
        out.append(group)
        count += int(source.texts.lengths[group].sum())
        if count >= tokens:
            break
    return out


def options_of(args, layers: int, intermediate: int) -> dict:
    """All options of a head."""
    options = DEFAULTS[args.kind] | {"intermediate_size": intermediate} | json.loads(args.options)
    if args.kind == "eagle3":
        options.setdefault("taps", default_taps(layers))
    if args.kind == "dspark":
        options.setdefault("taps", spread_taps(layers, 5))
        if "mask_token_id" not in options:
            sys.exit("Cannot train a DSpark drafter: --options has no mask_token_id, expected a token that texts do not have")
    return options


def train(args) -> dict:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    half, work = (torch.float16, torch.bfloat16) if device.type == "cuda" else (torch.float32, torch.float32)
    out = Path(args.out)
    begin = time.time()
    log = lambda text: print(f"[{out.name} {time.time() - begin:5.0f}s] {text}", flush=True)
    if args.states:
        source = Stored(args.states, device, half)
    else:
        source = Computed(args.model, Texts.joined([Texts.load(path) for path in args.texts]), device, half)
    texts = source.texts
    shape = source.shape
    options = options_of(args, shape.num_hidden_layers, shape.intermediate_size)
    source.taps = tuple(options.get("taps", ()))
    torch.manual_seed(args.seed)
    head = KINDS[args.kind](shape, options).to(device)
    counts = torch.from_numpy(texts.counts(shape.vocab_size)).to(device)
    head.start([source.of(group) for group in first_groups(source, args.seed)], counts)
    if args.group:
        for part in head.modules():
            if isinstance(part, Linear):
                part.group = args.group
    checkpoint = out.with_name(f"{out.name}.ckpt")
    schedule = Schedule(head, options["rate"], args.steps, args.seconds, args.decay, checkpoint, args.quantized_from)
    if schedule.steps:
        log(f"goes on behind step {schedule.steps}")

    def step(*tensors) -> torch.Tensor:
        prepare(head, work)
        loss, hits = head.loss(States.with_tensors(tensors, source.verifier))
        schedule.update(loss)
        return torch.cat((loss.detach().view(1), hits.float()))

    def show(steps: int, epoch: int, values: list[float]) -> None:
        log(f"step {steps} epoch {epoch} loss {values[0]} right {' '.join(f'{v:.3f}' for v in values[1:])} {schedule.elapsed:.0f}s")

    epochs, history = course.run(step, schedule, source, args.tokens, args.seed, args.report, show)
    result = {"kind": args.kind, "options": options, "steps": schedule.steps, "epochs": epochs, "tokens_a_step": args.tokens,
              "seconds": round(schedule.elapsed, 1), "parameters": sum(p.numel() for p in head.parameters()), "history": history}
    if args.held:
        held = source.on(args.held)
        for name in ("4 bits", "16 bits") if args.group else ("16 bits",):
            if name == "4 bits":
                refresh(head)
            else:
                for part in head.modules():
                    if isinstance(part, Linear):
                        part.scales = None
            prepare(head, half)
            result[f"tau of chains of {args.chain}, {name}"] = tau = round(chain_tau(head, held, args.chain), 4)
            log(f"tau of chains of {args.chain} on {len(held.texts)} held texts, {name}: {tau}")
    model = Path(args.states or args.model)
    more_keys = json.loads((model / "config.json").read_text()) if model.is_dir() else {}
    save_head(out, head, more_keys | json.loads(args.config))
    (out / "training.json").write_text(json.dumps(result, indent=1) + "\n")
    schedule.finish()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", required=True, choices=KINDS)
    parser.add_argument("--states", help="a folder that hidden-states wrote")
    parser.add_argument("--model", help="the verifier: a Hugging Face folder, or a GGUF file")
    parser.add_argument("--texts", nargs="+", help="token texts (.npz)")
    parser.add_argument("--held", help="greedy texts of the verifier (.npz, or their states), for the accept length at the end")
    parser.add_argument("--out", required=True, help="the head's folder")
    parser.add_argument("--options", default="{}", help="JSON: steps, rate, draft_vocab_size, layers, block_size, taps, ...")
    parser.add_argument("--config", default="{}", help="JSON: further keys of config.json")
    parser.add_argument("--tokens", type=int, default=4096, help="tokens of a step")
    parser.add_argument("--steps", type=float, default=float("inf"))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--decay", type=float, default=0.01, help="weight decay")
    parser.add_argument("--group", type=int, help="4-bit groups that the head is trained for")
    parser.add_argument("--quantized-from", type=float, default=0.7, help="share of the training from which it sees them")
    parser.add_argument("--chain", type=int, default=7)
    parser.add_argument("--report", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if bool(args.states) == bool(args.model) or bool(args.model) != bool(args.texts):
        parser.error("Cannot train: expected either --states, or --model and --texts")
    if args.steps == args.seconds == float("inf"):
        parser.error("Cannot train: neither --steps nor --seconds is given, expected one of them")
    if (Path(args.out) / "training.json").exists():
        print(f"{args.out} is finished")
        return
    train(args)


if __name__ == "__main__":
    sys.exit(main())
