"""The loop of the PyTorch references: batch, loss, backward, step, record; then evaluate and write the epoch's line.

A PyTorch reference writes the same log as the Rust chapters (`runs/<chapter>/<name>/log.jsonl`), so its run can be
listed and compared with theirs.
"""

import math
import platform
import resource
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from common import Data, Log, Mean, Preset, UsageError, Window
from common import accuracy, evaluate, load_parameters, output, rows, run_folder


def training(
    chapter: str, options, preset: Preset, data: Data, model: nn.Module, loss, optimizer, errors=None, model_name=None,
    evaluation_loss=None, weight=len, objective=None,
) -> Path:
    """Trains the model as its section does; returns the run's folder, with the log and the parameters.

    `loss(outputs, targets)` is the mean over a batch. `errors(model)` gives numbers that are known only after training.
    `model_name` is what the log calls the model where it isn't the chapter's name, `evaluation_loss` the loss of the
    measurements where it isn't the one that is trained on. `weight(targets)` is what a batch counts in the means, its
    examples unless stated. `objective(batch_loss, targets)` is what the gradient is of, where it isn't the loss.
    """
    model_name = model_name or chapter
    if options.init:
        load_parameters(model, options.init)
    epochs = preset.epochs if options.epochs is None else options.epochs
    data = data.first(options.examples)
    inputs, targets = data.train
    examples = len(targets)
    classes = targets.dim() == 1 and not targets.is_floating_point()
    window = Window(max(1, math.ceil(examples / preset.batch_size) // 2))
    shuffle = torch.Generator().manual_seed(options.seed)

    folder = run_folder(options.runs_dir / chapter, options.name, default_name(model_name, options))
    log = Log(folder)
    log.write("run", **header(chapter, model_name, options, preset, epochs, data, model))
    started = time.perf_counter()
    step, best = 0, {}

    for epoch in range(1, epochs + 1) if epochs else [0]:  # 0: no steps, only an evaluation
        order = torch.arange(examples) if options.no_shuffle else torch.randperm(examples, generator=shuffle)
        train, gradient_norm = {name: Mean() for name in (["loss", "accuracy"] if classes else ["loss"])}, Mean()
        epoch_started = time.perf_counter()
        model.train()
        for indices in order.split(preset.batch_size) if epoch else []:
            y = targets[indices]
            y_hat = output(model, rows(inputs, indices))
            batch_loss = loss(y_hat, y)
            optimizer.zero_grad()
            (objective(batch_loss, y) if objective else batch_loss).backward()
            norm = nn.utils.get_total_norm([p.grad for p in model.parameters()])
            gradient_norm.add(norm.item())
            if preset.clip_norm:
                nn.utils.clip_grads_with_norm_(model.parameters(), preset.clip_norm, norm)
            optimizer.step()

            step += 1
            value = batch_loss.item()
            if not math.isfinite(value):
                reason = f"loss {value} in epoch {epoch}, step {step}"
                log.write("end", **ending("failed", epoch - 1, started, {}, {}), reason=reason)
                raise UsageError(f"{reason}; try a lower learning rate")
            window.add(value)
            train["loss"].add(value, weight(y))
            if classes:
                train["accuracy"].add(accuracy(y_hat, y), len(y))
        seconds = time.perf_counter() - epoch_started

        groups = {"train": {name: mean.value for name, mean in train.items()} if epoch else {}}
        if preset.windows and window.last is not None:
            groups["train_window"] = {"loss": window.last}
        groups |= evaluations(model, evaluation_loss or loss, data, preset, classes, weight)
        for metric, value in flat(groups).items():
            sign = 1 if metric.endswith("accuracy") else -1
            if metric not in best or sign * value > sign * best[metric]["value"]:
                best[metric] = {"value": value, "epoch": epoch}
        log.write("epoch", epoch=epoch, step=step, learning_rate=preset.learning_rate, **groups,
                  gradient_norm=gradient_norm.value, seconds=seconds,
                  examples_per_second=examples / seconds if epoch else 0.0)
        if not options.quiet:
            print(f"epoch {epoch}/{epochs}  {line(flat(groups))}  {seconds:.1f} s", flush=True)

    final = flat(groups) | (errors(model) if errors else {})
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    log.write("end", **ending("finished", epochs, started, final, best))
    if not options.quiet:
        print(f"{folder}: {line(final)}")
    return folder


def evaluations(
    model: nn.Module, loss, data: Data, preset: Preset, classes: bool, weight
) -> dict[str, dict[str, float]]:
    """What is measured with fixed parameters, by the log's groups."""
    groups = {}
    if data.valid:
        groups["valid"], by_batch = evaluate(model, loss, data.valid, preset.batch_size, classes, weight)
        if preset.windows:
            groups["valid_batches"] = by_batch
    if preset.train_after:
        groups["train_after"], _ = evaluate(model, loss, data.train, preset.batch_size, classes, weight)
    return groups


def flat(groups: dict[str, dict[str, float]]) -> dict[str, float]:
    """`{"train": {"loss": 1.0}}` to `{"train.loss": 1.0}`."""
    return {f"{group}.{name}": value for group, values in groups.items() for name, value in values.items()}


def line(numbers: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.6g}" for name, value in numbers.items())


def default_name(model_name: str, options) -> str:
    """Model, implementation, preset, device and seed, then the flags that change the run."""
    name = f"{model_name}-pytorch-{options.implementation}-{options.preset}-cpu-s{options.seed}"
    for flag in ["epochs", "examples"]:
        value = getattr(options, flag)
        name += "" if value is None else f"-{flag}{value}"
    return name + ("-no-shuffle" if options.no_shuffle else "") + ("-init" if options.init else "")


def header(
    chapter: str, model_name: str, options, preset: Preset, epochs: int, data: Data, model: nn.Module
) -> dict:
    """The log's first line."""
    return {
        "schema": 1,
        "chapter": chapter,
        "model": model_name,
        "implementation": f"pytorch-{options.implementation}",
        "preset": options.preset,
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "seed": options.seed,
        "recipe": {
            "epochs": epochs,
            "batch_size": preset.batch_size,
            "learning_rate": preset.learning_rate,
            "optimizer": preset.optimizer,
            "momentum": 0.0,
            "nesterov": False,
            "weight_decay": preset.weight_decay,
            "schedule": "constant",
            "clip_norm": preset.clip_norm,
            "shuffle": not options.no_shuffle,
        }
        | ({"init": str(options.init)} if options.init else {}),
        "data": {
            "name": data.name,
            "source": data.source,
            "train": len(data.train[1]),
            "valid": len(data.valid[1]) if data.valid else 0,
            "sha256": data.sha256,
        },
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "started": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def ending(status: str, epochs: int, started: float, final: dict, best: dict) -> dict:
    """The log's last line. A PyTorch reference judges nothing: `bands` is empty."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, KiB elsewhere
    return {
        "status": status,
        "epochs": epochs,
        "seconds": time.perf_counter() - started,
        "peak_memory_bytes": peak if sys.platform == "darwin" else peak * 1024,
        "final": final,
        "best": best,
        "bands": [],
    }
