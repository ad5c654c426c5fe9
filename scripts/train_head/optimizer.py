"""Muon for the matrices inside layers, AdamW for everything else, as one optimizer.

All of an update is done by tensors on the device, the rate too, so that it can be part of a CUDA graph.
"""

import torch

from layers import Linear

#: A quintic whose repetition brings singular values to about one.
_A, _B, _C, _TIMES = 3.4445, -4.7750, 2.0315, 5
#: The rate of AdamW's share of a model, tables above all, as a part of that of the matrices.
OTHERS = 0.4


def orthogonal(m: torch.Tensor) -> torch.Tensor:
    """Of matrices [c, n, k]: those with their singular vectors and singular values of about one."""
    x = m.bfloat16() if m.is_cuda else m
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_TIMES):
        a = x @ x.mT
        x = _A * x + (_B * a + _C * (a @ a)) @ x
    return (x.mT if tall else x).float()


def hidden_matrices(model) -> list[torch.nn.Parameter]:
    """Weights of linear layers whose rows and columns are features, of which none stands for a token."""
    found = {id(part.weight): part.weight for part in model.modules() if isinstance(part, Linear) and not part.table}
    return [p for p in found.values() if p.requires_grad]


class Optimizer:
    """Muon's updates are of the size, by root mean square, that AdamW's have at the same rate; `decay` is decoupled."""

    def __init__(self, model, decay: float, momentum: float = 0.95):
        trained = [p for p in model.parameters() if p.requires_grad]
        self.matrices, self.momentum, self.decay = hidden_matrices(model), momentum, decay
        inside = {id(p) for p in self.matrices}
        others = [p for p in trained if id(p) not in inside]
        cuda = trained[0].is_cuda
        self.rate = torch.zeros((), device=trained[0].device)
        self.shapes: dict[torch.Size, list[int]] = {}
        for i, p in enumerate(self.matrices):
            self.shapes.setdefault(p.shape, []).append(i)
        self.moments = [torch.zeros((len(some), *shape), device=self.rate.device) for shape, some in self.shapes.items()]
        self.adam = torch.optim.AdamW(
            [{"params": [p for p in others if p.ndim > 1], "weight_decay": decay}, {"params": [p for p in others if p.ndim < 2], "weight_decay": 0.0}],
            lr=torch.zeros((), device=self.rate.device) if cuda else 0.0, betas=(0.9, 0.95), fused=cuda, capturable=cuda,
        )

    def set_rate(self, rate: float) -> None:
        self.rate.fill_(rate)
        for group in self.adam.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(OTHERS * rate)
            else:
                group["lr"] = OTHERS * rate

    @torch.no_grad()
    def step(self) -> None:
        """One update of all parameters by their gradients."""
        self.adam.step()
        for moment, (shape, some) in zip(self.moments, self.shapes.items()):
            grads = torch.stack([self.matrices[i].grad for i in some])
            moment.lerp_(grads, 1 - self.momentum)
            update = orthogonal(grads.lerp(moment, self.momentum)) * (0.2 * max(shape) ** 0.5)
            weights = [self.matrices[i] for i in some]
            torch._foreach_mul_(weights, 1 - self.rate * self.decay)
            torch._foreach_add_(weights, list((update * -self.rate).unbind()))

    def state_dict(self) -> dict:
        return {"moments": self.moments, "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        for moment, kept in zip(self.moments, state["moments"], strict=True):
            moment.copy_(kept)
        self.adam.load_state_dict(state["adam"])
