"""The PyTorch network, data and losses of every model of the chapters, for a run of it: what twin.py trains and
check_run.py evaluates.

`twin_of(case)` finds the model's function by its name in the log. All numbers come from the log's first line.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import alexnet
import bahdanau
import digits
import dropout
import edge_kernel
import golden_tables
import gpt
import house_price
import kernel_regression
import linear_regression
import mlp
import nin
import polynomial
import recurrent
import seq2seq
import softmax_regression
import synthetic
import texts
import transformer
import translation
import vgg
import vit
import weight_decay
from batch_norm_lenet import BatchNormLeNet
from common import Data, UsageError, digest, image_set, read_plain, rows
from densenet import DenseNet
from draws import Stream, Words
from enlarged import enlarged
from golden_translation import published
from googlenet import GoogLeNet
from lenet import LeNet, pictures
from lesson import ACCURACY, Lesson, Measure, perplexity
from regnet import RegNet
from resnet import ResNet18

Batches = Callable[[int], Iterable[Tensor]]


@dataclass(frozen=True)
class Case:
    """A run: the first line of its log, and where the data are."""

    header: dict
    data_dir: Path

    def __getattr__(self, name: str):
        """A field of the header: `model`, `implementation`, `recipe`, `seed`, …"""
        try:
            return self.header[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def edition(self) -> str:
        return "en" if self.preset == "en" else "zh"

    def wants(self, **options) -> None:
        """Refuses a run whose options the twin doesn't have."""
        for name, wanted in options.items():
            found = self.recipe.get(name, wanted)
            if found != wanted:
                raise UsageError(f"{self.model}: found {name} {found}; the PyTorch twin has {wanted} alone")

    def checked(self, data: Data) -> Data:
        """The first examples of the data, as many as the run had; an error if the run had other data."""
        if data.sha256 != self.data["sha256"]:
            raise UsageError(f"found {data.name} with SHA-256 {data.sha256}, wanted the run's {self.data['sha256']}")
        first = lambda split, n: (rows(split[0], slice(n)), split[1][:n]) if split and n else None
        return Data(
            data.name, data.source, first(data.train, self.data["train"]), first(data.valid, self.data["valid"]),
            data.sha256,
        )


@dataclass
class Twin:
    """What a run trains. A cross-validation trains several, each with draws of its own.

    `batches(seed)` gives the minibatches of each epoch where the loop cuts them itself. `errors(model)` gives numbers
    that are known after training.
    """

    lesson: Lesson
    fold: int | None = None
    batches: Callable[[int], Batches] | None = None
    errors: Callable[[nn.Module], dict[str, float]] | None = None
    decays: Callable[[str], bool] = lambda name: True
    decoder_steps: int | None = None

    def seed(self, run_seed: int) -> int:
        """The seed of its draws."""
        return run_seed if self.fold is None else Words(Stream(run_seed, "fold", str(self.fold))).u64()

    def file(self) -> str:
        """The name of its parameters' file."""
        return "model.safetensors" if self.fold is None else f"model-fold{self.fold}.safetensors"


# --- 01 ---------------------------------------------------------------------------------------------------------------


def linear(case: Case) -> Twin:
    weight, bias = linear_regression.TRUE_WEIGHT, linear_regression.TRUE_BIAS
    examples = linear_regression.EXAMPLES
    data = synthetic.regression(case.seed, weight, bias, linear_regression.NOISE_STD, examples, examples)
    return Twin(least_squares(case, case.checked(data)), errors=linear_regression.errors)


def least_squares(case: Case, data: Data) -> Lesson:
    """A linear model of the data's features, by hand with half the squared error."""
    features = data.train[0].shape[1]
    if case.implementation == "scratch":
        return Lesson(data, linear_regression.Scratch(features), linear_regression.half_squared_error)
    return Lesson(data, linear_regression.Concise(case.edition, features), F.mse_loss)


def of_polynomial(case: Case) -> Twin:
    terms = case.recipe["terms"]
    coefficients, noise, examples = polynomial.COEFFICIENTS, polynomial.NOISE_STD, polynomial.EXAMPLES
    data = synthetic.polynomial(case.seed, coefficients, noise, terms, examples)
    return Twin(Lesson(case.checked(data), polynomial.Polynomial(terms), F.mse_loss), errors=polynomial.weights)


