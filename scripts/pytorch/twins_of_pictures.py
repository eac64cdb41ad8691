"""The twins of the models that learn from pictures: chapters 02 to 04, and chapter 07's vision Transformer."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

import alexnet
import digits
import dropout
import edge_kernel
import mlp
import softmax_regression
import vit
from case import Case, Twin, is_weight
from common import Data, UsageError, image_set
from enlarged import enlarged
from lenet import pictures
from lesson import ACCURACY, Lesson


def flat_images(case: Case) -> Data:
    case.wants(augment="nothing")
    if case.recipe["data_set"] not in ("fashion-mnist", "mnist"):
        raise UsageError(f"{case.model}: found --data-set {case.recipe['data_set']}; the twins have no colours")
    return case.checked(image_set(case.data_dir, case.recipe["data_set"]))


def softmax(case: Case) -> Twin:
    model, loss = softmax_regression.Concise(case.edition), F.cross_entropy
    if case.implementation == "scratch":
        model, loss = softmax_regression.Scratch(), softmax_regression.cross_entropy
    return Twin(Lesson(flat_images(case), model, loss, measures=ACCURACY))


def perceptron(case: Case) -> Twin:
    case.wants(num_hiddens=mlp.HIDDENS, num_layers=1, activation="relu", l1=0.0, l2=0.0)
    model = mlp.Scratch() if case.implementation == "scratch" else mlp.Concise(case.edition)
    return Twin(Lesson(flat_images(case), model, F.cross_entropy, measures=ACCURACY))


def dropped_perceptron(case: Case) -> Twin:
    case.wants(num_hiddens=dropout.HIDDENS, num_layers=2)
    probabilities = (case.recipe["dropout1"], case.recipe["dropout2"])
    by_hand = case.implementation == "scratch"
    model = dropout.Scratch(probabilities) if by_hand else dropout.Concise(case.edition, probabilities)
    return Twin(Lesson(flat_images(case), model, F.cross_entropy, measures=ACCURACY))


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
    case.wants(picture="stripe", transpose_picture=False, transpose_kernel=False)
    return Twin(Lesson(case.checked(edge_kernel.stripe()), edge_kernel.EdgeKernel(), edge_kernel.squared_error))


def vit_of(case: Case, side: int) -> nn.Module:
    r = case.recipe
    sizes = (r["num_hiddens"], r["ffn_hiddens"], r["num_heads"], r["num_layers"], r["dropout"], r["dropout"])
    return vit.Vit(side, r["patch_size"], *sizes)
