"""The kinds of work that rows repeat, as crates/bench/src has them: training, evaluation, generation, update, operation,
pictures, product.

Each has `step()`, which is timed; `values()`, what the last step computed, the same on both sides; `load(path)`,
which takes over the other side's initial parameters; `flops()`, the floating-point operations of a step that are
matrix products in whatever form, or None; and mostly `compile()`, after which torch.compile's code runs.
"""

import sys
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

import models

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pytorch"))
from attention import AdditiveAttention, MultiHeadAttention  # noqa: E402
from filler import hashes, numbers  # noqa: E402

INPUT_SALT, TARGET_SALT, CLASS_SALT, OPERATION_SALT, PICTURE_SALT = 1, 9, 99, 11, 7


def filled(shape: tuple[int, ...], salt: int, scale: float) -> Tensor:
    """A tensor of the filler, f32."""
    return torch.from_numpy(numbers(torch.Size(shape).numel(), salt, scale)).float().reshape(shape)


def classes(shape: tuple[int, ...], count: int, salt: int = CLASS_SALT) -> Tensor:
    """Classes below `count`."""
    return torch.from_numpy(hashes(torch.Size(shape).numel(), salt).astype("int64") % count).reshape(shape)


def load(module: nn.Module, path: str) -> None:
    """Strict, except for the counters of batch normalisation's steps, which the other side may lack."""
    tensors = load_file(path)
    for name, buffer in module.named_buffers():
        if name.endswith("num_batches_tracked"):
            tensors.setdefault(name, buffer)
    module.load_state_dict(tensors, strict=True)


# --- Counting ---------------------------------------------------------------------------------------------------------


def recurrent(rnn: nn.RNNBase, x: Tensor, state: Tensor | None = None) -> int:
    """Multiply-adds of forward and, for parameters with gradients, backward: [T, B, D] by the input's weights, [B, H] by
    the state's at every step. A first state that is not given is zero and has no gradient."""
    steps, batch, _ = x.shape
    total = 0
    for layer in range(rnn.num_layers):
        weights = getattr(rnn, f"weight_ih_l{layer}")
        inputs, states = weights.numel(), getattr(rnn, f"weight_hh_l{layer}").numel()
        if not weights.requires_grad:
            total += batch * steps * (inputs + states)
            continue
        passes = 2 + (layer > 0 or x.requires_grad)
        total += batch * (steps * inputs * passes + states * (3 * steps - (state is None)))
    return total


def multiply_adds(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> int:
    """Multiply-adds of a layer's products: forward, and backward those gradients that are asked for."""
    x = inputs[0] if inputs else output
    wanted = sum(parameter.requires_grad for name, parameter in module.named_parameters() if name == "weight")
    if isinstance(module, nn.Linear):
        return x.numel() * module.out_features * (1 + wanted + x.requires_grad)
    if isinstance(module, nn.Conv2d):
        return output.numel() * module.weight[0].numel() * (1 + wanted + x.requires_grad)
    if isinstance(module, nn.RNNBase):
        return recurrent(module, *inputs)
    if isinstance(module, models.Attention):  # two products, each with both gradients
        return 2 * x.numel() * inputs[1].shape[-2] * 3
    if isinstance(module, MultiHeadAttention):
        return 2 * x.numel() * inputs[1].shape[1] * 3
    if isinstance(module, AdditiveAttention):  # the mean of the values
        return x.shape[1] * inputs[2].numel() * 3
    return 0


def flops(module: nn.Module, *inputs: Tensor) -> int | None:
    """Twice the multiply-adds of all layers; None if there are no products."""
    total = 0

    def count(layer, inputs, output):
        nonlocal total
        total += multiply_adds(layer, inputs, output[0] if isinstance(output, tuple) else output)

    hooks = [layer.register_forward_hook(count) for layer in module.modules()]
    module(*inputs)
    for hook in hooks:
        hook.remove()
    return 2 * total or None


# --- Work -------------------------------------------------------------------------------------------------------------


class Training:
    """Zero gradients, forward, loss, backward, clip, the optimizer's step, on one batch. `inputs` is a tensor or several."""

    def __init__(self, module, loss, optimizer, inputs, y: Tensor, clip: float | None = None):
        self.module, self.loss, self.optimizer, self.y, self.clip = module, loss, optimizer, y, clip
        self.inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        self.last = None

    def step(self):
        self.optimizer.zero_grad()
        loss = self.loss(self.module(*self.inputs), self.y)
        loss.backward()
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.module.parameters(), self.clip)
        self.optimizer.step()
        self.last = loss.detach()

    def values(self):
        return [self.last.item()]

    def load(self, path: str):
        load(self.module, path)

    def flops(self):
        return flops(self.module, *self.inputs)

    def compile(self):
        self.module.compile()


