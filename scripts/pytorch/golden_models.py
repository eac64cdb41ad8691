"""Golden numbers of the chapters' models: what PyTorch computes from parameters and a batch that the Rust
tests make themselves.

    python golden_models.py        writes ../../tests/reference/golden/*.json

Nothing random and nothing large is stored. Both languages fill every tensor from an integer hash: the value at the
row-major index i of a tensor with this salt and scale is, in f64 and with 32-bit arithmetic that wraps,

    (mix(i * 0x9E3779B9 + salt * 0x85EBCA6B) / 2^32 - 0.5) * scale

where mix is the last step of murmur3:

    h ^= h >> 16;  h *= 0x85EBCA6B;  h ^= h >> 13;  h *= 0xC2B2AE35;  h ^= h >> 16

Inputs have salt 1 and scale 2. Parameters have scale 0.1 (weights of the deep networks 4 / √(inputs of a unit), so that
signals neither vanish nor explode) and salts 2, 3, … in the order of the file: weight before
bias, hidden before output; of the recurrent networks and the autoregressive models all parameters have scale 1). Regression targets have salt 9 and
scale 2. Class targets are mix(i * 0x9E3779B9 + 99 * 0x85EBCA6B) % classes; tokens, the inputs of the recurrent networks,
are made likewise with salt 1, and the tokens that follow them with salt 99. Parameters of the networks of the chapters
on attention have scale 1. Where a model has several inputs, they are listed by name in the order of its arguments, with
salts 1, 101, 102, …; the lengths of sequences are given as they are.

A file holds, all computed in f64:

    inputs, targets        shape, salt and scale (or classes, or values); for several inputs a list
    padding                of translation models alone: targets with this number don't count in the loss
    loss                   mean over the batch: squared error without 1/2, or cross entropy; of kernel regression the
                           sum of the squared errors
    learning_rate, steps   SGD on the same batch, for `after`: plain, but in weight-decay.json the weight decays by 3
    parameters             in order: name, shape ([out, in] for weights), salt and scale, and twice a summary,
      gradient             of the gradient of `loss`,
      after                of the parameter after the steps

    buffers                only of models with batch normalisation, which run in training mode here: name, and a
                           summary after the steps, in the names' order

and a summary is the L2 norm and the values `at` up to 16 row-major indices k * (n - 1) / 15, rounded down, k = 0..15
(all n if there are 16 or fewer); for the deep networks, which have many parameters, up to 3 instead of 16.
"""

import numpy
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import alexnet
import autoregressive
import bahdanau
import batch_norm_lenet
import densenet
import digits
import dropout
import googlenet
import gpt
import kernel_regression
import lenet
import linear_regression
import mlp
import names
import nin
import polynomial
import recurrent
import recurrent_options
import regnet
import resnet
import seq2seq
import softmax_regression
import transformer
import vgg
import vit
import weight_decay
import word_lm
from filler import hashes, numbers
from reference import REFERENCE, write_json
from translation import EncoderDecoder, masked_cross_entropy

BATCH, LEARNING_RATE, STEPS, WEIGHT_DECAY = 8, 0.1, 3, 3.0
INPUT_SALT, FIRST_PARAMETER_SALT, TARGET_SALT, CLASS_SALT = 1, 2, 9, 99
INPUT_SCALE, PARAMETER_SCALE = 2.0, 0.1
VOCAB_SIZE, NUM_HIDDENS, NUM_STEPS = 7, 5, 6  # of the recurrent networks
EMBEDDING_DIM, SINE_HIDDENS = 4, 10
# Of the networks of the chapters on attention: vocabularies and time steps of source and target, the length of each
# source sentence, layers or blocks, units, units of the feed-forward network, heads. A padded target is as likely as
# any other token.
SOURCE_VOCAB_SIZE, TARGET_VOCAB_SIZE, SOURCE_STEPS, TARGET_STEPS, LENGTHS = 11, 13, 5, 6, [3, 5, 1, 4]
NUM_LAYERS, WIDTH, FFN_NUM_HIDDENS, NUM_HEADS = 2, 8, 12, 2
PADDING = 1
MOST_STEPS = 9  # of gpt, more than it reads
NUM_KEYS = 7
ABOUT = "Made by scripts/pytorch/golden_models.py, which says what everything here means."


def filled(shape: list[int], salt: int, scale: float) -> Tensor:
    """A tensor of the filler, f64."""
    n = int(numpy.prod(shape))
    return torch.from_numpy(numbers(n, salt, scale)).reshape(shape)


def summary(tensor: Tensor, entries: int = 16) -> dict:
    """The norm of a tensor and a limited number of its entries."""
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


def made(entry: dict) -> Tensor:
    """The tensor that an entry of the file describes."""
    shape = entry["shape"]
    if "values" in entry:
        return torch.tensor(entry["values"]).reshape(shape)
    if "classes" in entry:
        return drawn_classes(shape, entry["salt"], entry["classes"])
    return filled(shape, entry["salt"], entry["scale"])


