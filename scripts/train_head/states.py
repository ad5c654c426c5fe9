"""What a head learns from: the taps and last hidden states of a verifier on texts, computed or read."""

import copy
import itertools
import json
import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import models
from layers import Shape
from llama import Llama
from texts import Batch, Texts, batch_of, groups, rows_of, width_of

#: Tokens that the verifier reads at once, and groups that are read before they are taken in turn.
READ, AHEAD = 32768, 64


@dataclass
class States:
    """Of a batch: hidden states after the final norm [b, t, H], and the taps, [b, t, H] each."""

    batch: Batch
    hidden: torch.Tensor
    taps: list[torch.Tensor]
    verifier: Llama

    def tensors(self) -> list[torch.Tensor]:
        """All that differs between batches; `with_tensors` makes the states of such ones."""
        return [self.batch.ids, self.batch.prompt, self.batch.length, self.hidden, *self.taps]

    @staticmethod
    def with_tensors(tensors, verifier: Llama) -> "States":
        ids, prompt, length, hidden, *taps = tensors
        return States(Batch(ids, prompt, length), hidden, taps, verifier)

    def parts(self, rows: int) -> list["States"]:
        """The states of each `rows` texts."""
        return [States.with_tensors(some, self.verifier) for some in zip(*(x.split(rows) for x in self.tensors()))]


class Computed:
    """The verifier reads each batch anew, or keeps the hidden states of what it has read where `keep` says so."""

    def __init__(self, model: str, texts: Texts, device, dtype: torch.dtype, keep: bool = False):
        self.verifier = models.load_model(model, dtype, device)
        self.shape: Shape = self.verifier.shape
        self.texts, self.device = texts, device
        self.taps: tuple[int, ...] = ()
        self.read = np.zeros(len(texts), bool)
        # One row more takes what is outside of texts.
        self.kept = torch.empty((len(texts.ids) + 1, self.shape.hidden_size), dtype=dtype, device=device) if keep else None

    @torch.no_grad()
    def of(self, group: list[int]) -> States:
        batch = batch_of(self.texts, group, self.device)
        hidden, taps = self.verifier(batch.ids, self.taps)
        return States(batch, hidden, taps, self.verifier)

    @torch.no_grad()
    def many(self, some: list[list[int]], tokens: int) -> list[States]:
        """The states of several groups of one width, each of the size that groups of `tokens` tokens have."""
        rows = rows_of(width_of(self.texts.lengths[some[0]]), tokens)
        found = [batch_of(self.texts, group, self.device, rows) for group in some]
        batch = Batch(*(torch.cat([getattr(b, name) for b in found]) for name in ("ids", "prompt", "length")))
        if self.kept is None:
            return States(batch, *self.verifier(batch.ids, self.taps), self.verifier).parts(rows)
        starts = np.concatenate([np.pad(self.texts.starts[group], (0, rows - len(group))) for group in some])
        at = torch.arange(batch.ids.shape[1], device=self.device)[None] + torch.from_numpy(starts).to(self.device)[:, None]
        place = torch.where(batch.inside(0), at, len(self.kept) - 1)
        whole = [i for group in some for i in group]
        if not self.read[whole].all():
            self.kept[place] = self.verifier(batch.ids)[0]
            self.read[whole] = True
        return States(batch, self.kept[place], [], self.verifier).parts(rows)

    def on(self, texts: str) -> "Computed":
        """The same verifier on other texts, those in a file."""
        other = copy.copy(self)
        other.texts, other.kept = Texts.load(texts), None
        return other

    def groups(self, tokens: int, rng) -> list[list[int]]:
        return groups(self.texts.lengths, tokens, rng)


def ahead(source, found, tokens: int):
    """(epoch, states) of (epoch, group) each; a verifier reads groups of one width together, so they come in another order."""
    device = torch.device(source.device)
    count, at_once = (AHEAD, max(1, READ // tokens)) if device.type == "cuda" else (1, 1)
    while some := list(itertools.islice(found, count)):
        by_width: dict[int, list] = {}
        for epoch, group in some:
            by_width.setdefault(width_of(source.texts.lengths[group]), []).append((epoch, group))
        out = []
        for pairs in by_width.values():
            for start in range(0, len(pairs), at_once):
                taken = pairs[start : start + at_once]
                out += [(epoch, states) for (epoch, _), states in zip(taken, source.many([group for _, group in taken], tokens))]
        random.Random(0).shuffle(out)
        yield from out


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

    def of(self, group: list[int], rows: int = 0) -> States:
        missing = [tap for tap in self.taps if tap not in self.kept]
        if missing:
            raise ValueError(f"Cannot train on {self.folder}: its taps are {self.kept}, expected {list(self.taps)} among them")
        batch = batch_of(self.texts, group, self.device, rows)
        hidden = self._rows(group, "hidden", batch)
        if not self.taps:
            return States(batch, hidden, [], self.verifier)
        streams = self._rows(group, "taps", batch).chunk(len(self.kept), dim=-1)
        return States(batch, hidden, [streams[self.kept.index(tap)] for tap in self.taps], self.verifier)

    def many(self, some: list[list[int]], tokens: int) -> list[States]:
        """As `Computed.many`."""
        rows = rows_of(width_of(self.texts.lengths[some[0]]), tokens)
        return [self.of(group, rows) for group in some]

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
