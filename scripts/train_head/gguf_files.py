"""GGUF files of Llama models: reads F32, F16, Q8_0, Q4_0 and Q4_1, writes F32, Q8_0 and Q4_0."""

import struct
from pathlib import Path

import numpy as np
import torch

_SCALARS = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _LIST = 8, 9
#: Elements and bytes of a block, by type.
_BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 8: (32, 34)}
_F32, _Q4_0, _Q8_0 = 0, 2, 8
_ALIGNMENT = 32
_NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


class _Cursor:
    def __init__(self, data: memoryview):
        self.data, self.at = data, 0

    def scalar(self, form: str):
        size = struct.calcsize(form)
        (value,) = struct.unpack(form, self.data[self.at : self.at + size])
        self.at += size
        return value

    def string(self) -> str:
        size = self.scalar("<Q")
        self.at += size
        return bytes(self.data[self.at - size : self.at]).decode()

    def value(self, kind: int):
        if kind == _STRING:
            return self.string()
        if kind == _LIST:
            inner, count = self.scalar("<I"), self.scalar("<Q")
            return [self.value(inner) for _ in range(count)]
        return self.scalar(_SCALARS[kind])


def _dequantize(raw: np.ndarray, kind: int, shape: list[int]) -> torch.Tensor:
    if kind in (0, 1):
        return torch.from_numpy(raw.view("<f4" if kind == 0 else "<f2").astype(np.float32)).view(shape)
    blocks = raw.reshape(-1, _BLOCKS[kind][1])
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    if kind == _Q8_0:
        return torch.from_numpy(blocks[:, 2:].view(np.int8) * scale).view(shape)
    offset = -8 * scale if kind == _Q4_0 else blocks[:, 2:4].copy().view("<f2").astype(np.float32)
    codes = blocks[:, 2 if kind == _Q4_0 else 4 :]
    q = np.concatenate((codes & 15, codes >> 4), axis=1)
    return torch.from_numpy(q * scale + offset).view(shape)