def decayed(case: Case) -> Twin:
    w = weight_decay
    data = synthetic.regression(case.seed, [w.TRUE_WEIGHT] * w.FEATURES, w.TRUE_BIAS, w.NOISE_STD, w.TRAIN, w.VALID)
    if case.implementation == "concise":
        return Twin(Lesson(case.checked(data), w.Concise(case.edition), F.mse_loss), errors=w.norms, decays=is_weight)
    model, squared, strength = w.Scratch(case.edition), linear_regression.half_squared_error, case.recipe["weight_decay"]
    loss = lambda y_hat, y: squared(y_hat, y) + strength * w.l2_penalty(model.w)
    evaluation_loss = loss if case.recipe["penalty_in_evaluation"] else squared
    lesson = Lesson(case.checked(data), model, loss, evaluation_loss=evaluation_loss)
    return Twin(lesson, errors=w.norms, decays=lambda name: False)  # the loss has all of the decay in it


def is_weight(name: str) -> bool:
    return not name.endswith("bias")


def airfoils(case: Case) -> Data:
    """Training and held-out rows are the same, as in the book."""
    table = torch.from_numpy(golden_tables.airfoil(case.data_dir)).float()
    part = (table[:, :5], table[:, 5:])
    sha256 = digest([read_plain(case.data_dir / "airfoil" / "airfoil_self_noise.dat")])
    return case.checked(Data("airfoil", "real", part, part, sha256))


def airfoil(case: Case) -> Twin:
    return Twin(least_squares(case, airfoils(case)))


def airfoil_descent(case: Case) -> Twin:
    data = airfoils(case)
    two = lambda split: (split[0][:, [1, 4]], split[1])  # angle of attack, thickness of the boundary layer
    data = Data(data.name, data.source, two(data.train), two(data.valid), data.sha256)
    return Twin(Lesson(data, linear_regression.Scratch(2, bias=False), linear_regression.half_squared_error))


# --- 02 and 03 --------------------------------------------------------------------------------------------------------


def flat_images(case: Case) -> Data:
    case.wants(augment="nothing")
    if case.recipe["data_set"] not in ("fashion-mnist", "mnist"):
        raise UsageError(f"{case.model}: found --data-set {case.recipe['data_set']}; the twins have no colours")
    return case.checked(image_set(case.data_dir, case.recipe["data_set"]))


def softmax(case: Case) -> Twin:
    if case.implementation == "scratch":
        return Twin(Lesson(flat_images(case), softmax_regression.Scratch(), softmax_regression.cross_entropy, measures=ACCURACY))
    return Twin(Lesson(flat_images(case), softmax_regression.Concise(case.edition), F.cross_entropy, measures=ACCURACY))


def perceptron(case: Case) -> Twin:
    case.wants(num_hiddens=mlp.HIDDENS, num_layers=1, activation="relu", l1=0.0, l2=0.0)
    model = mlp.Scratch() if case.implementation == "scratch" else mlp.Concise(case.edition)
    return Twin(Lesson(flat_images(case), model, F.cross_entropy, measures=ACCURACY))


def dropped_perceptron(case: Case) -> Twin:
    case.wants(num_hiddens=dropout.HIDDENS)
    probabilities = (case.recipe["dropout1"], case.recipe["dropout2"])
    by_hand = case.implementation == "scratch"
    model = dropout.Scratch(probabilities) if by_hand else dropout.Concise(case.edition, probabilities)
    return Twin(Lesson(flat_images(case), model, F.cross_entropy, measures=ACCURACY))


def houses(case: Case) -> list[Twin]:
    case.wants(num_layers=0)
    data = house_price.house_prices(case.data_dir, case.edition)
    if data.sha256 != case.data["sha256"]:
        raise UsageError(f"found {data.name} with SHA-256 {data.sha256}, wanted the run's {case.data['sha256']}")
    data = data.first(case.data["train"] + case.data["valid"])
    network = lambda: house_price.network(data.train[0])
    folds = range(1, house_price.FOLDS + 1)
    of_fold = lambda fold: house_price.lesson_of(network(), case.edition, house_price.fold_of(data, fold))
    twins = [Twin(of_fold(fold), fold) for fold in folds]
    if case.edition == "zh":  # and a model of all rows
        twins.append(Twin(house_price.lesson_of(network(), case.edition, data)))
    return twins


