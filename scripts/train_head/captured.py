"""Training steps as CUDA graphs: one for each shape of a batch, so that launching takes no time."""

import os
import sys

import torch

#: What a process is started anew with where capturing failed: without graphs, from its checkpoint.
PLAIN = "SMQ_TRAIN_WITHOUT_GRAPHS"
#: Steps that may be queued behind the one that runs, so that the clock is not far ahead of the work.
AHEAD = 4


class Steps:
    """Runs `work(*tensors)`, which must do the same for every batch of the same shapes and read nothing back."""

    def __init__(self, work, device: torch.device, save):
        """`save()` keeps what is learnt so far; it is called before the first capture."""
        self.work, self.save = work, save
        self.device, self.capturing = device, device.type == "cuda" and PLAIN not in os.environ
        self.stream = torch.cuda.Stream() if device.type == "cuda" else None
        self.seen: set = set()
        self.graphs: dict = {}
        self.pool = None
        self.queued: list[torch.cuda.Event] = []

    def forget(self) -> None:
        """What `work` does has changed."""
        if self.stream is not None:
            torch.cuda.synchronize()
        self.seen.clear()
        self.graphs.clear()
        self.pool = None

    def __call__(self, *tensors: torch.Tensor) -> None:
        if self.stream is None:
            self.work(*tensors)
            return
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            self._run(tensors)
            event = torch.cuda.Event()
            event.record()
        torch.cuda.current_stream().wait_stream(self.stream)
        self.queued.append(event)
        if len(self.queued) > AHEAD:
            self.queued.pop(0).synchronize()

    def _run(self, tensors) -> None:
        shape = tuple(x.shape for x in tensors)
        if not self.capturing or shape not in self.seen:
            # The first batch of a shape also warms up what a capture must not start: libraries, kernels, workspaces.
            self.seen.add(shape)
            self.work(*tensors)
            return
        if shape not in self.graphs:
            self.graphs[shape] = self._capture(tensors)
        graph, inputs = self.graphs[shape]
        for mine, given in zip(inputs, tensors):
            mine.copy_(given)
        graph.replay()

    def _capture(self, tensors):
        if not self.graphs:
            self.save()
        inputs = [x.clone() for x in tensors]
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                self.work(*inputs)
        except Exception as error:
            print(f"a step cannot be captured, {error!r}: starting anew without graphs", flush=True)
            os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {PLAIN: "1"})
        self.pool = graph.pool()
        return graph, inputs
