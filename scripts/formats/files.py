"""Writes safetensors files and PyTorch archives with numpy alone."""

import io
import json
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np

_DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int8": "I8"}


class Bits:
    """A tensor of a dtype that numpy does not have, by its bits."""

    def __init__(self, dtype: str, bits: np.ndarray):
        self.dtype = dtype
        self.bits = bits


def _parts(tensor) -> tuple[str, np.ndarray]:
    if isinstance(tensor, Bits):
        return tensor.dtype, np.ascontiguousarray(tensor.bits)
    return _DTYPES[str(tensor.dtype)], np.ascontiguousarray(tensor)


def write_safetensors(path: Path, tensors: dict) -> None:
    """Tensors in the order of the dict."""
    header: dict = {"__metadata__": {"format": "pt"}}
    data = []
    at = 0
    for name, tensor in tensors.items():
        dtype, array = _parts(tensor)
        raw = array.tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(data))


_STORAGES = {"float32": "FloatStorage", "float16": "HalfStorage", "int64": "LongStorage", "int32": "IntStorage", "int8": "CharStorage"}


def write_pickle(path: Path, tensors: dict) -> None:
    """What `torch.save` writes for a dict of tensors: a stored zip of one pickle and its storages."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2():
        raise NotImplementedError

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    for storage in _STORAGES.values():
        setattr(torch, storage, type(storage, (), {"__module__": "torch"}))

    class Storage:
        def __init__(self, key: str, array: np.ndarray):
            self.key, self.array = key, array

    class Tensor:
        def __init__(self, storage: Storage):
            self.storage = storage

        def __reduce__(self):
            shape = self.storage.array.shape
            strides = tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))
            return _rebuild_tensor_v2, (self.storage, 0, shape, strides, False, OrderedDict())

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if not isinstance(value, Storage):
                return None
            kind = getattr(torch, _STORAGES[str(value.array.dtype)])
            return ("storage", kind, value.key, "cpu", value.array.size)

    arrays = [np.ascontiguousarray(tensor) for tensor in tensors.values()]
    value = {name: Tensor(Storage(str(i), array)) for i, (name, array) in enumerate(zip(tensors, arrays))}
    stream = io.BytesIO()
    kept = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    try:
        Pickler(stream, protocol=2).dump(value)
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    root = path.stem
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, raw in [
            ("data.pkl", stream.getvalue()),
            ("byteorder", b"little"),
            *((f"data/{i}", array.tobytes()) for i, array in enumerate(arrays)),
            ("version", b"3\n"),
        ]:
            # A fixed date, so that the same tensors give the same file.
            archive.writestr(zipfile.ZipInfo(f"{root}/{name}", (1980, 1, 1, 0, 0, 0)), raw)
