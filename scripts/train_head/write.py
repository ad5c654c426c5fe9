"""Lets a model write texts in large batches: what heads and draft models learn from.

Slots hold sequences of their own lengths; a finished one is taken out and a new prompt read into its slot. A step over all
slots is a CUDA graph, one for each bucket of cached positions.
"""

import time

import torch
import torch.nn.functional as F

from layers import rope_tables
from llama import Llama

try:
    from decode_attention import decode_attention
except ImportError:  # Triton is there on machines with a GPU alone
    decode_attention = None

#: Steps between two looks at what is finished.
STRIDE = 16
BUCKET = 128


def _plain_attention(q, keys, values, length):
    """q [b, kv, g, d], already scaled; keys and values [b, kv, n, d]; row b sees its first length[b] + 1 positions."""
    n = keys.shape[2]
    unseen = torch.arange(n, device=q.device)[None] > length[:, None]
    scores = (q @ keys.transpose(2, 3)).float().masked_fill(unseen[:, None, None], -torch.inf)
    return scores.softmax(dim=-1).to(values.dtype) @ values


def _of_similar_lengths(fresh):
    """(slot, job) each, in up to three groups: what is read together is padded to one width."""
    group = lambda pair: (len(pair[1][0]) > 64) + (len(pair[1][0]) > 192)
    return [some for n in range(3) if (some := [pair for pair in fresh if group(pair) == n])]


