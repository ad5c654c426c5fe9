"""Optimizer, learning rate, and the checkpoint that lets a killed run go on."""

import math
import os
import random
import time
from pathlib import Path

import torch

from layers import refresh


class Schedule:
    """AdamW with warm-up and cosine decay over `steps` steps or `seconds` seconds, whichever ends first.

    From the share `quantized_from` of it on, linear layers that have a grid see their own 4-bit weights. State is kept in
    `path` every `keep` seconds and found there again; it is removed by `finish`.
    """

    def __init__(self, model, peak: float, steps: float, seconds: float, decay: float, path: Path, quantized_from: float = 1.0, keep: float = 30.0):
        trained = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            [{"params": [p for p in trained if p.ndim > 1], "weight_decay": decay}, {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0}],
            lr=peak, betas=(0.9, 0.95), fused=trained[0].is_cuda,
        )
        self.model, self.trained, self.peak = model, trained, peak
        self.total, self.seconds, self.quantized_from = steps, seconds, quantized_from
        self.path, self.keep = path, keep
        self.steps, self.before = 0, 0.0
        if path.exists():
            state = torch.load(path, map_location=trained[0].device, weights_only=True)
            model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.steps, self.before = state["steps"], state["seconds"]
        self.begin = self.kept = time.time()

    @property
    def elapsed(self) -> float:
        """Seconds of training, those before a kill counted in."""
        return self.before + time.time() - self.begin

    @property
    def progress(self) -> float:
        return max(self.steps / self.total, self.elapsed / self.seconds)

    def step(self, loss: torch.Tensor) -> bool:
        """One update; false once the schedule has run out."""
        progress = min(1.0, self.progress)
        warm = min(1.0, (self.steps + 1) / 50)
        rate = self.peak * warm * (0.02 + 0.49 * (1 + math.cos(math.pi * progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.steps += 1
        if progress >= self.quantized_from and self.steps % 16 == 0:
            refresh(self.model)
        if time.time() - self.kept > self.keep:
            self.save()
        return self.progress < 1

    def save(self) -> None:
        """The state, whole or not at all."""
        part = self.path.with_suffix(".part")
        torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "steps": self.steps, "seconds": self.elapsed}, part)
        os.replace(part, self.path)
        self.kept = time.time()

    def finish(self) -> None:
        self.path.unlink(missing_ok=True)


def endless(make_groups, seed: int, skip: int):
    """(epoch, group) for ever, without the first `skip`: `make_groups(rng)` gives those of one epoch."""
    epoch = 0
    while True:
        found = make_groups(random.Random(seed * 1000 + epoch))
        for group in found[skip:]:
            yield epoch, group
        skip = max(0, skip - len(found))
        epoch += 1
