"""Random 4-bit linears in GPTQ layout, written from the layout's description and read by nothing here."""

import torch


def group_index(inputs: int, config: dict, generator: torch.Generator) -> torch.Tensor:
    """g_idx i64[k]: the group of every input; act-order without static groups scatters them."""
    group = inputs if config["group_size"] == -1 else config["group_size"]
    index = torch.arange(inputs) // group
    if config["desc_act"] and not config["static_groups"]:
        index = index[torch.randperm(inputs, generator=generator)]
    return index


def _pack_rows(values: torch.Tensor) -> torch.Tensor:
    """i32[r / 8, c] from nibbles [r, c]: row 8i + j is bits 4j..4j+3 of row i."""
    out = torch.zeros((values.shape[0] // 8, values.shape[1]), dtype=torch.int64)
    for j in range(8):
        out |= values[j::8].long() << (4 * j)
    return out.to(torch.int32)  # wraps above 2^31, as the stored type does


def quantize(weight: torch.Tensor, g_idx: torch.Tensor, config: dict) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The stored tensors of a weight [n, k], and the f32 weight [n, k] they stand for."""
    n, k = weight.shape
    groups = int(g_idx.max()) + 1
    absmax = torch.stack([weight[:, g_idx == g].abs().amax(dim=1) for g in range(groups)])  # [g, n]
    scales = (absmax / 7).half()
    each = scales.float()[g_idx].t()  # [n, k]
    q = (torch.round(weight / each) + 8).clamp(0, 15).to(torch.int64)
    stored_zero = 8 - (config["checkpoint_format"] == "gptq")
    zeros = torch.full((n, groups), stored_zero, dtype=torch.int64)
    return {
        "qweight": _pack_rows(q.t()),
        "qzeros": _pack_rows(zeros).t().contiguous(),
        "scales": scales,
        "g_idx": g_idx.to(torch.int32),
    }, (q - 8).float() * each
