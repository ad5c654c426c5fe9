"""The course of a training, step after step, over what a verifier says of texts."""

import torch

from captured import Steps
from schedule import Schedule, average, endless
from states import ahead


def run(step, schedule: Schedule, source, tokens: int, seed: int, report: int, show) -> tuple[int, list[list[float]]]:
    """Trains until the schedule has run out; the epochs begun, and what was reported: the step, then averages.

    `step(*tensors)` makes one update by a batch of about `tokens` tokens of `source` and gives what it came to, f32[n] on the
    device. Every `report` steps `show(steps, epoch, averages)` is called.
    """
    running: list[torch.Tensor] = []
    history: list[list[float]] = []
    steps = Steps(lambda *tensors: average(running, step(*tensors)), source.device, schedule.save)
    found = endless(lambda rng: source.groups(tokens, rng), seed, schedule.steps)
    for epoch, states in ahead(source, found, tokens):
        if schedule.before_step():
            steps.forget()
        steps(*states.tensors())
        more = schedule.after_step()
        if schedule.steps % report == 0 or not more:
            values = [round(value, 4) for value in running[0].tolist()]
            history.append([schedule.steps, *values])
            show(schedule.steps, epoch, values)
        if not more:
            return epoch + 1, history
    raise ValueError("Cannot train: there are no texts")
