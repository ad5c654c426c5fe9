"""tau of the finished trio on unseen problems, from the files as they are stored, in float32.

Greedy verification accepts a proposed token exactly if the verifier's greedy text has it there. So the
verifier's text is made once, and every method is replayed against it.

    python3 scripts/train_demo/evaluate.py --models models/demo --test gsm8k_test.jsonl
"""

import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import data
import export
from eagle2 import Head
from generate import complete
from model import Llama, rope_tables


class TreeDrafter:
    """EAGLE-2 trees for one text: `propose` grows the tree after a committed prefix."""

    def __init__(self, head: Head, verifier: Llama, ids: list[int], depth: int, topk: int, size: int):
        self.head, self.verifier = head, verifier
        self.depth, self.topk, self.size = depth, topk, size
        device = verifier.embed_tokens.device
        text = torch.tensor(ids, device=device)
        hidden = verifier(text[None])  # causal, so every prefix has these rows
        self.cos, self.sin = rope_tables(head.shape, len(ids) + depth + 1, device)
        n = len(ids) - 1
        x, q, k, v = head.project(F.embedding(text[None, 1:], verifier.embed_tokens), hidden[:, :-1],
                                  self.cos[:n], self.sin[:n])
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
            x, q, k, v = self.head.project(F.embedding(words[at][None], self.verifier.embed_tokens),
                                           hidden_of[at][None], self.cos[position], self.sin[position])
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


def tree_tau(head: Head, verifier: Llama, texts: list[data.Text], depth: int, topk: int, size: int) -> float:
    """Tokens a verifier forward; the prefill and the token it gives are not counted."""
    rounds, committed = 0, 0
    for text in texts:
        drafter = TreeDrafter(head, verifier, text.ids, depth, topk, size)
        root = text.prompt
        while root < len(text.ids) - 1:
            taken = accepted(*drafter.propose(root), text.ids[root + 1 :])
            step = min(taken + 1, len(text.ids) - 1 - root)
            rounds, committed, root = rounds + 1, committed + step, root + step
    return committed / max(1, rounds)


def sequence_tau(draft: Llama, texts: list[data.Text], most: int) -> tuple[float, float]:
    """Top-1 agreement of the draft model, and tokens a target forward with sequences of `most` tokens."""
    same, count, rounds, committed = 0, 0, 0, 0
    for text in texts:
        ids = torch.tensor(text.ids, device=draft.embed_tokens.device)
        hit = (draft.logits(draft(ids[None])[0, :-1]).argmax(dim=-1) == ids[1:]).tolist()
        same, count = same + sum(hit[text.prompt :]), count + len(hit) - text.prompt
        root = text.prompt
        while root < len(hit):
            taken = 0
            while taken < most and root + taken < len(hit) and hit[root + taken]:
                taken += 1
            step = min(taken + 1, len(hit) - root)
            rounds, committed, root = rounds + 1, committed + step, root + step
    return same / max(1, count), committed / max(1, rounds)


@torch.no_grad()
def report(models: Path, test: str, count: int, room: int, settings, device, log) -> dict:
    """Measures the trio in `models` on the first `count` problems; what it logs it also returns."""
    tokenizer = Tokenizer.from_file(str(models / "target" / "tokenizer.json"))
    end = tokenizer.token_to_id(data.EOS)
    problems = data.load(test)[:count]
    prompts = [tokenizer.encode(data.prompt_text(p.question)).ids for p in problems]
    target, draft = (export.load_model(models / n, torch.float32, device) for n in ("target", "draft"))
    texts = complete(target, prompts, end, room)
    drafted = complete(draft, prompts, end, room)
    answers = [tokenizer.decode(t.ids[t.prompt :]) for t in texts]
    right = sum(a.split("####")[-1].strip() == p.answer.split("####")[-1].strip() for a, p in zip(answers, problems))
    result: dict = {"problems": count, "tokens": sum(len(t.ids) - t.prompt for t in texts), "right": right}
    for problem, answer in list(zip(problems, answers))[:2]:
        log(f"{problem.question!r} -> {answer!r}")
    log(f"{result['tokens']} tokens, right answers {right} of {count}")
    for most in (6, 8, 10, 12):
        same, tau = sequence_tau(draft, texts, most)
        result[f"hier sequence {most}"] = round(tau, 3)
        result["agreement"] = round(same, 4)
        log(f"hier, sequences of {most}: agreement {same:.4f}, {tau:.3f} tokens a target forward")
    cases = (("eagle2 target", "target-eagle2", target, texts), ("eagle2 draft", "draft-eagle2", draft, drafted))
    for name, folder, verifier, own in cases:
        head = export.load_head(models / folder, torch.float32, device)
        for depth, topk, size in settings:
            tau = tree_tau(head, verifier, own, depth, topk, size)
            result[f"{name} depth {depth} topk {topk} size {size}"] = round(tau, 3)
            log(f"{name}, depth {depth}, topk {topk}, size {size}: tau {tau:.3f}")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True, help="the folder of target, draft and the heads")
    parser.add_argument("--test", required=True, help="the GSM8K test split, JSON lines")
    parser.add_argument("--problems", type=int, default=40)
    parser.add_argument("--tokens", type=int, default=160)
    args = parser.parse_args()
    trees = [(3, 4, 12), (5, 8, 32), (6, 10, 60)]
    measured = report(Path(args.models), args.test, args.problems, args.tokens, trees, torch.device("cpu"), print)
    print(json.dumps(measured, indent=1))
