"""What a head learns from: the taps and last hidden states of a verifier on texts, computed or read."""

import copy
from dataclasses import dataclass

import torch

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

    def __init__(self, model: str, texts: Texts, taps: tuple[int, ...], device, dtype: torch.dtype):
        self.verifier = models.load_model(model, dtype, device)
        self.texts, self.taps, self.device = texts, taps, device

    @property
    def shape(self) -> Shape:
        return self.verifier.shape

    @torch.no_grad()
    def of(self, group: list[int]) -> States:
        batch = batch_of(self.texts, group, self.device)
        hidden, taps = self.verifier(batch.ids, self.taps)
        return States(batch, hidden, taps, self.verifier)

    def on(self, texts: Texts) -> "Computed":
        """The same verifier on other texts."""
        other = copy.copy(self)
        other.texts = texts
        return other

    def groups(self, tokens: int, rng) -> list[list[int]]:
        return groups(self.texts.lengths, tokens, rng)
