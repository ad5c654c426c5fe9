"""Writes the small PyTorch files that the checkpoint tests read, and `pickles.safetensors`, the same tensors
as written by the safetensors library. Run it in this directory; versions go into `pickles.json`.

Every value is a plain ramp, so the files do not depend on a seed.
"""

import json
import os
import platform
import zipfile

import numpy
import safetensors
import safetensors.torch
import torch


def tensors():
    shared = torch.arange(24, dtype=torch.float32) / 4
    return {
        "f32": torch.arange(6, dtype=torch.float32).reshape(2, 3) - 2.5,
        "f64": torch.arange(3, dtype=torch.float64) / 3,
        "f16": (torch.arange(8) / 8 - 0.5).to(torch.float16).reshape(2, 4),
        "bf16": (torch.arange(8) * 1.25).to(torch.bfloat16),
        "i64": torch.tensor([-(2**40), 7]),
        "i32": torch.arange(5, dtype=torch.int32) * -1000000,
        "i16": torch.arange(5, dtype=torch.int16) * -1000,
        "i8": torch.arange(-3, 3, dtype=torch.int8),
        "u8": torch.arange(250, 256, dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0, 4),
        "shared.first": shared[:8].reshape(2, 4),
        "shared.second": shared[8:24].reshape(4, 4),
        "transposed": (torch.arange(15, dtype=torch.float16).reshape(3, 5)).t(),
        "parameter": torch.nn.Parameter(torch.arange(4, dtype=torch.float32)),
        "__proto__": torch.tensor([1.0, 2.0]),
        "größe": torch.tensor([4.0]),
    }


class Evil:
    def __reduce__(self):
        return (os.system, ("echo this must never run",))


def main():
    state = tensors()
    torch.save(state, "plain.bin")
    torch.save(state, "protocol4.pt", pickle_protocol=4)
    torch.save(torch.nn.Linear(3, 2).state_dict(), "module.bin")  # an OrderedDict with _metadata
    torch.save({"w": Evil()}, "evil.bin")
    torch.save({"w": torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)}, "strided.bin")
    torch.save({"model": {"w": torch.zeros(1)}}, "nested.bin")
    torch.save({"w": torch.zeros(1)}, "legacy.bin", _use_new_zipfile_serialization=False)
    with zipfile.ZipFile("plain.bin") as source, zipfile.ZipFile(
        "deflated.bin", "w", zipfile.ZIP_DEFLATED
    ) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), source.read(name),
                            zipfile.ZIP_DEFLATED)
    contiguous = {name: value.detach().clone().contiguous() for name, value in state.items()}
    safetensors.torch.save_file(contiguous, "pickles.safetensors", metadata={"format": "pt"})
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "safetensors": safetensors.__version__,
        "numpy": numpy.__version__,
    }
    with open("pickles.json", "w") as file:
        json.dump({"generator": "make_pickles.py", "versions": versions}, file, indent=2)
        file.write("\n")


main()
