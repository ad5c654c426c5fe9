"""The course of a training: learning rate, when weights are seen in 4 bits, and the checkpoint that lets a killed run go on."""

import math
import os
import random
import time
from pathlib import Path

import torch

from layers import refresh
from optimizer import Optimizer

#: Steps between two fits of 4-bit scales to their weights.
REFRESH = 32


class Schedule:
    """Warm-up, then a decay to zero that is linear over `steps` steps or `seconds` seconds, whichever ends first.

    From the share `quantized_from` of it on, linear layers that have a grid see their own 4-bit weights. State is kept in
    `path` every `keep` seconds and found there again; it is removed by `finish`.
    """

    def __init__(self, model, peak: float, steps: float, seconds: float, decay: float, path: Path, quantized_from: float = 1.0, keep: float = 20.0):
        self.optimizer = Optimizer(model, decay)
        self.model, self.trained, self.peak = model, [p for p in model.parameters() if p.requires_grad], peak
        self.total, self.seconds, self.quantized_from = steps, seconds, quantized_from
        self.path, self.keep = path, keep
        self.steps, self.before = 0, 0.0
        if path.exists():
            state = torch.load(path, map_location=self.trained[0].device, weights_only=True)
            model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.steps, self.before = state["steps"], state["seconds"]
        self.begin = self.kept = time.time()
        self.rounded = False

    @property
    def elapsed(self) -> float:
        """Seconds of training, those before a kill counted in."""
        return self.before + time.time() - self.begin

    @property
    def progress(self) -> float:
        return max(self.steps / self.total, self.elapsed / self.seconds)

    def before_step(self) -> bool:
        """Sets the rate and the grids of the step that comes; whether weights are seen in 4 bits from it on."""
        progress = min(1.0, self.progress)
        warm = min(1.0, max((self.steps + 1) / 100, progress / 0.05))
        self.optimizer.set_rate(self.peak * warm * max(0.01, min(1.0, 1.25 * (1 - progress))))
        turns = progress >= self.quantized_from and not self.rounded
        if turns or self.rounded and self.steps % REFRESH == 0:
            refresh(self.model)
            self.rounded = True
        return turns

    def update(self, loss: torch.Tensor) -> None:
        """One update by the gradient of `loss`; nothing of it is decided by the host."""
        for p in self.trained:
            p.grad = None
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()

    def after_step(self) -> bool:
        """Counts the step; false once the schedule has run out."""
        self.steps += 1
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


def average(running: list[torch.Tensor], now: torch.Tensor) -> None:
    """Lets the running average, alone in its list once there is one, follow what a step came to."""
    if running:
        running[0].lerp_(now, 0.01)
    else:
        running.append(now.clone())


def endless(make_groups, seed: int, skip: int):
    """(epoch, group) for ever, without the first `skip`: `make_groups(rng)` gives those of one epoch."""
    epoch = 0
    while True:
        found = make_groups(random.Random(seed * 1000 + epoch))
        for group in found[skip:]:
            yield epoch, group
        skip = max(0, skip - len(found))
        epoch += 1
