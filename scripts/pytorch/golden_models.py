"""Golden numbers of the first five chapters' models: what PyTorch computes from parameters and a batch that the Rust
tests make themselves.

    python golden_models.py        writes ../../tests/reference/golden/*.json

Nothing random and nothing large is stored. Both languages fill every tensor from an integer hash: the value at the
row-major index i of a tensor with this salt and scale is, in f64 and with 32-bit arithmetic that wraps,

    (mix(i * 0x9E3779B9 + salt * 0x85EBCA6B) / 2^32 - 0.5) * scale

where mix is the last step of murmur3:

    h ^= h >> 16;  h *= 0x85EBCA6B;  h ^= h >> 13;  h *= 0xC2B2AE35;  h ^= h >> 16

Inputs have salt 1 and scale 2. Parameters have scale 0.1 (weights of the deep networks 4 / √(inputs of a unit), so that
signals neither vanish nor explode) and salts 2, 3, … in the order of the file: weight before
bias, hidden before output; of the recurrent networks all parameters have scale 1). Regression targets have salt 9 and
scale 2. Class targets are mix(i * 0x9E3779B9 + 99 * 0x85EBCA6B) % classes; tokens, the inputs of the recurrent networks,
are made likewise with salt 1, and the tokens that follow them with salt 99.

A file holds, all computed in f64:

    inputs, targets        shape, salt and scale (or classes)
    loss                   mean over the batch: squared error without 1/2, or cross entropy
    learning_rate, steps   SGD on the same batch, for `after`: plain, but in weight-decay.json the weight decays by 3
    parameters             in order: name, shape ([out, in] for weights), salt and scale, and twice a summary,
      gradient             of the gradient of `loss`,
      after                of the parameter after the steps

    buffers                of models with batch normalisation alone, which are trained here in training mode: name,
                           and a summary after the steps, in the names' order

and a summary is the L2 norm and the values `at` up to 16 row-major indices k * (n - 1) / 15, rounded down, k = 0..15
(all n where there are 16 or fewer); of the deep networks, which have many parameters, up to 3 instead of 16.
"""

import numpy
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import alexnet
import batch_norm_lenet
import densenet
import digits
import dropout
import googlenet
import lenet
import linear_regression
import mlp
import nin
import polynomial
import recurrent
import regnet
import resnet
import softmax_regression
import vgg
import weight_decay
from filler import hashes, numbers
from reference import REFERENCE, write_json

BATCH, LEARNING_RATE, STEPS, WEIGHT_DECAY = 8, 0.1, 3, 3.0
INPUT_SALT, FIRST_PARAMETER_SALT, TARGET_SALT, CLASS_SALT = 1, 2, 9, 99
INPUT_SCALE, PARAMETER_SCALE = 2.0, 0.1
VOCAB_SIZE, NUM_HIDDENS, NUM_STEPS = 7, 5, 6  # of the recurrent networks
ABOUT = "Made by scripts/pytorch/golden_models.py, which says what everything here means."


def filled(shape: list[int], salt: int, scale: float) -> Tensor:
    """A tensor of the filler, f64."""
    n = int(numpy.prod(shape))
    return torch.from_numpy(numbers(n, salt, scale)).reshape(shape)


def summary(tensor: Tensor, entries: int = 16) -> dict:
    """Norm and up to so many entries of a tensor."""
    values = tensor.detach().flatten()
    n = len(values)
    at = list(range(n)) if n <= entries else [k * (n - 1) // (entries - 1) for k in range(entries)]
    return {"norm": values.norm().item(), "at": at, "values": values[at].tolist()}


def drawn_classes(shape: list[int], salt: int, classes: int) -> Tensor:
    """Classes or tokens of the filler."""
    drawn = hashes(int(numpy.prod(shape)), salt).astype(numpy.int64) % classes
    return torch.from_numpy(drawn).reshape(shape)


def cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    """Of logits [..., K] and classes [...]."""
    return F.cross_entropy(logits.flatten(0, -2), classes.flatten())


def plain_sgd(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), LEARNING_RATE)