class Evaluation:
    """Forward and loss on one batch, without gradients."""

    def __init__(self, module, loss, x: Tensor, y: Tensor):
        self.module, self.loss, self.x, self.y = module.eval().requires_grad_(False), loss, x, y
        self.last = None

    @torch.no_grad()
    def step(self):
        self.last = self.loss(self.module(self.x), self.y)

    def values(self):
        return [self.last.item()]

    def load(self, path: str):
        load(self.module, path)

    def flops(self):
        return flops(self.module, self.x)

    def compile(self):
        self.module.compile()


class Generation:
    """Some tokens after a prompt of one, the most likely each time, with a cache of keys and values."""

    def __init__(self, writer: models.Writer, tokens: int):
        self.module, self.tokens = writer.eval(), tokens
        self.last = None

    @torch.no_grad()
    def step(self):
        self.last = self.module.write(self.tokens)

    def values(self):
        return [sum(place * token for place, token in enumerate(self.last, 1)) / len(self.last)]

    def load(self, path: str):
        load(self.module.gpt, path)

    def flops(self):
        return None


class Update:
    """An optimizer's step over ten tensors of a million parameters, with gradients that stay the same."""

    def __init__(self, rule, **settings):
        self.parameters = [nn.Parameter(filled((1000, 1000), salt, 0.01)) for salt in range(10)]
        for salt, parameter in enumerate(self.parameters):
            parameter.grad = filled((1000, 1000), 100 + salt, 1.0) + 0.5
        self.optimizer = rule(self.parameters, lr=1e-3, weight_decay=0.01, **settings)

    def step(self):
        self.optimizer.step()

    @torch.no_grad()
    def values(self):
        means = [(parameter.double() * parameter.grad.double()).mean() for parameter in self.parameters]
        return [torch.stack(means).mean().item()]

    def load(self, path: str):
        load(nn.Module(), path)

    def flops(self):
        return None

    def compile(self):
        self.optimizer.step = torch.compile(self.optimizer.step)


class Operation:
    """One operation, the mean squared error to a fixed target, and the gradients of inputs and parameters."""

    def __init__(self, module: nn.Module, *shapes: tuple[int, ...]):
        *inputs, output = shapes
        self.module = module
        self.inputs = [
            filled(shape, OPERATION_SALT + number, 2.0).requires_grad_() for number, shape in enumerate(inputs)
        ]
        self.target = filled(output, TARGET_SALT, 2.0)
        self.last = None

    def step(self):
        for tensor in [*self.inputs, *self.module.parameters()]:
            tensor.grad = None
        loss = F.mse_loss(self.module(*self.inputs), self.target)
        loss.backward()
        self.last = loss.detach()

    def values(self):
        parameters = [parameter for _, parameter in sorted(self.module.named_parameters())]
        norms = [tensor.grad.double().norm().item() for tensor in self.inputs + parameters]
        return [self.last.item(), *norms]

    def load(self, path: str):
        load(self.module, path)

    def flops(self):
        return flops(self.module, *self.inputs)

    def compile(self):
        self.module.compile()


class Pictures:
    """A minibatch of pictures [C, H, W] of bytes, each through torchvision's transforms and made a tensor."""

    def __init__(self, count: int, shape: tuple[int, ...], random: bool, transforms: dict[str, list]):
        from PIL import Image
        from torchvision import transforms as library

        values = (hashes(count * int(numpy.prod(shape)), PICTURE_SALT) % 256).astype(numpy.uint8)
        channels_last = values.reshape(count, *shape).transpose(0, 2, 3, 1).squeeze()
        self.pictures = [Image.fromarray(picture) for picture in channels_last]
        chain = [getattr(library, name)(*settings) for name, settings in transforms.items()]
        self.transform, self.random, self.last = library.Compose([*chain, library.ToTensor()]), random, None

    def step(self):
        self.last = torch.stack([self.transform(picture) for picture in self.pictures])

    def values(self):
        return list(map(float, self.last.shape)) if self.random else [self.last.double().mean().item()]

    def load(self, path: str):
        load(nn.Module(), path)

    def flops(self):
        return None


class Product:
    """C = AB, square."""

    def __init__(self, n: int):
        self.a, self.b = filled((n, n), 1, 1.0), filled((n, n), 2, 1.0)
        self.last = None

    def step(self):
        self.last = self.a @ self.b

    def values(self):
        return [self.last.square().mean(dim=-1).double().mean().item()]

    def load(self, path: str):
        load(nn.Module(), path)

    def flops(self):
        return 2 * self.a.shape[0] ** 3
