"""The training loops: the target on texts, the draft model on the target."""

import math
import random
import time

import torch
import torch.nn.functional as F

from data import Text, batches
from model import Llama


class Schedule:
    """Warm-up and cosine decay over `total` steps, hurried along if `seconds` would not suffice."""

    def __init__(self, model: torch.nn.Module, peak: float, total: int, seconds: float, decay: float):
        matrices = [p for p in model.parameters() if p.ndim > 1]
        vectors = [p for p in model.parameters() if p.ndim < 2]
        fused = matrices[0].is_cuda
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=peak, betas=(0.9, 0.95), fused=fused,
        )
        self.model, self.peak, self.total, self.seconds = model, peak, total, seconds
        self.begin, self.steps, self.progress = time.time(), 0, 0.0

    def step(self, loss: torch.Tensor) -> bool:
        """One update; false once the schedule has run out."""
        warm = min(1.0, (self.steps + 1) / max(1, min(100, self.total // 10)))
        rate = self.peak * warm * (0.02 + 0.49 * (1 + math.cos(math.pi * self.progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.steps += 1
        elapsed = (time.time() - self.begin) / self.seconds
        self.progress = max(self.steps / self.total, elapsed)
        return self.progress < 1


def _answer_mask(ids, prompt, length, skip: int = 0):
    """True where position i predicts a token of the answer; `skip` leaves prompt tokens out or in."""
    at = torch.arange(ids.shape[1] - 1, device=ids.device)[None] + 1
    return (at >= prompt[:, None] * (1 - skip)) & (at < length[:, None])


@torch.no_grad()
def text_loss(model: Llama, texts: list[Text], tokens: int, pad: int) -> float:
    """Mean cross entropy, in nats, of the answers under the quantized model."""
    frozen = model.frozen(torch.float32)
    total, count = 0.0, 0.0
    for ids, prompt, length in batches(texts, tokens, random.Random(0), pad, model.embed_tokens.device):
        logits = frozen.logits(frozen(ids)[:, :-1])
        ce = F.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
        mask = _answer_mask(ids, prompt, length)
        total, count = total + float((ce * mask).sum()), count + float(mask.sum())
    return total / count


@torch.no_grad()
def agreement(model: Llama, greedy: list[Text], tokens: int, pad: int, most: int) -> tuple[float, float]:
    """How a draft model fares on its target's greedy texts: top-1 agreement, tokens a target forward.

    The latter for sequences of `most` tokens, the bonus token included.
    """
    frozen = model.frozen(torch.float32)
    same, count, rounds, committed = 0, 0, 0, 0
    for ids, prompt, length in batches(greedy, tokens, random.Random(0), pad, model.embed_tokens.device):
        best = frozen.logits(frozen(ids)[:, :-1]).argmax(dim=-1)
        hit = (best == ids[:, 1:]).tolist()
        for row, p, n in zip(hit, prompt.tolist(), length.tolist()):
            same, count = same + sum(row[p - 1 : n - 1]), count + n - p
            at = p  # the token at `at` is committed already: prefill gave it
            while at < n - 1:
                taken = 0
                while taken < most and at + taken < n - 1 and row[at + taken]:
                    taken += 1
                rounds, committed = rounds + 1, committed + min(taken + 1, n - 1 - at)
                at += taken + 1
    return same / max(1, count), committed / max(1, rounds)


def _epochs(corpora: list[list[Text]], tokens: int, seed: int, pad: int, device):
    """Batches for ever; epoch e reads corpus e modulo their number."""
    epoch = 0
    while True:
        rng = random.Random(seed * 1000 + epoch)
        yield from ((epoch, b) for b in batches(corpora[epoch % len(corpora)], tokens, rng, pad, device))
        epoch += 1


def _autocast(device):
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def train_target(model: Llama, corpora, validation, recipe: dict, seed: int, pad: int, log) -> dict:
    """Next-token training; from the recipe's share of its steps on it sees its own 4-bit weights."""
    device = model.embed_tokens.device
    schedule = Schedule(model, recipe["rate"], recipe["steps"], recipe["seconds"], 0.1)
    running, history = 0.0, []
    for epoch, (ids, _prompt, length) in _epochs(corpora, recipe["tokens"], seed, pad, device):
        if schedule.progress >= recipe["quantized_from"] and schedule.steps % 16 == 0:
            model.refresh_scales()
        with _autocast(device):
            logits = model.logits(model(ids, recipe["dropout"])[:, :-1]).float()
        ce = F.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
        mask = _answer_mask(ids, _prompt, length, skip=1)
        loss = (ce * mask).sum() / mask.sum()
        more = schedule.step(loss)
        running = loss.detach() if schedule.steps == 1 else 0.98 * running + 0.02 * loss.detach()
        if schedule.steps % recipe["report"] == 0 or not more:
            value = text_loss(model, validation, recipe["tokens"], pad)
            history.append([schedule.steps, round(float(running), 4), round(value, 4)])
            log(f"step {schedule.steps} epoch {epoch} train {float(running):.4f} "
                f"4-bit validation answers {value:.4f} {time.time() - schedule.begin:.0f}s")
        if not more:
            return {"steps": schedule.steps, "epochs": epoch + 1, "validation": history[-1][2], "history": history}


def train_draft(model: Llama, target, corpora, greedy, recipe: dict, seed: int, pad: int, log) -> dict:
    """Distillation: KL to the distribution of the target, a frozen one of `train_head`, plus cross entropy on its best token."""
    device = model.embed_tokens.device
    schedule = Schedule(model, recipe["rate"], recipe["steps"], recipe["seconds"], 0.02)
    running, history = 0.0, []
    for epoch, (ids, prompt, length) in _epochs(corpora, recipe["tokens"], seed, pad, device):
        if schedule.progress >= 0.5 and schedule.steps % 16 == 0:
            model.refresh_scales()
        with torch.no_grad():
            goal = target.logits(target(ids)[0][:, :-1]).float()
            best, goal = goal.argmax(dim=-1), goal.softmax(dim=-1)
        with _autocast(device):
            logits = model.logits(model(ids, recipe["dropout"])[:, :-1]).float()
        logp = F.log_softmax(logits, dim=-1)
        kl = (goal * (goal.clamp(min=1e-9).log() - logp)).sum(dim=-1)
        hard = -logp.gather(2, best[..., None])[..., 0]
        inside = _answer_mask(ids, prompt, length, skip=1)
        weight = torch.where(_answer_mask(ids, prompt, length), 1.0, 0.1) * inside
        loss = ((kl + 0.5 * hard) * weight).sum() / weight.sum()
        more = schedule.step(loss)
        running = loss.detach() if schedule.steps == 1 else 0.98 * running + 0.02 * loss.detach()
        if schedule.steps % recipe["report"] == 0 or not more:
            same, tokens = agreement(model, greedy, recipe["tokens"], pad, 8)
            history.append([schedule.steps, round(float(running), 4), round(same, 4), round(tokens, 3)])
            log(f"step {schedule.steps} epoch {epoch} loss {float(running):.4f} 4-bit agreement {same:.4f} "
                f"tokens a forward {tokens:.3f} {time.time() - schedule.begin:.0f}s")
        if not more:
            return {"steps": schedule.steps, "epochs": epoch + 1, "agreement": history[-1][2], "history": history}