class Writer:
    """A model that writes on `slots` sequences of at most `room` tokens."""

    def __init__(self, model: Llama, slots: int, room: int, log=print):
        s, device, dtype = model.shape, model.output.device, model.output.dtype
        self.model, self.slots, self.room, self.log = model, slots, room, log
        self.device = device
        shape = (s.num_hidden_layers, slots, s.num_key_value_heads, room, s.head_dim)
        self.k = torch.zeros(shape, device=device, dtype=dtype)
        self.v = torch.zeros(shape, device=device, dtype=dtype)
        self.text = torch.zeros((slots, room), device=device, dtype=torch.int64)
        self.length = torch.zeros(slots, device=device, dtype=torch.int64)  # cached positions
        self.limit = torch.zeros(slots, device=device, dtype=torch.int64)  # tokens at most
        self.heat = torch.zeros(slots, device=device)
        self.done = torch.ones(slots, device=device, dtype=torch.bool)
        self.cos, self.sin = rope_tables(s, room, device)
        self.rows = torch.arange(slots, device=device)
        self.ends: torch.Tensor = torch.zeros(0, device=device, dtype=torch.int64)
        self.graphs: dict[int, torch.cuda.CUDAGraph] = {}
        self.attention = self._choose_attention()
        self.open: list = []

    def _choose_attention(self):
        """The Triton kernel where there is one and it gives what plain products give; says which."""
        if self.device.type != "cuda" or decode_attention is None:
            return _plain_attention
        s = self.model.shape
        q = torch.randn((4, s.num_key_value_heads, s.num_attention_heads // s.num_key_value_heads, s.head_dim), device=self.device, dtype=self.k.dtype)
        k, v = torch.randn((2, 4, s.num_key_value_heads, 256, s.head_dim), device=self.device, dtype=self.k.dtype)
        length = torch.tensor([0, 63, 64, 200], device=self.device)
        try:
            off = (decode_attention(q, k, v, length) - _plain_attention(q, k, v, length)).abs().max().item()
        except Exception as error:
            self.log(f"plain attention: the Triton kernel failed, {error!r}")
            return _plain_attention
        if not off < 0.02:
            self.log(f"plain attention: the Triton kernel is off by {off}")
            return _plain_attention
        self.log(f"Triton attention, off by {off:.2g}")
        return decode_attention

    def _step(self, bucket: int) -> None:
        """One token for every slot; slots that are done stay as they are."""
        m = self.model
        at = self.length
        token = self.text[self.rows, at]
        cos, sin = self.cos[at].view(-1, 1, 1, m.shape.head_dim), self.sin[at].view(-1, 1, 1, m.shape.head_dim)
        x = m.embed(token).unsqueeze(1)
        for i, layer in enumerate(m.layers):
            q, k, v = layer.project(x, cos, sin)
            self.k[i, self.rows, :, at], self.v[i, self.rows, :, at] = k[:, :, 0], v[:, :, 0]
            q = q.view(self.slots, k.shape[1], -1, k.shape[-1]) * k.shape[-1] ** -0.5
            y = self.attention(q, self.k[i, :, :, :bucket], self.v[i, :, :, :bucket], at)
            x = layer.finish(x, y.reshape(self.slots, -1, 1, k.shape[-1]))
        logits = m.logits(m.norm(x[:, 0])).float()
        noise = -torch.log(-torch.log(torch.rand_like(logits).clamp(1e-9, 1 - 1e-7)))
        new = (logits + self.heat[:, None] * noise).argmax(dim=-1)
        after = (at + 1).clamp(max=self.room - 1)
        self.text[self.rows, after] = torch.where(self.done, self.text[self.rows, after], new)
        self.length.copy_(torch.where(self.done, at, after))
        ended = (new[:, None] == self.ends).any(dim=1) | (after + 1 >= self.limit)
        self.done.logical_or_(ended)

    def _run(self, bucket: int) -> None:
        """STRIDE steps."""
        if self.device.type != "cuda":
            for _ in range(STRIDE):
                self._step(bucket)
            return
        if bucket not in self.graphs:
            self.graphs[bucket] = self._capture(bucket)
        for _ in range(STRIDE):
            self.graphs[bucket].replay()

    def _capture(self, bucket: int):
        kept = [x.clone() for x in (self.text, self.length, self.done)]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(2):
                self._step(bucket)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step(bucket)
        for x, before in zip((self.text, self.length, self.done), kept):
            x.copy_(before)
        return graph

    def _read(self, slots: list[int], jobs: list[tuple[list[int], int, float]]) -> None:
        """Reads prompts into slots: all but their last token into the caches."""
        width = min(-(-max(len(ids) for ids, _, _ in jobs) // 32) * 32, self.room)
        host = torch.zeros((len(jobs), width), dtype=torch.int64)
        for row, (ids, _, _) in enumerate(jobs):
            host[row, : len(ids)] = torch.tensor(ids)
        ids, at = host.to(self.device), torch.tensor(slots, device=self.device)
        x = self.model.embed(ids)
        for i, layer in enumerate(self.model.layers):
            q, k, v = layer.project(x, self.cos[:width], self.sin[:width])
            self.k[i, at, :, :width], self.v[i, at, :, :width] = k, v
            if i + 1 < len(self.model.layers):
                x = layer.finish(x, F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True))
        self.text[at, :width] = ids
        column = lambda values, dtype=torch.int64: torch.tensor(values, device=self.device, dtype=dtype)
        self.length[at] = column([len(ids) - 1 for ids, _, _ in jobs])
        self.limit[at] = column([min(self.room, len(ids) + more) for ids, more, _ in jobs])
        self.heat[at] = column([heat for _, _, heat in jobs], torch.float32)
        self.done[at] = False

    @torch.no_grad()
    def write(self, jobs, ends: list[int], until: float):
        """Yields (job, ids) of jobs as they are finished, until they or the time (`time.time()`) run out.

        A job is (prompt, tokens at most, temperature, ...); it ends with one of `ends`, at its limit, or where the room ends.
        """
        # A graph holds the tensor that it was captured with, so all its writes have the same ends.
        self.ends = torch.tensor(ends, device=self.device)
        self.graphs.clear()
        self.done.fill_(True)
        jobs, held = iter(jobs), [None] * self.slots
        free = list(range(self.slots))
        open_jobs = True
        while time.time() < until:
            fresh = []
            while free and open_jobs and len(fresh) < 256:
                job = next(jobs, None)
                if job is None:
                    open_jobs = False
                    break
                fresh.append((free.pop(), job))
            if fresh:
                for slot, job in fresh:
                    held[slot] = job
                for some in _of_similar_lengths(fresh):
                    self._read([slot for slot, _ in some], [job[:3] for _, job in some])
                if free and open_jobs:
                    continue
            if len(free) == self.slots:
                return
            longest = int(torch.where(self.done, 0, self.length).max()) + STRIDE + 1
            self._run(min(self.room, -(-longest // BUCKET) * BUCKET))
            busy = torch.ones(self.slots, dtype=torch.bool)
            busy[free] = False
            finished = (self.done.cpu() & busy).nonzero()[:, 0].tolist()
            if finished:
                texts = self.text[finished].cpu().numpy()
                lengths = self.length[finished].tolist()
                for slot, text, length in zip(finished, texts, lengths):
                    yield held[slot], text[: length + 1].tolist()
                    held[slot] = None
                free += finished
        self.open = held

    def unfinished(self):
        """(job, ids) of what the end of the time has cut."""
        texts, lengths = self.text.cpu().numpy(), self.length.tolist()
        for job, text, length in zip(self.open, texts, lengths):
            if job is not None:
                yield job, text[: length + 1].tolist()
