"""What is generated: a directory, how its layers are packed, and how its files describe them."""

from dataclasses import dataclass, field
from typing import Callable

import numpy as np

import packers


@dataclass
class Case:
    """One folder. `pack` maps the end of a layer's name to a packer; "" is any other layer's."""

    name: str
    pack: dict[str, Callable]
    quantization: dict | None = None
    hidden: int = 128
    intermediate: int = 256
    file: str = "model.safetensors"
    config_file: str = "config.json"
    joined: bool = False
    lm_head: bool = field(init=False)

    def __post_init__(self):
        self.lm_head = "lm_head" in self.pack


# Wide enough that layers of 128 inputs a group have two groups; o_proj and down_proj have one.
_WIDE = {"hidden": 256, "intermediate": 128}


def _order(k: int) -> np.ndarray:
    return np.random.default_rng(k).permutation(k)


def _gptq(**more) -> dict:
    return {
        "quant_method": "gptq",
        "bits": 4,
        "group_size": 128,
        "desc_act": False,
        "static_groups": False,
        "sym": True,
        "lm_head": False,
        "checkpoint_format": "gptq",
    } | more


def _awq(group: int) -> dict:
    return {"quant_method": "awq", "bits": 4, "group_size": group, "zero_point": True, "version": "gemm"}


def _group(bits: int, strategy: str, *, targets=("Linear",), inputs=None, **more) -> dict:
    weights = {
        "num_bits": bits,
        "type": "int",
        "symmetric": True,
        "strategy": strategy,
        "group_size": None,
        "dynamic": False,
        "actorder": None,
        "block_structure": None,
    }
    extra = {key: more.pop(key) for key in ("format",) if key in more}
    return {
        "targets": list(targets),
        "weights": weights | more,
        "input_activations": inputs,
        "output_activations": None,
        **extra,
    }


def _inputs(kind: str) -> dict:
    return {"num_bits": 8, "type": kind, "symmetric": True, "strategy": "token", "dynamic": True, "group_size": None}


def _compressed(form: str, *groups: dict, ignore=("lm_head",)) -> dict:
    return {
        "quant_method": "compressed-tensors",
        "format": form,
        "quantization_status": "compressed",
        "config_groups": {f"group_{i}": group for i, group in enumerate(groups)},
        "ignore": list(ignore),
        "kv_cache_scheme": None,
    }


_CT = packers.compressed

CASES = [
    Case("gptq-asym-g32", {"": packers.gptq(32, symmetric=False)}, _gptq(group_size=32, sym=False)),
    Case(
        "gptq-v2-asym-act-order",
        {"": packers.gptq(64, symmetric=False, version="gptq_v2", order=_order)},
        _gptq(group_size=64, sym=False, desc_act=True, checkpoint_format="gptq_v2"),
    ),
    Case(
        "gptq-lm-head-8bit",
        {"": packers.gptq(128), "lm_head": packers.gptq(-1, bits=8)},
        _gptq(lm_head=True, dynamic={"lm_head": {"bits": 8, "group_size": -1}}),
    ),
    Case("gptq-8bit", {"": packers.gptq(-1, bits=8, version="gptq_v2")},
         _gptq(bits=8, group_size=-1, checkpoint_format="gptq_v2")),
    Case("awq-g64", {"": packers.awq(64)}, _awq(64)),
    Case(
        "awq-channel-quant-config",
        {"": packers.awq(-1)},
        {"w_bit": 4, "q_group_size": -1, "zero_point": True, "version": "GEMM"},
        config_file="quant_config.json",
    ),
    Case("ct-w4a16-g128", {"": _CT(128), "lm_head": packers.plain},
         _compressed("pack-quantized", _group(4, "group", group_size=128)), **_WIDE),
    Case("ct-w4a16-g32-asym", {"": _CT(32, symmetric=False, bf16=True)},
         _compressed("pack-quantized", _group(4, "group", group_size=32, symmetric=False))),
    Case("ct-w4a16-channel", {"": _CT(-1)}, _compressed("pack-quantized", _group(4, "channel"))),
    Case("ct-w4a16-act-order", {"": _CT(64, order=_order)},
         _compressed("pack-quantized", _group(4, "group", group_size=64, actorder="group"))),
    Case("ct-w8a16", {"": _CT(-1, bits=8), "lm_head": _CT(-1, bits=8)},
         _compressed("pack-quantized", _group(8, "channel"), ignore=())),
    Case("ct-w8a8", {"": packers.int_quantized},
         _compressed("int-quantized", _group(8, "channel", inputs=_inputs("int")))),
    Case("ct-fp8", {"": packers.float_quantized, "lm_head": packers.plain, "up_proj": packers.plain},
         _compressed("float-quantized", _group(8, "channel", type="float", inputs=_inputs("float")),
                     ignore=("re:.*lm_head", "re:model\\.layers\\.\\d+\\.mlp\\.up_proj$"))),
    Case("ct-mixed", {"": _CT(64), "down_proj": packers.int_quantized, "v_proj": packers.int_quantized,
                      "gate_proj": packers.float_quantized},
         _compressed(
             "mixed-precision",
             _group(4, "group", group_size=64, format="pack-quantized"),
             _group(8, "channel", targets=("re:.*down_proj", "model.layers.0.self_attn.v_proj"),
                    inputs=_inputs("int"), format="int-quantized"),
             _group(8, "channel", targets=("re:.*gate_proj",), type="float", inputs=_inputs("float"),
                    format="float-quantized"),
         )),
    Case("qqq-channel", {"": packers.qqq(-1)}, {"quant_method": "qqq", "wbits": 4, "group_size": -1}),
    Case("qqq-g128", {"": packers.qqq(128)}, {"quant_method": "qqq", "wbits": 4, "group_size": 128}, **_WIDE),
    Case("qqq-g128-joined", {"": packers.qqq(128)}, {"quant_method": "qqq", "wbits": 4, "group_size": 128},
         joined=True, **_WIDE),
    Case("qoq-channel", {"": packers.qoq(-1)}, file="quant_model.pt"),
    Case("qoq-g128", {"": packers.qoq(128)}, file="pytorch_model.bin", **_WIDE),
    Case("qoq-g64-joined", {"": packers.qoq(64)}, joined=True),
    Case("qserve-w8a8", {"": packers.qserve8}, file="quant_model.pt"),
    Case("paper-w4a16-g128", {"": packers.marlin(128)}, _gptq(), file="model_gptq.safetensors", joined=True, **_WIDE),
]
