"""Distils a small draft model from a model, on texts that the model wrote, and writes it as a GGUF file of 4 bits.

    python3 scripts/train_smollm2/draft.py --model MODEL --texts texts.npz --held held.npz --out draft --seconds 150

Its embedding begins as the principal directions of the model's. In the last part of the training it sees its own 4-bit
weights, the embedding's too.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent.parent / "train_head"))
import course
import gguf_files
import quant
from layers import Linear, Shape, prepare, refresh
from llama import Llama
from losses import goals, soft_loss
from schedule import Schedule
from states import Computed, States
from tau import accept_lengths
from texts import Texts

GROUP = 32


@torch.no_grad()
def begin_as(model: Llama, verifier: Llama) -> None:
    """The embedding, and the output projection that is tied to it, as the verifier's in its principal directions."""
    table = verifier.output.float()
    _, vectors = torch.linalg.eigh(table.T @ table)
    rows = table @ vectors[:, -model.shape.hidden_size :]
    model.embed_tokens.weight.copy_(rows * (0.05 / rows.pow(2).mean().sqrt()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", required=True, nargs="+")
    parser.add_argument("--held", required=True)
    parser.add_argument("--out", required=True, help="a folder: draft.gguf, and the weights that it was rounded from")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--mlp", type=int, default=512)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--kv-heads", type=int, default=2)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--steps", type=float, default=float("inf"))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--quantized-from", type=float, default=0.7)
    parser.add_argument("--report", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    out = Path(args.out)
    if (out / "training.json").exists():
        print(f"{out} is finished")
        return
    out.mkdir(parents=True, exist_ok=True)
    begin = time.time()
    log = lambda text: print(f"[draft {time.time() - begin:5.0f}s] {text}", flush=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    half, work = (torch.float16, torch.bfloat16) if device.type == "cuda" else (torch.float32, torch.float32)
    torch.manual_seed(args.seed)
    texts, held = Texts.joined([Texts.load(path) for path in args.texts]), Texts.load(args.held)
    # What the verifier said of a text is kept: its hidden states take a thirtieth of the time of reading it again.
    source = Computed(args.model, texts, device, half, keep=True)
    verifier = source.verifier
    v = verifier.shape
    shape = Shape(args.width, args.layers, args.mlp, args.heads, args.kv_heads, 64, v.vocab_size, 10000.0, 1e-5, v.max_position_embeddings)
    model = Llama(shape).to(device)
    begin_as(model, verifier)
    for part in model.modules():
        if isinstance(part, Linear):
            part.group = GROUP
    schedule = Schedule(model, args.rate, args.steps, args.seconds, 0.01, out / "draft.ckpt", args.quantized_from)
    log(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {len(texts)} texts, behind step {schedule.steps}")

    def step(*tensors) -> torch.Tensor:
        states = States.with_tensors(tensors, verifier)
        batch = states.batch
        goal, best = goals(verifier, states.hidden.flatten(0, 1))
        prepare(model, work)
        hidden, _ = model(batch.ids)
        rows = torch.arange(goal.shape[0], device=device)
        loss, accept, found = soft_loss(hidden.flatten(0, 1), model.output, goal, rows, batch.weights(1).flatten(), ce=1.0, tv=0.5)
        schedule.update(loss)
        answers = batch.answers(1).flatten()
        count = answers.sum().clamp(min=1)
        return torch.stack((loss.detach(), (accept * answers).sum() / count, ((found == best) & answers).sum() / count))

    def show(steps: int, epoch: int, values: list[float]) -> None:
        log("step {} epoch {} loss {} accepted {} right {} {:.0f}s".format(steps, epoch, *values, schedule.elapsed))

    epochs, history = course.run(step, schedule, source, args.tokens, args.seed, args.report, show)
    result = {"parameters": sum(p.numel() for p in model.parameters()), "shape": shape.as_dict(), "steps": schedule.steps, "epochs": epochs,
              "tokens_a_step": args.tokens, "seconds": round(schedule.elapsed, 1), "history": history}
    for name in ("16 bits", "4 bits"):
        for part in model.modules():
            if isinstance(part, Linear):
                part.scales = None
        if name == "4 bits":
            refresh(model)
        prepare(model, half)
        same, lengths = accept_lengths(model, held, (4, 7, 10), device)
        result[f"{name}: agreement"], result[f"{name}: tokens a forward, by length of chains"] = round(same, 4), {n: round(x, 3) for n, x in lengths.items()}
        log(f"{name}: agrees at {same:.4f} of the tokens of {len(held)} held texts, tokens a forward {lengths}")
    gguf_files.write(out / "draft.gguf", model, lambda w: quant.find_scales(w, GROUP), {
        "general.name": "SmolLM2 135M draft", "general.license": "apache-2.0",
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2,
    })
    save_file({name: p.detach().cpu().half().contiguous() for name, p in model.named_parameters()}, str(out / "f16.safetensors"))
    (out / "training.json").write_text(json.dumps(result, indent=1) + "\n")
    schedule.finish()


if __name__ == "__main__":
    main()
