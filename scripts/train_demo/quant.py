"""The W4A16-g128 quantizer of the demo models: symmetric round-to-nearest with a small clipping search.

The same function serves quantization-aware training and the export, so that what is trained is what is
stored. A weight is [n, k] (outputs, inputs); a group is `GROUP` consecutive inputs of one output.
"""

import torch

GROUP = 128
ZERO = 8  # the stored nibble q stands for (q - 8) * scale
_CLIPS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.74)


def find_scales(weight: torch.Tensor, group: int = GROUP) -> torch.Tensor:
    """Scales f32[n, k / group], already rounded to f16, least squared error over a few clippings."""
    n, k = weight.shape
    w = weight.detach().float().view(n, k // group, 1, group)
    absmax = w.abs().amax(dim=-1).clamp(min=1e-4)  # [n, g, 1]
    clips = torch.tensor(_CLIPS, device=w.device)
    scales = (absmax / 7 * clips).half().float()  # [n, g, c]
    s = scales.unsqueeze(-1)
    error = ((torch.round(w / s).clamp(-8, 7) * s - w) ** 2).sum(dim=-1)
    return scales.gather(2, error.argmin(dim=2, keepdim=True)).squeeze(2)


def quantize(weight: torch.Tensor, scales: torch.Tensor, group: int = GROUP) -> torch.Tensor:
    """Nibbles i32[n, k] in 0..15 of a weight under its scales."""
    s = scales.repeat_interleave(group, dim=1)
    return (torch.round(weight.detach().float() / s) + ZERO).clamp(0, 15).to(torch.int32)


def dequantize(q: torch.Tensor, scales: torch.Tensor, group: int = GROUP) -> torch.Tensor:
    """f32[n, k]: (q - 8) * scale."""
    return (q.float() - ZERO) * scales.float().repeat_interleave(group, dim=1)


def fake_quantize(weight: torch.Tensor, scales: torch.Tensor, group: int = GROUP) -> torch.Tensor:
    """The dequantized weight in the forward pass, the identity in the backward pass."""
    n, k = weight.shape
    s = scales.unsqueeze(-1)
    w = weight.view(n, k // group, group)
    deq = (torch.round(w.detach() / s).clamp(-8, 7) * s).view(n, k)
    return weight + (deq - weight).detach()


def pack_gptq(q: torch.Tensor, scales: torch.Tensor) -> dict[str, torch.Tensor]:
    """GPTQ v1 tensors of one linear: qweight i32[k/8, n], qzeros, scales f16[k/g, n], g_idx i32[k]."""
    n, k = q.shape
    groups = scales.shape[1]
    shifts = torch.arange(0, 32, 4, dtype=torch.int64)
    rows = q.cpu().long().t().reshape(k // 8, 8, n)
    packed = (rows << shifts.view(1, 8, 1)).sum(dim=1)
    packed = torch.where(packed >= 2**31, packed - 2**32, packed).to(torch.int32)
    return {
        "qweight": packed.contiguous(),
        "qzeros": torch.full((groups, n // 8), 0x77777777, dtype=torch.int32),
        "scales": scales.cpu().half().t().contiguous(),
        "g_idx": (torch.arange(k) // (k // groups)).to(torch.int32),
    }


def unpack_gptq(tensors: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """The (nibbles i32[n, k], scales f32[n, k/g]) of a symmetric GPTQ linear written by `pack_gptq`."""
    packed = tensors["qweight"].long() & 0xFFFFFFFF
    shifts = torch.arange(0, 32, 4, dtype=torch.int64).view(1, 8, 1)
    q = ((packed.unsqueeze(1) >> shifts) & 15).reshape(-1, packed.shape[1]).t()
    return q.to(torch.int32).contiguous(), tensors["scales"].float().t().contiguous()
