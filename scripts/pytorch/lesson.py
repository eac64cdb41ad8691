"""What is trained, and what is measured of it: the part of a program that the loop (training.py) is given."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import Data, Mean, accuracy, output, rows


@dataclass(frozen=True)
class Measure:
    """A number of a minibatch: `of(outputs, targets)` is its mean over what `weight(targets)` counts.

    `shown` is what the log has of the mean over all minibatches, such as its root. `shown_by_batch`: where minibatches have
    equal weight, it is what is averaged. `in_training`: also of the minibatches that are trained on.
    """

    of: Callable[[Tensor, Tensor], float | Tensor]
    weight: Callable[[Tensor], float] = len
    shown: Callable[[float], float] = float
    shown_by_batch: bool = False
    in_training: bool = True

    def of_batch(self, outputs: Tensor, targets: Tensor) -> tuple[float, float]:
        return float(self.of(outputs, targets)), self.weight(targets)


ACCURACY = {"accuracy": Measure(accuracy)}


@dataclass
class Lesson:
    """A model, the data that it learns, and how.

    `loss(outputs, targets)` is the mean over a batch, `weight(targets)` what a batch counts in the means of the log, its
    examples unless stated, and `evaluation_weight(targets)` what it counts in all means of an evaluation where that is
    something else. `evaluation_loss` is the loss of the measurements where it isn't the one that is trained on,
    `objective(batch_loss, targets)` what the gradient is of where it isn't the loss.
    """

    data: Data
    model: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    optimizer: torch.optim.Optimizer | None = None
    measures: dict[str, Measure] = field(default_factory=dict)
    evaluation_loss: Callable[[Tensor, Tensor], Tensor] | None = None
    weight: Callable[[Tensor], float] = len
    evaluation_weight: Callable[[Tensor], float] | None = None
    objective: Callable[[Tensor, Tensor], Tensor] | None = None

    @torch.no_grad()
    def evaluate(self, split, batch_size: int) -> tuple[dict[str, float], dict[str, float]]:
        """The measures of a split: the means over what they count, and over the minibatches with equal weight."""
        measures = {"loss": Measure(self.evaluation_loss or self.loss, self.weight)} | self.measures
        overall, by_batch = {name: Mean() for name in measures}, {name: Mean() for name in measures}
        self.model.eval()
        for indices in torch.arange(len(split[1])).split(batch_size):
            outputs, targets = output(self.model, rows(split[0], indices)), split[1][indices]
            for name, measure in measures.items():
                value, weight = measure.of_batch(outputs, targets)
                weight = self.evaluation_weight(targets) if self.evaluation_weight else weight
                overall[name].add(value, weight)
                by_batch[name].add(measure.shown(value) if measure.shown_by_batch else value)
        shown = {name: measures[name].shown(mean.value) for name, mean in overall.items()}
        final = lambda name, value: value if measures[name].shown_by_batch else measures[name].shown(value)
        return shown, {name: final(name, mean.value) for name, mean in by_batch.items()}


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Logits [B, T, V] and the tokens that follow [B, T]."""
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def perplexity(loss: Callable[[Tensor, Tensor], Tensor]) -> dict[str, Measure]:
    """The exponential of the mean loss."""
    return {"perplexity": Measure(loss, shown=math.exp, shown_by_batch=True)}
