"""Where heads begin: at what a linear map can say of a verifier's next hidden state, not at noise."""

import torch

from states import States


def feature_sizes(some: list[States]) -> torch.Tensor:
    """The root mean square of each feature of the verifier's last hidden states, f32[H]: what a head's last norm begins with."""
    rows = torch.cat([states.hidden[states.batch.inside(0)].float() for states in some])
    return rows.pow(2).mean(dim=0).sqrt().clamp(min=1e-3)


@torch.no_grad()
def fit(pairs, ridge: float = 1e-3) -> torch.Tensor:
    """Weight f32[m, k] of least squared error from inputs [n, k] to outputs [n, m], over all `pairs` of them."""
    square = cross = 0.0
    for inputs, outputs in pairs:
        x, y = inputs.double(), outputs.double()
        square, cross = square + x.T @ x, cross + x.T @ y
    square = square + ridge * square.diagonal().mean() * torch.eye(square.shape[0], dtype=square.dtype, device=square.device)
    return torch.linalg.solve(square, cross).T.float()


@torch.no_grad()
def quiet(layer, share: float) -> None:
    """Lets a layer add little to its residual stream in the beginning."""
    for linear in (layer.self_attn.o_proj, layer.mlp.down_proj):
        linear.weight *= share
