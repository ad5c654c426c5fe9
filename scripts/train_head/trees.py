"""Trees of an EAGLE-2 head, replayed on a verifier's own greedy texts: what the runtime's trees come to, computed apart from it."""

import torch
import torch.nn.functional as F

from eagle2 import Eagle2
from layers import rope_tables
from llama import Llama
from texts import Texts


class TreeDrafter:
    """EAGLE-2 trees for one text: `propose` grows the tree after a committed prefix."""

    def __init__(self, head: Eagle2, verifier: Llama, ids: list[int], depth: int, topk: int, size: int):
        self.head, self.verifier = head, verifier
        self.depth, self.topk, self.size = depth, topk, size
        device = verifier.output.device
        text = torch.tensor(ids, device=device)
        hidden, _ = verifier(text[None])  # causal, so every prefix has these rows
        self.cos, self.sin = rope_tables(head.shape, len(ids) + depth + 1, device)
        n = len(ids) - 1
        x, q, k, v = head.project(verifier.embed(text[None, 1:]), hidden[:, :-1], self.cos[:n], self.sin[:n])
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        self.out, self.k, self.v = head.layer.finish(x, y)[0], k, v

    def _children(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probabilities and tokens [rows, topk] after hidden rows."""
        return self.verifier.logits(hidden).log_softmax(dim=-1).topk(self.topk, dim=-1)

    def propose(self, root: int) -> tuple[list[int], list[int]]:
        """Tokens and parents (-1: the root) of the best size - 1 nodes after the token at position `root`."""
        logp, tokens = self._children(self.out[root - 1][None])
        scores, words, parents = logp[0], tokens[0], torch.full((self.topk,), -1)
        pool: list[tuple[float, int, int]] = []  # score, token, parent in the pool
        k_tree, v_tree = self.k[:, :, :0], self.v[:, :, :0]
        seen = torch.zeros((0, 0), dtype=torch.bool)  # which expanded rows an expanded row attends to
        rows_of: dict[int, int] = {}
        hidden_of = self.out[root - 1][None].expand(self.topk, -1)
        for level in range(self.depth):
            first = len(pool)
            pool += list(zip(scores.tolist(), words.tolist(), parents.tolist()))
            if level + 1 == self.depth:
                break
            best, at = scores.topk(min(self.topk, scores.numel()))
            chosen = (at + first).tolist()
            before = len(rows_of)
            grown = torch.zeros((before + len(chosen), before + len(chosen)), dtype=torch.bool)
            grown[:before, :before] = seen
            for i, node in enumerate(chosen):
                parent = pool[node][2]
                if parent >= 0:
                    grown[before + i, :before] = seen[rows_of[parent]]
                grown[before + i, before + i] = True
                rows_of[node] = before + i
            seen = grown
            position = root + level
            x, q, k, v = self.head.project(self.verifier.embed(words[at][None]), hidden_of[at][None], self.cos[position], self.sin[position])
            k_tree, v_tree = torch.cat((k_tree, k), dim=2), torch.cat((v_tree, v), dim=2)
            mask = torch.cat((torch.ones((len(chosen), root), dtype=torch.bool), seen[before:]), dim=1)
            y = F.scaled_dot_product_attention(
                q, torch.cat((self.k[:, :, :root], k_tree), dim=2), torch.cat((self.v[:, :, :root], v_tree), dim=2),
                attn_mask=mask.to(q.device), enable_gqa=True,
            )
            out = self.head.layer.finish(x, y)[0]
            logp, tokens = self._children(out)
            scores, words = (best[:, None] + logp).flatten(), tokens.flatten()
            parents = torch.tensor(chosen).repeat_interleave(self.topk)
            hidden_of = out.repeat_interleave(self.topk, dim=0)
        # Stable order: a parent comes before its children, as its score is no smaller.
        kept = sorted(range(len(pool)), key=lambda i: -pool[i][0])[: self.size - 1]
        index = {node: i for i, node in enumerate(kept)}
        return [pool[i][1] for i in kept], [index.get(pool[i][2], -1) for i in kept]


def accepted(tokens: list[int], parents: list[int], text: list[int]) -> int:
    """How many tokens of `text` a tree holds as a path from its root."""
    node, taken = -1, 0
    for wanted in text:
        found = [i for i, (t, p) in enumerate(zip(tokens, parents)) if t == wanted and p == node]
        if not found:
            break
        node, taken = found[0], taken + 1
    return taken


@torch.no_grad()
def tree_tau(head: Eagle2, verifier: Llama, texts: Texts, depth: int, topk: int, size: int) -> float:
    """Tokens a verifier forward on its greedy texts; the prefill and the token it gives are not counted."""
    rounds, committed = 0, 0
    for i in range(len(texts)):
        ids, root = texts.text(i).tolist(), int(texts.prompts[i])
        drafter = TreeDrafter(head, verifier, ids, depth, topk, size)
        while root < len(ids) - 1:
            taken = accepted(*drafter.propose(root), ids[root + 1 :])
            step = min(taken + 1, len(ids) - 1 - root)
            rounds, committed, root = rounds + 1, committed + step, root + step
    return committed / max(1, rounds)
