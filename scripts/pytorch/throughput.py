"""Examples per second of PyTorch's training step on a device, for the network and the recipe of Rust runs.

    python throughput.py ../../runs/convolutional/lenet-concise-zh-cuda-s0 --device cuda --data-dir ../../data

A step is forward, loss, backward and update of one minibatch that already lies on the device, in f32. Dropout is
PyTorch's own. Beside it stands what the run's log says of its last epoch, which includes gathering the minibatches.
"""

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from case import Case, Twin
from common import UsageError, folder, main, output, rows
from twin import optimizer, read_log
from twins import twins_of

WARM_UP = 5


def prepared(model: nn.Module, inputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """What the network itself gets of these inputs: pictures as numbers, in the size that it wants."""
    seen = []
    handle = model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))  # after the hook that enlarges
    with torch.no_grad():
        output(model, inputs)
    handle.remove()
    return seen[0]


def examples_per_second(twin: Twin, recipe: dict, device: torch.device, seconds: float) -> float:
    """Of as many steps as `seconds` hold."""
    lesson, size = twin.lesson, recipe["batch_size"]
    model = lesson.model.train()
    inputs = [tensor.to(device) for tensor in prepared(model, rows(lesson.data.train[0], slice(size)))]
    targets = lesson.data.train[1][:size].to(device)
    updates = optimizer(twin, recipe)
    model.to(device)

    def step() -> None:
        loss = lesson.loss(model(*inputs), targets)
        updates.zero_grad()
        loss.backward()
        updates.step()

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(WARM_UP):
        step()
    wait()
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step()
        wait()
        steps += 1
    return steps * len(targets) / (time.perf_counter() - began)


def measure(options) -> None:
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"--device {options.device}: PyTorch {torch.__version__} finds no GPU, wanted one")
    print(f"{'model':<26}{'batch':>7}{'ours':>12}{'PyTorch':>12}{'ours / PyTorch':>16}  examples per second")
    for run in options.runs:
        header, *lines = read_log(run)
        case = Case(header, options.data_dir)
        speeds = [line["examples_per_second"] for line in lines if line["kind"] == "epoch"]
        if not speeds:
            raise UsageError(f"{run}: found no epoch in its log, wanted one at least")
        theirs = examples_per_second(twins_of(case)[0], case.recipe, device, options.seconds)
        ratio = f"{speeds[-1] / theirs:.2f}"
        print(f"{case.model:<26}{case.recipe['batch_size']:>7}{speeds[-1]:>12.0f}{theirs:>12.0f}{ratio:>16}", flush=True)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a Rust run")
    parser.add_argument("--device", default="cuda", help="where PyTorch computes")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each model is trained")
    parser.add_argument("--data-dir", type=Path, default=folder("D2L_DATA", "data"), metavar="DIR")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 for PyTorch's own choice")
    return parser


if __name__ == "__main__":
    main(parser(), measure)