def deep_scale(parameter: Tensor) -> float:
    """4 / √(inputs of a unit) for weights."""
    return round(4 / parameter[0].numel() ** 0.5, 6) if parameter.dim() > 1 else PARAMETER_SCALE


def plain_sgd(model: nn.Module) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), LEARNING_RATE)


def golden(
    model_name: str,
    model: nn.Module,
    inputs: dict | list[dict],
    targets: dict,
    loss_function,
    scale=lambda parameter: PARAMETER_SCALE,
    sgd=plain_sgd,
    entries: int = 16,
    further: dict | None = None,
) -> dict:
    """The numbers of one model. `scale(parameter)` is what it is filled with, `sgd(model)` makes the steps, `further`
    is written behind the targets."""
    model = model.double()
    x, y = [made(entry) for entry in (inputs if isinstance(inputs, list) else [inputs])], made(targets)
    parameters = []
    for salt, (name, parameter) in enumerate(model.named_parameters(), FIRST_PARAMETER_SALT):
        entry = {"name": name, "shape": list(parameter.shape), "salt": salt, "scale": scale(parameter)}
        parameter.data = made(entry)
        parameters.append(entry)

    optimizer = sgd(model)
    first_loss = None
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_function(model(*x), y)
        loss.backward()
        if first_loss is None:
            first_loss = loss.item()
            for entry, parameter in zip(parameters, model.parameters()):
                entry["gradient"] = summary(parameter.grad, entries)
        optimizer.step()
    for entry, parameter in zip(parameters, model.parameters()):
        entry["after"] = summary(parameter, entries)
    saved = model.state_dict()  # a table of positions is a buffer too, but is made again and not saved
    statistics = {
        name: b
        for name, b in model.named_buffers()
        if name in saved and not name.endswith("num_batches_tracked")
    }
    buffers = [{"name": name, "after": summary(statistics[name], entries)} for name in sorted(statistics)]
    return {
        "about": ABOUT,
        "model": model_name,
        "torch": torch.__version__,
        "inputs": inputs,
        "targets": targets,
        **(further or {}),
        "loss": first_loss,
        "learning_rate": LEARNING_RATE,
        "steps": STEPS,
        "parameters": parameters,
    } | ({"buffers": buffers} if buffers else {})


def classified(name: str, model: nn.Module, shape: list[int], classes: int, **settings) -> dict:
    """Of a model that classifies inputs of this shape."""
    inputs = {"shape": [BATCH, *shape], "salt": INPUT_SALT, "scale": INPUT_SCALE}
    targets = {"shape": [BATCH], "salt": CLASS_SALT, "classes": classes}
    return golden(name, model, inputs, targets, cross_entropy, **settings)


def regression(name: str, model: nn.Module, features: int, **settings) -> dict:
    """Of a model with one output."""
    inputs = {"shape": [BATCH, features], "salt": INPUT_SALT, "scale": INPUT_SCALE}
    targets = {"shape": [BATCH, 1], "salt": TARGET_SALT, "scale": INPUT_SCALE}
    return golden(name, model, inputs, targets, F.mse_loss, **settings)


def language(name: str, model: nn.Module) -> dict:
    """Of a language model: each token's target is a token."""
    inputs = {"shape": [BATCH, NUM_STEPS], "salt": INPUT_SALT, "classes": VOCAB_SIZE}
    targets = {"shape": [BATCH, NUM_STEPS], "salt": CLASS_SALT, "classes": VOCAB_SIZE}
    return golden(name, model, inputs, targets, cross_entropy, lambda parameter: 1.0)


def named(name: str) -> dict:
    """Of the classifier of names, in which the last symbol ends a name wherever it stands."""
    inputs = {"shape": [BATCH, NUM_STEPS], "salt": INPUT_SALT, "classes": names.SYMBOLS}
    targets = {"shape": [BATCH], "salt": CLASS_SALT, "classes": NUM_HIDDENS}
    model = names.Classifier(NUM_HIDDENS, num_hiddens=NUM_HIDDENS)
    return golden(name, model, inputs, targets, cross_entropy, lambda parameter: 1.0)


def translated(name: str, model: nn.Module) -> dict:
    """Of a translation model."""
    batch = len(LENGTHS)
    inputs = [
        {"name": "source", "shape": [batch, SOURCE_STEPS], "salt": INPUT_SALT, "classes": SOURCE_VOCAB_SIZE},
        {"name": "lengths", "shape": [batch], "values": LENGTHS},
        {"name": "decoder_input", "shape": [batch, TARGET_STEPS], "salt": 101, "classes": TARGET_VOCAB_SIZE},
    ]
    targets = {"shape": [batch, TARGET_STEPS], "salt": CLASS_SALT, "classes": TARGET_VOCAB_SIZE}
    loss, further = masked_cross_entropy(PADDING), {"padding": PADDING}
    return golden(name, model, inputs, targets, loss, lambda parameter: 1.0, further=further)


