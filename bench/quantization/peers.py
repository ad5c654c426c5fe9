"""What other quantizers make of a model with given calibration texts, as an f16 checkpoint of the stored values.

    python3 peers.py llm-compressor|autoround|gptqmodel MODEL OUT TEXTS.json [--group 128] [--asymmetric]
        [--options JSON]

TEXTS.json holds lists of token ids. The checkpoint in OUT is scored as any other, by
`bench/quantization.ts --score OUT`, so all quantizers meet the same evaluator. Versions are printed. AutoRound takes
texts of one length only: it gets the same tokens, cut into pieces of 128. GPTQModel writes its own layout, which the
runtime reads as it is.
"""

import argparse
import importlib.metadata
import json
import os
import shutil
import time

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

PIECE = 128


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=["llm-compressor", "autoround", "gptqmodel"])
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("texts")
    parser.add_argument("--group", type=int, default=128)
    parser.add_argument("--asymmetric", action="store_true")
    parser.add_argument("--options", type=json.loads, default={})
    args = parser.parse_args()
    with open(args.texts) as file:
        texts = json.load(file)
    package = {"llm-compressor": "llmcompressor", "autoround": "auto-round"}.get(args.peer, args.peer)
    print(package, importlib.metadata.version(package), "torch", torch.__version__)
    begun = time.time()
    if args.peer == "gptqmodel":
        gptqmodel(args, texts)
    else:
        tensors = {"llm-compressor": llm_compressor, "autoround": autoround}[args.peer](args, texts)
        write(args, tensors)
    print(f"{time.time() - begun:.0f} s")


def write(args, tensors):
    os.makedirs(args.out, exist_ok=True)
    for name in os.listdir(args.model):
        if not name.endswith((".safetensors", ".safetensors.index.json")):
            shutil.copy(os.path.join(args.model, name), args.out)
    halves = {name: tensor.to(torch.float16).contiguous().cpu() for name, tensor in tensors.items()}
    save_file(halves, os.path.join(args.out, "model.safetensors"), metadata={"format": "pt"})


def others(model):
    """All tensors but those of linear layers in decoder layers."""
    return {
        name: value.data
        for name, value in model.named_parameters()
        if name.endswith(("embed_tokens.weight", "norm.weight"))
    }


def llm_compressor(args, texts):
    from datasets import Dataset
    from llmcompressor import oneshot
    from llmcompressor.modifiers.quantization import GPTQModifier

    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    masks = [[1] * len(ids) for ids in texts]
    dataset = Dataset.from_dict({"input_ids": texts, "attention_mask": masks})
    weights = {
        "num_bits": 4,
        "type": "int",
        "symmetric": not args.asymmetric,
        "strategy": "group",
        "group_size": args.group,
    }
    groups = {"group_0": {"targets": ["Linear"], "weights": weights}}
    recipe = GPTQModifier(ignore=["lm_head"], config_groups=groups, **args.options)
    oneshot(
        model=model,
        tokenizer=tokenizer,
        dataset=dataset,
        recipe=recipe,
        num_calibration_samples=len(texts),
        max_seq_length=2048,
    )
    tensors = others(model)
    for name, module in model.named_modules():
        if not isinstance(module, torch.nn.Linear) or name == "lm_head":
            continue
        values = module.weight.data.float()
        groups = getattr(module, "weight_g_idx", None)
        if groups is None or (groups < 0).any():
            groups = torch.arange(values.shape[1]) // args.group
        scales = module.weight_scale.data.float()[:, groups.long()]
        zeros = getattr(module, "weight_zero_point", None)
        zeros = 0 if zeros is None else zeros.data.float()[:, groups.long()]
        codes = torch.clamp(torch.round(values / scales + zeros), -8, 7)
        tensors[f"{name}.weight"] = (codes - zeros) * scales
    return tensors


def autoround(args, texts):
    from auto_round import AutoRound

    ids = [token for text in texts for token in text]
    count = len(ids) // PIECE
    pieces = [
        {
            "input_ids": torch.tensor([ids[i * PIECE : (i + 1) * PIECE]]),
            "attention_mask": torch.ones(1, PIECE, dtype=torch.long),
        }
        for i in range(count)
    ]
    dtype = torch.float16 if torch.cuda.is_available() else torch.float32
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    scheme = {
        "bits": 4,
        "group_size": args.group,
        "sym": not args.asymmetric,
        "data_type": "int",
    }
    rounder = AutoRound(
        model,
        tokenizer,
        scheme=scheme,
        dataset=pieces,
        seqlen=PIECE,
        nsamples=count,
        enable_torch_compile=False,
        **args.options,
    )
    model, _ = rounder.quantize()
    linears = {
        name: value for name, value in model.state_dict().items() if name.endswith("proj.weight")
    }
    return {**others(model), **linears}


def gptqmodel(args, texts):
    from gptqmodel import GPTQModel, QuantizeConfig

    config = QuantizeConfig(
        bits=4, group_size=args.group, sym=not args.asymmetric, **args.options
    )
    print(config)
    model = GPTQModel.load(args.model, config)
    samples = [
        {
            "input_ids": torch.tensor([ids]),
            "attention_mask": torch.ones(1, len(ids), dtype=torch.long),
        }
        for ids in texts
    ]
    model.quantize(samples, batch_size=1)
    model.save(args.out)


if __name__ == "__main__":
    main()
