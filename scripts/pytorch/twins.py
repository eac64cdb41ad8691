"""The PyTorch twin of every model of the chapters: what twin.py trains and check_run.py evaluates.

`twins_of(case)` finds the model's function by its name in the log. All numbers come from the log's first line.
"""

from collections.abc import Callable

import digits
import nin
import vgg
from batch_norm_lenet import BatchNormLeNet
from case import Case, Twin
from common import UsageError
from densenet import DenseNet
from googlenet import GoogLeNet
from lenet import LeNet
from regnet import RegNet
from resnet import ResNet18
from twins_of_pictures import (
    alexnet_of, dropped_perceptron, edges, ladder, on_pictures, perceptron, softmax, upper_ladder, vit_of,
)
from twins_of_sequences import kernels, sequence_to_sequence, sine, transformed, with_attention
from twins_of_tables import airfoil, airfoil_descent, decayed, houses, linear, of_diabetes, of_polynomial, of_titanic
from twins_of_texts import generative, language_model, named, naming, words

# The book's sizes of LeNet.
LENET = {"kernel_size": 5, "channels": "6,16", "hiddens": "120,84", "dropout": 0.0}

TWINS: dict[str, Callable[[Case], Twin | list[Twin]]] = {
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
    "lenet": on_pictures(lambda case, side: LeNet(), activation="sigmoid", pooling="avg", **LENET),
    "batchnorm-lenet": on_pictures(lambda case, side: BatchNormLeNet(case.implementation)),
    "alexnet": on_pictures(alexnet_of, dropout=0.5),
    "vgg": on_pictures(lambda case, side: vgg.Vgg(vgg.BOOK if side >= 32 else vgg.SMALL, 1, side), convolutions=None, dropout=0.5),
    "nin": on_pictures(lambda case, side: nin.Nin(nin.BOOK if side >= 67 else nin.SMALL, 1), pointwise=2, dropout=0.5),
    "googlenet": on_pictures(lambda case, side: GoogLeNet(1)),
    "resnet18": on_pictures(lambda case, side: ResNet18(1), num_blocks=2, no_batch_norm=False, no_shortcut=False),
    "densenet": on_pictures(lambda case, side: DenseNet(4 if side >= 29 else 3, 1)),
    "regnet": on_pictures(lambda case, side: RegNet(1)),
    "edge-kernel": edges,
    **{name: upper_ladder for name in digits.RUNGS},
    **{name: language_model for name in ("rnn", "rnn-random-sampling", "gru", "lstm", "deep-rnn", "deep-gru")},
    **{name: language_model for name in ("deep-lstm", "bidirectional-lstm", "rnn-truncated")},
    **{name: language_model for name in ("prototype-lstm", "pseudo-lstm", "peephole-lstm")},
    "autoregressive": sine,
    "names-classifier": named,
    "names-generator": naming,
    "word-lm": words,
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
