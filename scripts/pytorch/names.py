"""The classifier and the generator of names of crates/05-recurrent, with the networks and the settings of PyTorch's
tutorials "NLP from scratch: classifying names" and "generating names with a character-level RNN".

    python names.py classifier --data-dir data
    python names.py generator --data-dir data

The tutorials draw the held-out names; here they are those of the Rust side, 3 of each 20. The classifier's minibatches
are the tutorial's: 64 names, each read by itself. The generator's tutorial draws 100,000 names, each language as often
as the others; here six passes over all names are 102,252, and a language counts by its names.
"""

import argparse
import math
import random
import string
import time
import unicodedata
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import common
from common import UsageError, arguments
from recurrent import LAYERS

FOLDER = "names"
LETTERS = string.ascii_lowercase + string.ascii_uppercase + " .,;'-"
END, SYMBOLS = len(LETTERS), len(LETTERS) + 1
IGNORED = END + 1  # a target behind a name's end
HIDDENS, DROPOUT = 128, 0.1
CLASSIFIER_EPOCHS, CLASSIFIER_RATE, BATCH, CLIP = 27, 0.15, 64, 3.0
GENERATOR_EPOCHS, GENERATOR_RATE = 6, 0.0005
HELD_OUT = (0, 7, 14)


def read(folder: Path) -> tuple[list[str], list[tuple[str, int]], str]:
    """The languages, the names in plain letters with the numbers of their languages, and what the log calls the files'
    `sha256`."""
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise UsageError(f"no names in {folder}; name the data folder with --data-dir")
    names, contents = [], [file.read_bytes() for file in files]
    for number, content in enumerate(contents):
        for name in content.decode("utf-8").split("\n"):
            plain = "".join(c for c in unicodedata.normalize("NFD", name.strip()) if c in LETTERS)
            names += [(plain, number)] if plain else []
    return [file.stem for file in files], names, common.digest(contents)


def split(names: list) -> tuple[list, list]:
    """The names for training, and those that are held out."""
    part = lambda held_out: [name for row, name in enumerate(names) if (row % 20 in HELD_OUT) == held_out]
    return part(False), part(True)


def symbols(name: str) -> Tensor:
    return torch.tensor([LETTERS.index(letter) for letter in name])


def filled(names: list, steps: int, before: int, padding: int) -> Tensor:
    """All names as symbols, with `before` ends in front and one behind, cut or filled up to one length: [N, T]."""
    row = lambda name: [END] * before + symbols(name).tolist() + [END] + [padding] * steps
    return torch.tensor([row(name)[:steps] for name, _ in names])


def languages_of(names: list) -> Tensor:  # [N]
    return torch.tensor([language for _, language in names])


class Classifier(nn.Module):
    """The tutorial's CharRNN, for names as symbols, each filled up with the last symbol: the state after the last letter
    decides. [B, T] -> [B, K]"""

    def __init__(self, languages: int, num_hiddens: int = HIDDENS, cell: str = "rnn"):
        super().__init__()
        self.rnn = LAYERS[cell](SYMBOLS, num_hiddens, num_layers=1, bidirectional=False)
        self.linear = nn.Linear(num_hiddens, languages)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.rnn(F.one_hot(x.T, SYMBOLS).to(self.linear.weight.dtype))  # [T, B, H]
        last = (x != END).sum(dim=1) - 1
        return self.linear(h[last, torch.arange(len(x))])