def _halves_together(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of q or k as Hugging Face orders them; the file has those of a head's two halves in turn."""
    return weight.view(heads, -1, 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def _halves_in_turn(weight: torch.Tensor, heads: int) -> torch.Tensor:
    return weight.view(heads, 2, -1, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def read(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    """Config and tensors f32 of a Llama model, by their names in a Hugging Face folder."""
    data = memoryview(np.memmap(path, np.uint8, "r"))
    cursor = _Cursor(data)
    if cursor.scalar("<I") != 0x46554747:
        raise ValueError(f"Cannot read {path}: it is no GGUF file")
    cursor.scalar("<I")
    tensors, keys = cursor.scalar("<Q"), cursor.scalar("<Q")
    meta = {cursor.string(): cursor.value(cursor.scalar("<I")) for _ in range(keys)}
    infos = []
    for _ in range(tensors):
        name = cursor.string()
        shape = [cursor.scalar("<Q") for _ in range(cursor.scalar("<I"))][::-1]
        infos.append((name, shape, cursor.scalar("<I"), cursor.scalar("<Q")))
    begin = -(-cursor.at // _ALIGNMENT) * _ALIGNMENT
    get = lambda key: meta[f"llama.{key}"]
    heads, kv_heads = get("attention.head_count"), get("attention.head_count_kv")
    out = {}
    for name, shape, kind, offset in infos:
        if kind not in _BLOCKS:
            raise ValueError(f"Cannot read {path}: tensor {name} is of type {kind}, expected one of {sorted(_BLOCKS)}")
        per, size = _BLOCKS[kind]
        raw = np.frombuffer(data, np.uint8, int(np.prod(shape)) // per * size, begin + offset)
        value = _dequantize(raw, kind, shape)
        part = name.split(".")[-2]
        if part in ("attn_q", "attn_k"):
            value = _halves_together(value, heads if part == "attn_q" else kv_heads)
        out[_folder_name(name)] = value
    vocab, width = out["model.embed_tokens.weight"].shape
    config = {
        "model_type": meta["general.architecture"], "hidden_size": width, "num_hidden_layers": get("block_count"),
        "intermediate_size": get("feed_forward_length"), "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "head_dim": meta.get("llama.attention.key_length", width // heads), "vocab_size": vocab,
        "rope_theta": meta.get("llama.rope.freq_base", 10000.0), "rms_norm_eps": get("attention.layer_norm_rms_epsilon"),
        "max_position_embeddings": get("context_length"),
    }
    return config, out


def _folder_name(name: str) -> str:
    fixed = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}
    if name in fixed:
        return fixed[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{_NAMES[part]}.weight"


def _file_name(name: str) -> str:
    fixed = {"embed_tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight", "lm_head.weight": "output.weight"}
    if name in fixed:
        return fixed[name]
    _, layer, part = name.removesuffix(".weight").split(".", 2)
    return f"blk.{layer}.{next(k for k, v in _NAMES.items() if v == part)}.weight"


def _blocks_of(codes: np.ndarray, scales: np.ndarray, bits: int) -> bytes:
    """Blocks of signed codes [n, k] and scales [n, k / 32]."""
    q = codes.reshape(-1, 32)
    d = scales.reshape(-1, 1).astype("<f2").view(np.uint8)
    if bits == 8:
        return np.concatenate((d, q.astype(np.int8).view(np.uint8)), axis=1).tobytes()
    u = (q + 8).astype(np.uint8)
    return np.concatenate((d, u[:, :16] | (u[:, 16:] << 4)), axis=1).tobytes()


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _key(key: str, value) -> bytes:
    if isinstance(value, str):
        return _string(key) + struct.pack("<I", _STRING) + _string(value)
    kind, form = (6, "<f") if isinstance(value, float) else (4, "<I")
    return _string(key) + struct.pack("<I", kind) + struct.pack(form, value)


@torch.no_grad()
def write(path: Path, model, scales, meta: dict) -> None:
    """A tied `llama.Llama` as Q4_0, norms as F32. `scales(weight)`: those of 4-bit groups of 32; `meta`: further keys."""
    s = model.shape
    keys = {
        "general.architecture": "llama", "general.file_type": 2, "general.quantization_version": 2,
        "llama.block_count": s.num_hidden_layers, "llama.context_length": s.max_position_embeddings,
        "llama.embedding_length": s.hidden_size, "llama.feed_forward_length": s.intermediate_size,
        "llama.attention.head_count": s.num_attention_heads, "llama.attention.head_count_kv": s.num_key_value_heads,
        "llama.attention.key_length": s.head_dim, "llama.attention.value_length": s.head_dim,
        "llama.rope.freq_base": float(s.rope_theta), "llama.rope.dimension_count": s.head_dim,
        "llama.attention.layer_norm_rms_epsilon": float(s.rms_norm_eps), "llama.vocab_size": s.vocab_size,
    } | meta
    infos, blobs, offset = [], [], 0
    for name, parameter in model.named_parameters():
        w = parameter.detach().cpu().float()
        part = name.split(".")[-2]
        if part in ("q_proj", "k_proj"):
            w = _halves_in_turn(w, s.num_attention_heads if part == "q_proj" else s.num_key_value_heads)
        if w.ndim == 1:
            kind, blob = _F32, w.numpy().astype("<f4").tobytes()
        else:
            d = scales(w)
            q = torch.round(w.view(-1, 32) / d.view(-1, 1)).clamp(-8, 7)
            kind, blob = _Q4_0, _blocks_of(q.numpy().astype(np.int16), d.numpy(), 4)
        file_name = _file_name(name)
        infos.append(_string(file_name) + struct.pack("<I", w.ndim) + struct.pack(f"<{w.ndim}Q", *reversed(w.shape)) + struct.pack("<IQ", kind, offset))
        blob += bytes(-len(blob) % _ALIGNMENT)
        blobs.append(blob)
        offset += len(blob)
    head = struct.pack("<IIQQ", 0x46554747, 3, len(infos), len(keys)) + b"".join(_key(k, v) for k, v in keys.items()) + b"".join(infos)
    path.write_bytes(head + bytes(-len(head) % _ALIGNMENT) + b"".join(blobs))
