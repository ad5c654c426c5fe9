"""What other quantizers make of a model with given calibration texts, as an f16 checkpoint of the stored values.

    python3 peers.py llm-compressor|autoround|gptqmodel MODEL OUT TEXTS.json [--group 128] [--asymmetric]
        [--piece 128] [--options JSON]

TEXTS.json is what `texts.ts` writes; its list `calibrate` is read. The checkpoint in OUT is scored as any other, by
`bench/quantization.ts --score OUT` or by `score.py`, so all quantizers meet the same evaluator; the numbers are made
of the codes and scales as they would be stored. Versions and settings are printed. AutoRound takes texts of one
length only: it gets the same texts in pieces of `--piece` tokens, see `pieces`.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import tempfile
import time

# GPTQModel asks for as many workers as half the cores, and refuses to start with one.
os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")

import numpy
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

PACKAGES = {"llm-compressor": "llmcompressor", "autoround": "auto-round", "gptqmodel": "gptqmodel"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=list(PACKAGES))
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("texts")
    parser.add_argument("--group", type=int, default=128)
    parser.add_argument("--asymmetric", action="store_true")
    parser.add_argument("--piece", type=int, default=128)
    parser.add_argument("--options", type=json.loads, default={})
    args = parser.parse_args()
    with open(args.texts) as file:
        texts = json.load(file)["calibrate"]
    versions = {PACKAGES[args.peer]: importlib.metadata.version(PACKAGES[args.peer])}
    versions |= {module.__name__: module.__version__ for module in (torch, transformers, numpy)}
    versions["python"] = platform.python_version()
    versions["device"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    print("versions", json.dumps(versions))
    print("settings", json.dumps(vars(args)), len(texts), "texts,", sum(map(len, texts)), "tokens")
    begun = time.time()
    make = {"llm-compressor": llm_compressor, "autoround": autoround, "gptqmodel": gptqmodel}
    write(args, make[args.peer](args, texts))
    print(f"{time.time() - begun:.0f} s")


def write(args, linears):
    """The model with `linears`, by the names of their weights, in place of all linear layers of its decoder."""
    tensors = originals(args.model)
    expected = {name for name in tensors if name.endswith("_proj.weight")}
    if set(linears) != expected:
        raise ValueError(f"found {sorted(set(linears) ^ expected)[:4]}, expected all linear layers and no other")
    for name, tensor in linears.items():
        if tensor.shape != tensors[name].shape:
            raise ValueError(f"{name} is {tensor.shape}, expected {tensors[name].shape}")
        if torch.equal(tensor.cpu().to(tensors[name].dtype), tensors[name]):
            raise ValueError(f"{name} is as it was")
    os.makedirs(args.out, exist_ok=True)
    for name in os.listdir(args.model):
        if not name.endswith((".safetensors", ".safetensors.index.json")):
            shutil.copy(os.path.join(args.model, name), args.out)
    halves = {
        name: tensor.detach().to(torch.float16).contiguous().cpu()
        for name, tensor in {**tensors, **linears}.items()
    }
    save_file(halves, os.path.join(args.out, "model.safetensors"), metadata={"format": "pt"})


def originals(folder):
    return {
        name: tensor
        for file in sorted(os.listdir(folder))
        if file.endswith(".safetensors")
        for name, tensor in load_file(os.path.join(folder, file)).items()
    }


def masked(ids):
    return {
        "input_ids": torch.tensor([ids]),
        "attention_mask": torch.ones(1, len(ids), dtype=torch.long),
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
    print(recipe)
    oneshot(
        model=model,
        tokenizer=tokenizer,
        dataset=dataset,
        recipe=recipe,
        num_calibration_samples=len(texts),
        max_seq_length=2048,
    )
    linears = {}
    for name, module in model.named_modules():
        if not isinstance(module, torch.nn.Linear) or name == "lm_head":
            continue
        values = module.weight.data.float().cpu()
        groups = getattr(module, "weight_g_idx", None)
        if groups is None or (groups < 0).any():
            groups = torch.arange(values.shape[1]) // args.group
        groups = groups.long().cpu()
        scales = module.weight_scale.data.half().float().cpu()[:, groups]
        zeros = getattr(module, "weight_zero_point", None)
        zeros = 0 if zeros is None else zeros.data.float().cpu()[:, groups]
        codes = torch.clamp(torch.round(values / scales + zeros), -8, 7)
        linears[f"{name}.weight"] = (codes - zeros) * scales
    return linears


def autoround(args, texts):
    from auto_round import AutoRound

    parts = pieces(texts, args.piece)
    dtype = torch.float16 if torch.cuda.is_available() else torch.float32
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    scheme = {
        "bits": 4,
        "group_size": args.group,
        "sym": not args.asymmetric,
        "data_type": "int",
    }
    options = {"enable_torch_compile": False, **args.options}
    print(len(parts), "pieces", scheme, options)
    rounder = AutoRound(
        model,
        tokenizer,
        scheme=scheme,
        dataset=[masked(ids) for ids in parts],
        seqlen=args.piece,
        nsamples=len(parts),
        **options,
    )
    model, _ = rounder.quantize()
    return {
        name: value for name, value in model.state_dict().items() if name.endswith("_proj.weight")
    }


def pieces(texts, length):
    """All tokens of `texts` in pieces of one length. Texts begin pieces, as their first tokens have activations like
    no others; a last piece reaches back over the one before it. A text that is too short goes before the next."""
    parts = []
    waiting = []
    for ids in texts:
        ids = waiting + ids
        waiting = [] if len(ids) >= length else ids
        whole = len(ids) // length
        parts += [ids[i * length : (i + 1) * length] for i in range(whole)]
        if whole and len(ids) % length:
            parts.append(ids[-length:])
    return parts


def gptqmodel(args, texts):
    from gptqmodel import GPTQModel, QuantizeConfig

    # The plain way to pack gives the same words as the others, which compile an extension first.
    options = {"pack_impl": "original", **args.options}
    config = QuantizeConfig(bits=4, group_size=args.group, sym=not args.asymmetric, **options)
    print(config)
    model = GPTQModel.load(args.model, config, dtype=torch.float16)
    model.quantize([masked(ids) for ids in texts], batch_size=1)
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        return unpacked(originals(folder))


def unpacked(tensors):
    """The weights of a checkpoint in GPTQ's first layout: eight codes of four bits in a word; one was taken from each
    zero point, of a whole word at once, so that a zero borrows from its neighbor."""
    shifts = torch.arange(0, 32, 4, dtype=torch.int32)
    linears = {}
    for name in tensors:
        if not name.endswith(".qweight"):
            continue
        prefix = name.removesuffix(".qweight")
        words, zeros, scales, groups = (
            tensors[f"{prefix}.{part}"] for part in ("qweight", "qzeros", "scales", "g_idx")
        )
        codes = ((words[:, None, :] >> shifts[None, :, None]) & 15).reshape(-1, words.shape[1])
        zeros = (zeros.long() + 0x11111111)[:, :, None] >> shifts
        zeros = (zeros & 15).reshape(zeros.shape[0], -1)
        groups = groups.long()
        values = (codes - zeros[groups]).float() * scales.float()[groups]
        linears[f"{prefix}.weight"] = values.T
    return linears


if __name__ == "__main__":
    main()
