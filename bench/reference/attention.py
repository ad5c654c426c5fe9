"""PyTorch's attention of prompts, its cuDNN and its flash kernel, in the format of `specmquant bench`.

    python3 bench/reference/attention.py [--json FILE] [--heads 32] [--kv-heads 8] [--head-dims 128,64]
        [--tokens 4096,8192,16384,32768]

Causal, one layer, random f16: whole prompts, and, by flash alone, the last 1,024 rows of each. Keys and values are
given as a model has them, [batch, tokens, heads, width] turned, and either for each kv head or repeated for each query
head (`repeated`); the quicker way is the one to compare with. `specmquant bench --tables prefill` has our kernel's
times, of all layers and in chunks. Exits with 3 where torch or a CUDA device is missing.
"""

import argparse
import datetime
import json
import sys

try:
    import torch
    import torch.nn.functional as functional
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.nn.attention.bias import causal_lower_right
except ImportError as error:
    print(f"Cannot measure: {error}, expected PyTorch 2.5 or later", file=sys.stderr)
    sys.exit(3)

SAMPLES = 5
ROWS = 1024  # of a chunk
BACKENDS = {"cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}


def samples_of(body, operations):
    """Milliseconds of each of a few samples; each lasts about 20 ms at 500 TFLOP/s."""
    for _ in range(2):
        body()
    repeats = max(1, round(20e-3 * 5e14 / operations))
    samples = []
    for _ in range(SAMPLES):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(repeats):
            body()
        end.record()
        end.synchronize()
        samples.append(begin.elapsed_time(end) / repeats)
    return sorted(samples)


def figures_of(name, samples, operations):
    """A time and its rate, as `specmquant bench` writes them."""
    rates = [operations / ms * 1e-9 for ms in reversed(samples)]
    keys = ("bytes", "gb_per_second", "share", "relative")
    return [
        {
            "name": one,
            "value": values[len(values) // 2],
            "unit": unit,
            "better": better,
            "p10": values[0],
            "p90": values[-1],
            "runs": len(values),
            **dict.fromkeys(keys),
        }
        for one, unit, better, values in (
            (name, "ms", "lower", samples),
            (f"{name} rate", "TFLOP/s", "higher", rates),
        )
    ]


def measure(head_dim, args):
    """The figures of one width of heads; what a kernel refuses is left out, with its reason in the notes."""
    figures, notes = [], [f"one layer, {args.heads} heads of {args.kv_heads} kv heads, f16, causal"]

    def rows(count, heads):
        shape = (1, count, heads, head_dim)
        return torch.randn(shape, device="cuda", dtype=torch.float16).transpose(1, 2)

    def add(name, backend, queries, tokens, repeated, mask):
        q = rows(queries, args.heads)
        k, v = (rows(tokens, args.kv_heads) for _ in range(2))
        if repeated:
            k, v = (x.repeat_interleave(args.heads // args.kv_heads, dim=1) for x in (k, v))
        # Row i of the last `queries` sees the tokens before them and i + 1 more.
        seen = queries * (tokens - queries) + queries * (queries + 1) / 2
        operations = 4 * head_dim * args.heads * seen
        try:
            with sdpa_kernel(BACKENDS[backend]):
                samples = samples_of(
                    lambda: functional.scaled_dot_product_attention(q, k, v, enable_gqa=not repeated, **mask),
                    operations,
                )
        except RuntimeError as error:
            notes.append(f"{name}: {str(error).splitlines()[0]}")
            return
        figures.extend(figures_of(name, samples, operations))

    for tokens in args.tokens:
        for backend in BACKENDS:
            for repeated in (False, True):
                name = f"{backend} tokens={tokens}" + (" repeated" if repeated else "")
                add(name, backend, tokens, tokens, repeated, {"is_causal": True})
        if tokens > ROWS:
            mask = {"attn_mask": causal_lower_right(ROWS, tokens)}
            add(f"flash tokens={tokens} last {ROWS}", "flash", ROWS, tokens, True, mask)
    return {"table": "attention", "subject": f"head_dim={head_dim}", "notes": notes, "figures": figures}


def main():
    numbers = lambda text: [int(one) for one in text.split(",")]
    parser = argparse.ArgumentParser()
    parser.add_argument("--json")
    parser.add_argument("--heads", type=int, default=32)
    parser.add_argument("--kv-heads", type=int, default=8)
    parser.add_argument("--head-dims", type=numbers, default=[128, 64])
    parser.add_argument("--tokens", type=numbers, default=[4096, 8192, 16384, 32768])
    args = parser.parse_args()
    if not torch.cuda.is_available():
        print("Cannot measure: torch finds no CUDA device, expected one", file=sys.stderr)
        sys.exit(3)
    properties = torch.cuda.get_device_properties(0)
    report = {
        "schema": "specmquant-bench/1",
        "source": f"PyTorch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}",
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "commit": None,
        "device": {
            "backend": "cuda",
            "name": properties.name,
            "detail": None,
            "memory_bytes": properties.total_memory,
            "driver": None,
        },
        "options": {"context": 0, "runs": SAMPLES, "rows": [ROWS]},
        "sections": [],
    }
    for head_dim in args.head_dims:
        section = measure(head_dim, args)
        report["sections"].append(section)
        for figure in section["figures"]:
            print(f"{section['subject']} {figure['name']}: {figure['value']:.3f} {figure['unit']}", flush=True)
        for note in section["notes"]:
            print(f"{section['subject']}: {note}", flush=True)
        if args.json:
            with open(args.json, "w") as file:
                json.dump(report, file, indent=2)
                file.write("\n")
    if not any(section["figures"] for section in report["sections"]):
        print("Cannot measure: both kernels refused every shape, expected one that serves", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