def yes_or_no(case: Case, name: str, file: str, features, label, hidden: list[int]) -> Twin:
    """`features(table, train)` and `label(table)` of a table of which the same quarter is held out in every run."""
    content = read_plain(case.data_dir / file)
    table = pandas.read_csv(case.data_dir / file, header=None if name == "diabetes" else 0)
    order = Stream(0, "data", f"{name} held out").permutation(len(table)).tolist()
    valid, train = sorted(order[: len(table) // 4]), sorted(order[len(table) // 4 :])
    x = torch.tensor(features(table, train).values, dtype=torch.float32)
    y = torch.tensor(label(table).values, dtype=torch.float32).reshape(-1, 1)
    part = lambda chosen: (x[chosen], y[chosen])
    data = case.checked(Data(name, "real", part(train), part(valid), digest([content])))
    model = mlp.Mlp([x.shape[1], *hidden, 1], torch.sigmoid)
    right = Measure(lambda logits, y: ((logits > 0) == (y > 0.5)).float().mean())
    return Twin(Lesson(data, model, F.binary_cross_entropy_with_logits, measures={"accuracy": right}))


def of_diabetes(hidden: list[int]) -> Callable[[Case], Twin]:
    def build(case: Case) -> Twin:
        if (form := case.recipe["form"]) == "scaled":
            raise UsageError(f"{case.model}: found --form scaled; the PyTorch twin has raw and filled alone")
        features = lambda table, train: golden_tables.diabetes(table, train, form)
        file = "diabetes/pima-indians-diabetes.csv"
        return yes_or_no(case, "diabetes", file, features, lambda table: table[8], hidden)

    return build


def of_titanic(hidden: list[int]) -> Callable[[Case], Twin]:
    return lambda case: yes_or_no(
        case, "titanic", "titanic/train.csv", golden_tables.titanic, lambda table: table.Survived, hidden
    )


def mnist_with_validation(case: Case, on_validation: bool) -> Data:
    """Nielsen's split: the images behind the training images are for validation, the test images for his first rungs."""
    data = image_set(case.data_dir, "mnist")
    training, expanded = case.data["train"], case.recipe.get("expanded", False)
    if expanded:
        training //= digits.COPIES
    part = lambda split, places: (split[0][places], split[1][places])
    valid = part(data.train, slice(training, None)) if on_validation else data.valid
    train = part(data.train, slice(training))
    train = digits.expanded(*train) if expanded else train
    return case.checked(Data(data.name, data.source, train, valid, data.sha256))


def ladder(case: Case) -> Twin:
    """Chapter 03's rungs."""
    data = mnist_with_validation(case, case.model in ("digits-l2-100", "digits-tuned"))
    model = mlp.Mlp([mlp.PIXELS, case.recipe["num_hiddens"], mlp.CLASSES], torch.sigmoid)
    cost = digits.quadratic_cost if case.model.startswith("digits-quadratic") else digits.cross_entropy_cost
    return Twin(Lesson(data, model, cost, measures=ACCURACY), decays=is_weight)


# --- 04 ---------------------------------------------------------------------------------------------------------------


def on_pictures(network: Callable[[Case, int], nn.Module], **options) -> Callable[[Case], Twin]:
    """A network of grey pictures, `network(case, side)`, which has these options alone."""

    def build(case: Case) -> Twin:
        case.wants(**options)
        side = case.recipe.get("side", 28)
        model = network(case, side)
        model.register_forward_pre_hook(lambda _, inputs: (enlarged(inputs[0], side),))
        return Twin(Lesson(pictures(flat_images(case)), model, F.cross_entropy, measures=ACCURACY))

    return build


def alexnet_of(case: Case, side: int) -> nn.Module:
    sizes = alexnet.BOOK if side >= 65 else alexnet.PADDED if side >= 63 else alexnet.SMALL
    return alexnet.AlexNet(sizes, 1, side)


def upper_ladder(case: Case) -> Twin:
    """Chapter 04's rungs."""
    data = pictures(mnist_with_validation(case, on_validation=True))
    return Twin(Lesson(data, digits.RUNGS[case.model](), F.cross_entropy, measures=ACCURACY), decays=is_weight)


def edges(case: Case) -> Twin:
    return Twin(Lesson(case.checked(edge_kernel.stripe()), edge_kernel.EdgeKernel(), edge_kernel.squared_error))


# --- 05 to 07 ---------------------------------------------------------------------------------------------------------


def language_model(case: Case) -> Twin:
    steps, windows = case.recipe["num_steps"], case.recipe["sampling"] == "windows"
    held_out = case.recipe["max_tokens"] // 2 if windows else 0
    data, characters = texts.time_machine(case.data_dir, case.edition, case.recipe["max_tokens"], steps, held_out)
    name = f"{case.model.removesuffix('-random-sampling')}-{case.implementation}"
    model = recurrent.models(characters, case.recipe["num_hiddens"])[name]
    loss = next_token_loss
    if windows:
        return Twin(Lesson(case.checked(data), model, loss, measures=perplexity(loss)))
    if data.sha256 != case.data["sha256"]:
        raise UsageError(f"found another text than the run's, with SHA-256 {data.sha256}")
    tokens, size = len(data.train[1]) + steps, case.recipe["batch_size"]
    carried = recurrent.Carried(model) if case.recipe["sampling"] == "sequential" else None
    _, rows, count = recurrent.cut(tokens, steps, size, carried is not None)
    if case.data["train"] != count * rows:
        raise UsageError(f"found {case.data['train']} text windows in the run, wanted {count * rows}: no --examples here")

    def batches(seed: int) -> Batches:
        draws = lambda epoch: (lambda name: Stream(seed, "shuffle", name, epoch)) if case.recipe["shuffle"] else None
        return lambda epoch: recurrent.minibatches(tokens, steps, size, carried, draws(epoch))

    return Twin(Lesson(data, model, loss, measures=perplexity(loss)), batches=batches)


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Logits [B, T, V] and the tokens that follow [B, T]."""
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def kernels(case: Case) -> Twin:
    data = case.checked(synthetic.curve(case.seed))
    batches = lambda seed: lambda epoch: [torch.arange(len(data.train[1]))]  # all points, in one order
    lesson = Lesson(data, kernel_regression.KernelRegression(), kernel_regression.squared_error)
    return Twin(lesson, batches=batches)


def translator(case: Case, encoder, decoder, decoder_steps: bool = False) -> Twin:
    """`encoder(words)` and `decoder(words)` for vocabularies of so many words."""
    pairs = translation.english_french(case.data_dir, case.edition, held_out=translation.SIZES["en"][1])
    pairs.data = case.checked(pairs.data)
    model = translation.EncoderDecoder(encoder(len(pairs.source)), decoder(len(pairs.target)))
    lesson = translation.lesson_of(model, pairs, case.recipe["loss"])
    errors = lambda model: translation.scores(model, pairs)
    return Twin(lesson, errors=errors, decoder_steps=pairs.steps if decoder_steps else None)


def sequence_to_sequence(case: Case) -> Twin:
    case.wants(encoder_end="padding", beam=1)
    sizes = (case.recipe["num_hiddens"], case.recipe["num_layers"], case.recipe["dropout"])
    moves = case.recipe["context"] == "state"
    encoder = lambda words: seq2seq.Encoder(words, *sizes)
    return translator(case, encoder, lambda words: seq2seq.Decoder(words, *sizes, context_moves=moves))


def with_attention(case: Case) -> Twin:
    case.wants(encoder_end="padding", beam=1)
    sizes = (case.recipe["num_hiddens"], case.recipe["num_layers"], case.recipe["dropout"])
    encoder = lambda words: seq2seq.Encoder(words, *sizes)
    return translator(case, encoder, lambda words: bahdanau.Decoder(words, *sizes), decoder_steps=True)


def transformed(case: Case) -> Twin:
    case.wants(beam=1)
    r = case.recipe
    sizes = (r["num_hiddens"], r["ffn_hiddens"], r["num_heads"], r["num_layers"], r["dropout"])
    as_the_book = r["evaluation"] == "book"
    encoder = lambda words: transformer.Encoder(words, *sizes)
    return translator(case, encoder, lambda words: transformer.Decoder(words, *sizes, as_the_book=as_the_book))


def generative(case: Case) -> Twin:
    case.wants(text="time-machine", byte_pairs=None)
    r, hiddens = case.recipe, case.recipe["num_hiddens"]
    data, characters = texts.raw_time_machine(case.data_dir, r["context"])
    model = gpt.Gpt(characters, r["context"], hiddens, 4 * hiddens, r["num_heads"], r["num_layers"], r["dropout"])
    return Twin(Lesson(case.checked(data), model, next_token_loss, measures=perplexity(next_token_loss)))


def vit_of(case: Case, side: int) -> nn.Module:
    r = case.recipe
    sizes = (r["num_hiddens"], r["ffn_hiddens"], r["num_heads"], r["num_layers"], r["dropout"], r["dropout"])
    return vit.Vit(side, r["patch_size"], *sizes)


TWINS = {
    "linear-regression": linear,
    "polynomial-cubic": of_polynomial,
    "polynomial-linear": of_polynomial,
    "polynomial-degree19": of_polynomial,
    "weight-decay-lambda0": decayed,
    "weight-decay-lambda3": decayed,
    "airfoil": airfoil,
    "airfoil-descent": airfoil_descent,
    "softmax-regression": softmax,
    "mlp": perceptron,
    "dropout": dropped_perceptron,
    "house-price": houses,
    "diabetes": of_diabetes([6, 4]),
    "diabetes-logistic": of_diabetes([]),
    "titanic": of_titanic([8]),
    "titanic-logistic": of_titanic([]),
    "digits-quadratic30": ladder,
    "digits-quadratic100": ladder,
    "digits-cross-entropy30": ladder,
    "digits-cross-entropy100": ladder,
    "digits-l2-30": ladder,
    "digits-l2-100": ladder,
    "digits-tuned": ladder,
    "lenet": on_pictures(lambda case, side: LeNet(), activation="sigmoid", pooling="avg"),
    "batchnorm-lenet": on_pictures(lambda case, side: BatchNormLeNet(case.implementation)),
    "alexnet": on_pictures(alexnet_of),
    "vgg": on_pictures(lambda case, side: vgg.Vgg(vgg.BOOK if side >= 32 else vgg.SMALL, 1, side)),
    "nin": on_pictures(lambda case, side: nin.Nin(nin.BOOK if side >= 67 else nin.SMALL, 1)),
    "googlenet": on_pictures(lambda case, side: GoogLeNet(1)),
    "resnet18": on_pictures(lambda case, side: ResNet18(1), num_blocks=2, no_batch_norm=False, no_shortcut=False),
    "densenet": on_pictures(lambda case, side: DenseNet(4 if side >= 29 else 3, 1)),
    "regnet": on_pictures(lambda case, side: RegNet(1)),
    "edge-kernel": edges,
    **{name: upper_ladder for name in digits.RUNGS},
    **{name: language_model for name in ("rnn", "rnn-random-sampling", "gru", "lstm", "deep-rnn", "deep-gru")},
    **{name: language_model for name in ("deep-lstm", "bidirectional-lstm")},
    "bahdanau": with_attention,
    "kernel-regression": kernels,
    "seq2seq": sequence_to_sequence,
    "translation": transformed,
    "gpt": generative,
    "vit": on_pictures(vit_of),
}


def twins_of(case: Case) -> list[Twin]:
    """What the run trains, one after the other."""
    if case.model not in TWINS:
        raise UsageError(f"no PyTorch twin of {case.model}; wanted one of {', '.join(TWINS)}")
    if case.data["source"] == "builtin":
        raise UsageError(f"found the built-in set {case.data['name']}, which the twins don't draw; wanted real data")
    twins = TWINS[case.model](case)
    return twins if isinstance(twins, list) else [twins]
