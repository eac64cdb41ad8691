"""How an epoch cuts a text into minibatches, and a model that carries its state from one to the next, as
crates/05-recurrent/src/minibatches.rs and training.rs do. D2L zh 8.3.4, en 9.3.3.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from draws import Stream, Words


def carry_state(model: nn.Module) -> None:
    """Lets a model start from the state after its last minibatch, but not from its gradients. Each epoch and each
    evaluation starts from zeros: the loop calls `train` or `eval` in front of it."""
    state, set_mode = None, model.train

    def forward(x: Tensor) -> Tensor:
        nonlocal state
        outputs, after = model.forward_from(x, state)
        state = detached(after)
        return outputs

    def train(training: bool = True) -> nn.Module:
        nonlocal state
        state = None
        return set_mode(training)

    model.forward, model.train = forward, train


def detached(state):
    return tuple(detached(part) for part in state) if isinstance(state, tuple) else state.detach()


@dataclass(frozen=True)
class Cut:
    """How a text of so many tokens becomes minibatches of `batch_size` text windows, of fewer if the text is short. An
    epoch draws from which offset on it is cut, at most from `largest_offset`.

    With `carries` each row goes on where it ended in the minibatch before. Otherwise the windows come in random order.
    """

    tokens: int
    num_steps: int
    batch_size: int
    carries: bool
    largest_offset: int

    @property
    def rows(self) -> int:
        """The text windows of a minibatch."""
        return min(self.batch_size, (self.tokens - self.largest_offset - 1) // self.num_steps)

    @property
    def count(self) -> int:
        """The minibatches of an epoch: as many as fit behind the largest offset."""
        return len(self.starts(self.largest_offset))

    def starts(self, offset: int, order: Callable[[int], Tensor] = torch.arange) -> list[Tensor]:
        """Where the text windows of each minibatch begin."""
        left = self.tokens - offset - 1
        if self.carries:
            part = left // self.rows
            first = offset + torch.arange(self.rows) * part
            return [first + batch * self.num_steps for batch in range(part // self.num_steps)]
        starts = offset + order(left // self.num_steps) * self.num_steps
        return list(starts.split(self.rows))[: len(starts) // self.rows]

    def of_epoch(self, draws: Callable[[str], Stream] | None) -> list[Tensor]:
        """The starts of an epoch. Without `draws` nothing is random."""
        if draws is None:
            return self.starts(0)[: self.count]
        offset = Words(draws("offset")).below(self.largest_offset + 1)
        order = lambda windows: torch.from_numpy(draws("windows").permutation(windows))
        return self.starts(offset, order)[: self.count]
