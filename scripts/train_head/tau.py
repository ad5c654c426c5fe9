"""Accept lengths of greedy chains against a verifier's own greedy texts.

Greedy verification accepts a drafted token exactly if the verifier's text has it there, so that chains of all positions
are drafted at once and rounds are replayed on the text.
"""

import torch


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
    import random

    rounds = committed = 0
    for group in source.groups(tokens, random.Random(0)):
        states = source.of(group)
        drafted = head.draft(states, steps).tolist()
        for row, i in zip(drafted, group):
            r, c = replay(row, source.texts.text(i).tolist(), int(source.texts.prompts[i]))
            rounds, committed = rounds + r, committed + c
    return committed / max(1, rounds)