def golden(
    model_name: str,
    model: nn.Module,
    features: int | list[int],
    classes: int | None,
    sgd=plain_sgd,
    is_deep: bool = False,
    is_text: bool = False,
) -> dict:
    """The numbers of one model; without `classes` it is a regression with one output. `sgd(model)` makes the steps."""
    entries = 3 if is_deep else 16
    model = model.double()
    shape = [features] if isinstance(features, int) else features
    if is_text:
        inputs = {"shape": [BATCH, *shape], "salt": INPUT_SALT, "classes": classes}
        x = drawn_classes(**inputs)
    else:
        inputs = {"shape": [BATCH, *shape], "salt": INPUT_SALT, "scale": INPUT_SCALE}
        x = filled(**inputs)
    if classes is None:
        targets = {"shape": [BATCH, 1], "salt": TARGET_SALT, "scale": INPUT_SCALE}
        y, loss_function = filled(**targets), F.mse_loss
    else:
        targets = {"shape": [BATCH, *shape] if is_text else [BATCH], "salt": CLASS_SALT, "classes": classes}
        y, loss_function = drawn_classes(**targets), cross_entropy

    parameters = []
    for salt, (name, parameter) in enumerate(model.named_parameters(), FIRST_PARAMETER_SALT):
        inputs_of_a_unit = parameter[0].numel()
        scale = round(4 / inputs_of_a_unit**0.5, 6) if is_deep and parameter.dim() > 1 else PARAMETER_SCALE
        scale = 1.0 if is_text else scale
        entry = {"name": name, "shape": list(parameter.shape), "salt": salt, "scale": scale}
        parameter.data = filled(entry["shape"], salt, scale)
        parameters.append(entry)

    optimizer = sgd(model)
    first_loss = None
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_function(model(x), y)
        loss.backward()
        if first_loss is None:
            first_loss = loss.item()
            for entry, parameter in zip(parameters, model.parameters()):
                entry["gradient"] = summary(parameter.grad, entries)
        optimizer.step()
    for entry, parameter in zip(parameters, model.parameters()):
        entry["after"] = summary(parameter, entries)
    statistics = {name: b for name, b in model.named_buffers() if not name.endswith("num_batches_tracked")}
    buffers = [{"name": name, "after": summary(statistics[name], entries)} for name in sorted(statistics)]
    return {
        "about": ABOUT,
        "model": model_name,
        "torch": torch.__version__,
        "inputs": inputs,
        "targets": targets,
        "loss": first_loss,
        "learning_rate": LEARNING_RATE,
        "steps": STEPS,
        "parameters": parameters,
    } | ({"buffers": buffers} if buffers else {})


def main() -> None:
    torch.set_num_threads(1)
    folder = REFERENCE / "golden"
    folder.mkdir(exist_ok=True)
    for name, model, features, classes in [
        ("linear-regression", linear_regression.Concise("en"), 2, None),
        ("softmax-regression", softmax_regression.Concise("en"), softmax_regression.PIXELS, softmax_regression.CLASSES),
        ("mlp", mlp.Concise("en"), mlp.PIXELS, mlp.CLASSES),
        ("dropout", dropout.Concise("en").eval(), dropout.PIXELS, dropout.CLASSES),
        ("lenet", lenet.LeNet(), [1, 28, 28], 10),
        ("batchnorm-lenet-scratch", batch_norm_lenet.BatchNormLeNet("scratch"), [1, 28, 28], 10),
        ("batchnorm-lenet-concise", batch_norm_lenet.BatchNormLeNet("concise"), [1, 28, 28], 10),
        ("digits-convolution", digits.RUNGS["digits-convolution"](), [1, 28, 28], 10),
        ("digits-relu", digits.RUNGS["digits-relu"](), [1, 28, 28], 10),
        ("digits-dropout", digits.RUNGS["digits-dropout"]().eval(), [1, 28, 28], 10),
        ("polynomial", polynomial.Polynomial(20), 20, None),
    ]:
        write_json(folder / f"{name}.json", golden(name, model, features, classes))
    for name, model, side in [
        ("alexnet", alexnet.AlexNet(alexnet.SMALL, 1, 28).eval(), 28),
        ("vgg", vgg.Vgg(vgg.SMALL, 1, 28).eval(), 28),
        ("nin", nin.Nin(nin.SMALL, 1).eval(), 28),
        ("googlenet", googlenet.GoogLeNet(1), 32),
        ("resnet18", resnet.ResNet18(1), 33),
        ("densenet", densenet.DenseNet(3, 1), 29),
        ("regnet", regnet.RegNet(1), 31),
    ]:
        write_json(folder / f"{name}.json", golden(name, model, [1, side, side], 10, is_deep=True))
    for name, model in recurrent.models(VOCAB_SIZE, NUM_HIDDENS).items():
        write_json(folder / f"{name}.json", golden(name, model, [NUM_STEPS], VOCAB_SIZE, is_text=True))
    decaying = lambda model: weight_decay.decaying_sgd(model, LEARNING_RATE, WEIGHT_DECAY)
    model = weight_decay.Concise("en")
    write_json(folder / "weight-decay.json", golden("weight-decay", model, weight_decay.FEATURES, None, decaying))


if __name__ == "__main__":
    main()