def classify(options, languages: list[str], train: list, valid: list) -> None:
    model = Classifier(len(languages))
    optimizer = torch.optim.SGD(model.parameters(), lr=CLASSIFIER_RATE)
    for epoch in range(1, (options.epochs or CLASSIFIER_EPOCHS) + 1):
        started, total = time.perf_counter(), 0.0
        random.shuffle(train)
        for start in range(0, len(train), BATCH):
            batch = train[start : start + BATCH]
            losses = [F.cross_entropy(model(symbols(name)[None]), torch.tensor([number])) for name, number in batch]
            loss = sum(losses) / len(batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            total += loss.item() * len(batch)
        seconds = time.perf_counter() - started
        with torch.no_grad():
            right = sum(model(symbols(name)[None]).argmax().item() == language for name, language in valid)
        print(f"epoch {epoch}  train.loss {total / len(train):.4f}  valid.accuracy {right / len(valid):.4f}  "
              f"{seconds:.1f} s", flush=True)


class NameGenerator(nn.Module):
    """Ours: the library's layer where the tutorial has `Generator`. Symbols [B, T] and languages [B] to the logits of the
    symbols that follow, [B, T, symbols]."""

    def __init__(self, languages: int, num_hiddens: int, cell: str, dropout: float):
        super().__init__()
        self.languages = languages
        self.rnn = LAYERS[cell](SYMBOLS + languages, num_hiddens, num_layers=1, bidirectional=False)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(num_hiddens, SYMBOLS)

    def forward(self, x: Tensor, language: Tensor) -> Tensor:
        language = F.one_hot(language, self.languages).expand(x.shape[1], -1, -1)
        inputs = torch.cat([F.one_hot(x.T, SYMBOLS), language], dim=2)  # [T, B, symbols + languages]
        h, _ = self.rnn(inputs.to(self.linear.weight.dtype))
        return self.linear(self.dropout(h)).transpose(0, 1)


class Generator(nn.Module):
    """The tutorial's RNN: no nonlinearity between the states."""

    def __init__(self, languages: int):
        super().__init__()
        self.languages = languages
        self.i2h = nn.Linear(languages + SYMBOLS + HIDDENS, HIDDENS)
        self.i2o = nn.Linear(languages + SYMBOLS + HIDDENS, SYMBOLS)
        self.o2o = nn.Linear(HIDDENS + SYMBOLS, SYMBOLS)
        self.dropout = nn.Dropout(DROPOUT)

    def loss(self, name: str, language: int) -> Tensor:
        """The sum over the name's symbols. The model begins at the name's end's symbol, so that the first counts too."""
        letters = F.one_hot(torch.cat([torch.tensor([END]), symbols(name)]), SYMBOLS).float()
        targets = torch.cat([symbols(name), torch.tensor([END])])
        category = F.one_hot(torch.tensor([language]), self.languages).float()
        h, loss = torch.zeros(1, HIDDENS), torch.zeros(())
        for letter, target in zip(letters, targets):
            combined = torch.cat([category, letter.unsqueeze(0), h], 1)
            h, output = self.i2h(combined), self.i2o(combined)
            output = self.dropout(self.o2o(torch.cat([h, output], 1)))
            loss = loss + F.cross_entropy(output, target.unsqueeze(0))
        return loss


def generate(options, languages: list[str], train: list, valid: list) -> None:
    model = Generator(len(languages))
    count = lambda names: sum(len(name) + 1 for name, _ in names)
    for epoch in range(1, (options.epochs or GENERATOR_EPOCHS) + 1):
        started, total = time.perf_counter(), 0.0
        random.shuffle(train)
        model.train()
        for name, language in train:
            model.zero_grad()
            loss = model.loss(name, language)
            loss.backward()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(parameter.grad, alpha=-GENERATOR_RATE)
            total += loss.item()
        seconds = time.perf_counter() - started
        model.eval()
        with torch.no_grad():
            held_out = sum(model.loss(name, language).item() for name, language in valid)
        perplexities = math.exp(total / count(train)), math.exp(held_out / count(valid))
        print("epoch {}  train.perplexity {:.4f}  valid.perplexity {:.4f}  {:.1f} s".format(epoch, *perplexities, seconds),
              flush=True)


def train(options: argparse.Namespace) -> None:
    languages, names, _ = read(options.data_dir / FOLDER)
    torch.manual_seed(options.seed)
    random.seed(options.seed)
    {"classifier": classify, "generator": generate}[options.model](options, languages, *split(names))


if __name__ == "__main__":
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("model", choices=["classifier", "generator"])
    common.main(parser, train)
