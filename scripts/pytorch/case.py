"""A Rust run, and what its PyTorch twin trains."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from common import Data, UsageError, rows
from draws import Stream, Words
from lesson import Lesson

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


def is_weight(name: str) -> bool:
    """Whether a parameter is one of those that decay where biases don't."""
    return not name.endswith("bias")
