"""What a head learns from: the taps and last hidden states of a verifier on texts, computed or read."""

import copy
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import models
from layers import Shape
from llama import Llama
from texts import Batch, Texts, batch_of, groups


@dataclass
class States:
    """Of a batch: hidden states after the final norm [b, t, H], and the taps, [b, t, H] each."""

    batch: Batch
    hidden: torch.Tensor
    taps: list[torch.Tensor]
    verifier: Llama


class Computed:
    """The verifier reads each batch anew."""

    def __init__(self, model: str, texts: Texts, device, dtype: torch.dtype):
        self.verifier = models.load_model(model, dtype, device)
        self.shape: Shape = self.verifier.shape
        self.texts, self.device = texts, device
        self.taps: tuple[int, ...] = ()

    @torch.no_grad()
    def of(self, group: list[int]) -> States:
        batch = batch_of(self.texts, group, self.device)
        hidden, taps = self.verifier(batch.ids, self.taps)
        return States(batch, hidden, taps, self.verifier)

    def on(self, texts: str) -> "Computed":
        """The same verifier on other texts, those in a file."""
        other = copy.copy(self)
        other.texts = Texts.load(texts)
        return other

    def groups(self, tokens: int, rng) -> list[list[int]]:
        return groups(self.texts.lengths, tokens, rng)


class Stored:
    """What `specmquant hidden-states` wrote of a model as it is quantized; of it, embedding and output projection are there."""

    def __init__(self, folder: str, device, dtype: torch.dtype):
        self.folder, self.device, self.dtype = Path(folder), device, dtype
        config = json.loads((self.folder / "config.json").read_text())
        self.shape = models.shape_of(config)
        self.kept: list[int] = config["specmquant_states"]["taps"]
        self.taps: tuple[int, ...] = ()
        tables = load_file(str(self.folder / "verifier.safetensors"))
        self.verifier = Llama(replace(self.shape, num_hidden_layers=0), tied="lm_head.weight" not in tables)
        with torch.no_grad():
            self.verifier.embed_tokens.weight.copy_(tables["model.embed_tokens.weight"].float())
            if not self.verifier.tied:
                self.verifier.lm_head.weight.copy_(tables["lm_head.weight"].float())
        self.verifier = self.verifier.to(device).freeze(dtype)
        self.shards = [safe_open(str(path), "pt") for path in sorted(self.folder.glob("states-*.safetensors"))]
        whole = lambda name: [shard.get_tensor(name).numpy() for shard in self.shards]
        lengths = whole("lengths")
        self.texts = Texts(np.concatenate(whole("ids")), np.concatenate(lengths).astype(np.int64), np.concatenate(whole("prompts")).astype(np.int64))
        self.places = [(i, int(at)) for i, some in enumerate(lengths) for at in np.cumsum(some) - some]

    def of(self, group: list[int]) -> States:
        missing = [tap for tap in self.taps if tap not in self.kept]
        if missing:
            raise ValueError(f"Cannot train on {self.folder}: its taps are {self.kept}, expected {list(self.taps)} among them")
        batch = batch_of(self.texts, group, self.device)
        hidden = self._rows(group, "hidden", batch)
        if not self.taps:
            return States(batch, hidden, [], self.verifier)
        streams = self._rows(group, "taps", batch).chunk(len(self.kept), dim=-1)
        return States(batch, hidden, [streams[self.kept.index(tap)] for tap in self.taps], self.verifier)

    def _rows(self, group: list[int], name: str, batch: Batch) -> torch.Tensor:
        parts = []
        for i in group:
            shard, at = self.places[i]
            parts.append(self.shards[shard].get_slice(name)[at : at + int(self.texts.lengths[i])])
        out = torch.zeros((*batch.ids.shape, parts[0].shape[-1]), dtype=self.dtype)
        for row, part in zip(out, parts):
            row[: part.shape[0]] = part
        return out.to(self.device)

    def on(self, folder: str) -> "Stored":
        """The states in another folder."""
        other = Stored(folder, self.device, self.dtype)
        other.taps = self.taps
        return other

    def groups(self, tokens: int, rng) -> list[list[int]]:
        return groups(self.texts.lengths, tokens, rng)
