"""Symmetric 4-bit grids: round to nearest with a small clipping search, and GPTQ's layout of the result.

The same functions serve training that sees its own quantized weights and what is stored, so that what is trained is what
is read. A weight is [n, k] (outputs, inputs); a group is `group` consecutive inputs of one output, the last of a row may
be shorter. A stored nibble q stands for (q - 8) * scale.
"""

import torch
import torch.nn.functional as F

ZERO = 8
_CLIPS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.74)


def _groups(weight: torch.Tensor, group: int) -> torch.Tensor:
    """[n, groups, group]; a short last group is filled up with zeros."""
    n, k = weight.shape
    return F.pad(weight, (0, -k % group)).view(n, -1, group)


@torch.no_grad()
def find_scales(weight: torch.Tensor, group: int) -> torch.Tensor:
    """Scales f32[n, groups], already rounded to f16, of least squared error over a few clippings."""
    w = _groups(weight.detach().float(), group)
    absmax = w.abs().amax(dim=-1).clamp(min=1e-4)
    best = torch.full_like(absmax, torch.inf)
    scales = torch.empty_like(absmax)
    for clip in _CLIPS:
        s = (absmax / 7 * clip).half().float()
        error = ((torch.round(w / s[..., None]).clamp(-8, 7) * s[..., None] - w) ** 2).sum(dim=-1)
        better = error < best
        best, scales = torch.where(better, error, best), torch.where(better, s, scales)
    return scales


def quantize(weight: torch.Tensor, scales: torch.Tensor, group: int) -> torch.Tensor:
    """Nibbles i32[n, k] in 0..15 of a weight under its scales."""
    q = torch.round(_groups(weight.detach().float(), group) / scales[..., None]) + ZERO
    return q.clamp(0, 15).to(torch.int32).flatten(1)[:, : weight.shape[1]].contiguous()


def dequantize(q: torch.Tensor, scales: torch.Tensor, group: int) -> torch.Tensor:
    """f32[n, k]: (q - 8) * scale."""
    return (q.float() - ZERO) * scales.float().repeat_interleave(group, dim=1)[:, : q.shape[1]]


def fake_quantize(weight: torch.Tensor, scales: torch.Tensor, group: int) -> torch.Tensor:
    """The dequantized weight in the forward pass, the identity in the backward pass."""
    with torch.no_grad():
        s = scales[..., None]
        w = torch.round(_groups(weight, group) / s).clamp(-8, 7) * s
        difference = w.flatten(1)[:, : weight.shape[1]] - weight
    return weight + difference


def pack_gptq(q: torch.Tensor, scales: torch.Tensor, group: int) -> dict[str, torch.Tensor]:
    """GPTQ v1 tensors of one linear: qweight i32[k/8, n], qzeros, scales f16[groups, n], g_idx i32[k]."""
    n, k = q.shape
    shifts = torch.arange(0, 32, 4, dtype=torch.int64)
    rows = q.cpu().long().t().reshape(k // 8, 8, n)
    packed = (rows << shifts.view(1, 8, 1)).sum(dim=1)
    packed = torch.where(packed >= 2**31, packed - 2**32, packed).to(torch.int32)
    return {
        "qweight": packed.contiguous(),
        "qzeros": torch.full((scales.shape[1], n // 8), 0x77777777, dtype=torch.int32),
        "scales": scales.cpu().half().t().contiguous(),
        "g_idx": (torch.arange(k) // group).to(torch.int32),
    }


def unpack_gptq(tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    """The weight f32[n, k] of a symmetric GPTQ linear of 4 bits, in the order of its inputs."""
    packed = tensors["qweight"].long() & 0xFFFFFFFF
    shifts = torch.arange(0, 32, 4, dtype=torch.int64).view(1, 8, 1)
    q = ((packed.unsqueeze(1) >> shifts) & 15).reshape(-1, packed.shape[1])
    if (tensors["qzeros"] != 0x77777777).any():
        raise ValueError("Cannot read a GPTQ layer: it has zero points, expected a symmetric one (v1)")
    return ((q.float() - ZERO) * tensors["scales"].float()[tensors["g_idx"].long()]).t().contiguous()