def kernel() -> dict:
    """Of kernel regression."""
    inputs = [
        {"name": "queries", "shape": [BATCH], "salt": INPUT_SALT, "scale": INPUT_SCALE},
        {"name": "keys", "shape": [BATCH, NUM_KEYS], "salt": 101, "scale": INPUT_SCALE},
        {"name": "values", "shape": [BATCH, NUM_KEYS], "salt": 102, "scale": INPUT_SCALE},
    ]
    targets, model = {"shape": [BATCH], "salt": TARGET_SALT, "scale": INPUT_SCALE}, kernel_regression.KernelRegression()
    return golden(
        "kernel-regression", model, inputs, targets, kernel_regression.squared_error, lambda parameter: 4.0
    )


def main() -> None:
    torch.set_num_threads(1)
    folder = REFERENCE / "golden"
    folder.mkdir(exist_ok=True)
    decaying = lambda model: weight_decay.decaying_sgd(model, LEARNING_RATE, WEIGHT_DECAY)
    pixels, classes = softmax_regression.PIXELS, softmax_regression.CLASSES
    sizes = (WIDTH, NUM_LAYERS, 0.0)
    recurrent_encoder = lambda: seq2seq.Encoder(SOURCE_VOCAB_SIZE, *sizes)
    blocks = (WIDTH, FFN_NUM_HIDDENS, NUM_HEADS, NUM_LAYERS, 0.0)
    files = [
        regression("linear-regression", linear_regression.Concise("en"), 2),
        classified("softmax-regression", softmax_regression.Concise("en"), [pixels], classes),
        classified("mlp", mlp.Concise("en"), [pixels], classes),
        classified("dropout", dropout.Concise("en", dropout.PROBABILITIES["en"]).eval(), [pixels], classes),
        classified("lenet", lenet.LeNet(), [1, 28, 28], 10),
        classified("batchnorm-lenet-scratch", batch_norm_lenet.BatchNormLeNet("scratch"), [1, 28, 28], 10),
        classified("batchnorm-lenet-concise", batch_norm_lenet.BatchNormLeNet("concise"), [1, 28, 28], 10),
        classified("digits-convolution", digits.RUNGS["digits-convolution"](), [1, 28, 28], 10),
        classified("digits-relu", digits.RUNGS["digits-relu"](), [1, 28, 28], 10),
        classified("digits-dropout", digits.RUNGS["digits-dropout"]().eval(), [1, 28, 28], 10),
        *(
            regression(f"autoregressive-{name}", autoregressive.Autoregressive(hiddens), 4, scale=lambda parameter: 1.0)
            for name, hiddens in [("perceptron", SINE_HIDDENS), ("linear", 0)]
        ),
        *(
            regression(
                f"autoregressive-{name}",
                recurrent_options.RecurrentSine(layer, SINE_HIDDENS),
                autoregressive.TAU,
                scale=lambda parameter: 1.0,
            )
            for name, layer in recurrent.LAYERS.items()
            if name != "peephole-lstm"
        ),
        regression("polynomial", polynomial.Polynomial(20), 20),
        regression("weight-decay", weight_decay.Concise("en"), weight_decay.FEATURES, sgd=decaying),
    ]
    files += [
        classified(name, model, [1, side, side], 10, scale=deep_scale, entries=3)
        for name, model, side in [
            ("alexnet", alexnet.AlexNet(alexnet.SMALL, 1, 28).eval(), 28),
            ("vgg", vgg.Vgg(vgg.SMALL, 1, 28).eval(), 28),
            ("nin", nin.Nin(nin.SMALL, 1).eval(), 28),
            ("googlenet", googlenet.GoogLeNet(1), 32),
            ("resnet18", resnet.ResNet18(1), 33),
            ("densenet", densenet.DenseNet(3, 1), 29),
            ("regnet", regnet.RegNet(1), 31),
        ]
    ]
    files += [language(name, model) for name, model in recurrent.models(VOCAB_SIZE, NUM_HIDDENS).items()]
    options = recurrent_options.models(VOCAB_SIZE, NUM_HIDDENS, EMBEDDING_DIM)
    files += [language(name, model) for name, model in options.items()]
    tied = word_lm.WordModel("lstm", VOCAB_SIZE, dropout=0.0, num_hiddens=NUM_HIDDENS)
    files += [
        named("names-classifier"),
        language("word-lm", tied),
        kernel(),
        translated(
            "seq2seq", EncoderDecoder(recurrent_encoder(), seq2seq.Decoder(TARGET_VOCAB_SIZE, *sizes))
        ),
        translated(
            "bahdanau", EncoderDecoder(recurrent_encoder(), bahdanau.Decoder(TARGET_VOCAB_SIZE, *sizes))
        ),
        translated(
            "translation",
            EncoderDecoder(
                transformer.Encoder(SOURCE_VOCAB_SIZE, *blocks), transformer.Decoder(TARGET_VOCAB_SIZE, *blocks)
            ),
        ),
        language("gpt", gpt.Gpt(VOCAB_SIZE, MOST_STEPS, *blocks)),
        classified("vit", vit.Vit(28, 7, *blocks, 0.0), [1, 28, 28], 10, scale=lambda parameter: 1.0),
    ]
    for file in files:
        write_json(folder / f"{file['model']}.json", file)


if __name__ == "__main__":
    main()
