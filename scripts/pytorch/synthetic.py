"""The data that the Rust programs draw from the run's seed, rebuilt number by number.

The log of a run holds the SHA-256 of its data: `Case.checked` in case.py compares it.
"""

import numpy
import torch

import autoregressive
from common import Data, digest
from draws import Stream
from kernel_regression import EXAMPLES, LARGEST_INPUT, NOISE_STD, others
from linear_regression import data_set


def regression(seed: int, weight: list[float], bias: float, noise: float, train: int, valid: int) -> Data:
    """y = x w + bias + noise, of features from N(0, 1)."""

    def part(split: str, examples: int):
        draw = lambda what, std, n: Stream(seed, "data", f"synthetic-regression {split} {what}").normals(0.0, std, n)
        features = draw("x", 1.0, examples * len(weight)).reshape(examples, len(weight))
        total = numpy.zeros(examples)
        for feature, w in zip(features.T.astype(float), weight):  # in this order, in f64
            total += feature * w
        targets = total + bias + draw("noise", noise, examples).astype(float)
        return torch.from_numpy(features), torch.from_numpy(targets.astype(numpy.float32)).reshape(-1, 1)

    return data_set(part("train", train), part("valid", valid))


def polynomial(seed: int, coefficients: list[float], noise: float, terms: int, examples: int) -> Data:
    """y = Σ w_i x^i / i! + noise, of x from N(0, 1); the model sees the first `terms` features."""

    def part(split: str):
        draw = lambda what, std: Stream(seed, "data", f"synthetic-polynomial {split} {what}").normals(0.0, std, examples)
        x, feature, features = draw("x", 1.0).astype(float), numpy.ones(examples), []
        for i in range(max(terms, len(coefficients))):
            features.append(feature)
            feature = feature * (x / (i + 1))
        total = numpy.zeros(examples)
        for feature, w in zip(features, coefficients):
            total += feature * w
        targets = total + draw("noise", noise).astype(float)
        columns = [numpy.stack(features[:terms], axis=1), targets.reshape(-1, 1)]
        return tuple(torch.from_numpy(column.astype(numpy.float32)) for column in columns)

    return data_set(part("train"), part("valid"))


def curve(seed: int) -> Data:
    """Noisy points of 2 sin(x) + x^0.8, each with all others as keys and values; points of the curve itself, with all
    noisy ones, are held out.
    """
    draws = lambda name: Stream(seed, "data", f"kernel-regression.{name}")
    at = lambda x: (2 * numpy.sin(x.astype(float)) + x.astype(float) ** 0.8).astype(numpy.float32)
    x = numpy.sort(draws("x").uniforms(0.0, LARGEST_INPUT, EXAMPLES))
    y = at(x) + draws("noise").normals(0.0, NOISE_STD, EXAMPLES)
    places = (numpy.arange(EXAMPLES) * LARGEST_INPUT / EXAMPLES).astype(numpy.float32)
    x, y, places, heights = (torch.from_numpy(column) for column in (x, y, places, at(places)))
    sha256 = digest([column.numpy().astype("<f4").tobytes() for column in (x, y, places, heights)])
    everywhere = lambda column: column.repeat(EXAMPLES, 1)
    return Data(
        "noisy-curve", "synthetic", ((x, others(x), others(y)), y), ((places, everywhere(x), everywhere(y)), heights), sha256
    )


def sine(seed: int) -> Data:
    """A noisy sine, cut into windows."""
    noise = Stream(seed, "data", "autoregressive.noise").normals(0.0, autoregressive.NOISE_STD, autoregressive.POINTS)
    series = numpy.sin(autoregressive.FREQUENCY * numpy.arange(1, autoregressive.POINTS + 1)) + noise.astype(float)
    return autoregressive.windows(torch.from_numpy(series.astype(numpy.float32)))
