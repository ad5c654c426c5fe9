"""Accept lengths of greedy chains against a verifier's own greedy texts.

Greedy verification accepts a drafted token exactly if the verifier's text has it there, so that chains of all positions
are drafted at once and rounds are replayed on the text.
"""

import random

import torch

from llama import Llama
from texts import Texts, batch_of, groups


def replay(drafted: list[list[int]], ids: list[int], prompt: int) -> tuple[int, int]:
    """Rounds and committed tokens: drafted[i] is what was drafted behind token i + 1. Prefill's token is not counted."""
    root, rounds, committed = prompt, 0, 0
    while root < len(ids) - 1:
        taken = 0
        for token in drafted[root - 1]:
            if root + 1 + taken >= len(ids) or token != ids[root + 1 + taken]:
                break
            taken += 1
        step = min(taken + 1, len(ids) - 1 - root)
        rounds, committed, root = rounds + 1, committed + step, root + step
    return rounds, committed


@torch.no_grad()
def chain_tau(head, source, steps: int, tokens: int = 8192) -> float:
    """Tokens a verifier's forward for chains of `steps` tokens on the greedy texts of `source`."""
    rounds = committed = 0
    for group in source.groups(tokens, random.Random(0)):
        states = source.of(group)
        drafted = head.draft(states, steps).tolist()
        for row, i in zip(drafted, group):
            r, c = replay(row, source.texts.text(i).tolist(), int(source.texts.prompts[i]))
            rounds, committed = rounds + r, committed + c
    return committed / max(1, rounds)


@torch.no_grad()
def accept_lengths(model: Llama, texts: Texts, chains: tuple[int, ...], device) -> tuple[float, dict[int, float]]:
    """Share of the tokens of greedy texts that it would have chosen, and tokens a forward for chains of several lengths."""
    same = count = 0
    totals = {n: [0, 0] for n in chains}
    for group in groups(texts.lengths, 8192, random.Random(0)):
        batch = batch_of(texts, group, device)
        hidden, _ = model(batch.ids)
        best = torch.stack([model.logits(row).argmax(dim=-1) for row in hidden])
        answers = batch.answers(1) & batch.inside(1)
        same += int(((best[:, :-1] == batch.ids[:, 1:]) & answers[:, :-1]).sum())
        count += int(answers[:, :-1].sum())
        for row, i in zip(best.tolist(), group):
            ids = texts.text(i).tolist()
            for n in chains:
                # Behind tokens that were right the model is in the text, so a chain is what it chooses there.
                drafted = [row[at + 1 : at + 1 + n] for at in range(len(ids))]
                r, c = replay(drafted, ids, int(texts.prompts[i]))
                totals[n][0] += r
                totals[n][1] += c
    return same / max(1, count), {n: c / max(1, r) for n, (r, c) in totals.items()}
