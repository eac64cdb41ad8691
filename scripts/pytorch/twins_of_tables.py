"""The twins of the models that learn from numbers in columns: chapter 01, and the tables of chapter 03."""

from collections.abc import Callable

import pandas
import torch
import torch.nn.functional as F

import golden_tables
import house_price
import linear_regression
import mlp
import polynomial
import synthetic
import weight_decay
from case import Case, Twin, is_weight
from common import Data, UsageError, digest, read_plain
from draws import Stream
from lesson import Lesson, Measure


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
