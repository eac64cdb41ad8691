"""The word-level language model of crates/05-recurrent, with the settings of PyTorch's example word_language_model: two
layers of 200 units on WikiText-2, SGD with a learning rate of 20 that is divided by 4 when the validation stalls.

    python word_lm.py --epochs 1 --data-dir data

Two things differ from the example. The embedding's weight is the output layer's too (its `--tied`), unless `--untied`
is given; and words are numbered by falling frequency, which the adaptive softmax (`--adaptive`) needs.
"""

import argparse
import gzip
import math
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import common
from common import Log, Mean, Preset, UsageError, arguments, digest, run_folder
from training import default_name, ending, flat, header, line

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
HIDDENS, NUM_LAYERS, NUM_STEPS, DROPOUT, ANNEAL = 200, 2, 35, 0.2, 4
# Embedding and output layer are drawn from U(-0.1, 0.1).
INITIAL = 0.1
PRESET = Preset("word_language_model", batch_size=20, learning_rate=20.0, epochs=40, clip_norm=0.25)


class Tied(nn.Module):
    """An output layer with another layer's weight."""

    def __init__(self, vocab_size: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, h: Tensor, weight: Tensor) -> Tensor:
        return F.linear(h, weight, self.bias)


class WordModel(nn.Module):
    """Embedding, recurrent layers and an output over all words, each but the last followed by dropout."""

    def __init__(
        self, cell: str, vocab_size: int, tied: bool = True, adaptive: bool = False, dropout: float = DROPOUT,
        num_hiddens: int = HIDDENS,
    ):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.embedding = nn.Embedding(vocab_size, num_hiddens)
        nn.init.uniform_(self.embedding.weight, -INITIAL, INITIAL)
        self.rnn = LAYERS[cell](num_hiddens, num_hiddens, NUM_LAYERS, dropout=dropout)
        self.tied = tied and not adaptive
        if adaptive:  # a sixteenth of the words have outputs of their own, the next group ends at a quarter
            cutoffs = [vocab_size // 16, vocab_size // 4]
            self.adaptive = nn.AdaptiveLogSoftmaxWithLoss(num_hiddens, vocab_size, cutoffs)
        elif tied:
            self.linear = Tied(vocab_size)
        else:
            self.linear = nn.Linear(num_hiddens, vocab_size)
            nn.init.uniform_(self.linear.weight, -INITIAL, INITIAL)
            nn.init.zeros_(self.linear.bias)

    def hidden(self, x: Tensor, state=None) -> tuple[Tensor, object]:  # [T, B] -> [T, B, H]
        h, state = self.rnn(self.drop(self.embedding(x)), state)
        return self.drop(h), state

    def logits(self, h: Tensor) -> Tensor:
        return self.linear(h, self.embedding.weight) if self.tied else self.linear(h)

    def forward(self, x: Tensor) -> Tensor:  # [B, T] -> [B, T, V], without the adaptive softmax
        return self.logits(self.hidden(x.T)[0]).transpose(0, 1)

    def loss(self, x: Tensor, y: Tensor, state=None) -> tuple[Tensor, object]:  # [T, B] twice
        h, state = self.hidden(x, state)
        h, y = h.flatten(0, 1), y.flatten()
        return (self.adaptive(h, y).loss if hasattr(self, "adaptive") else F.cross_entropy(self.logits(h), y)), state


@dataclass
class Text:
    """The two parts of the text for the log's header; examples are text windows."""

    name: str
    source: str
    train: tuple
    valid: tuple
    sha256: str


def read(folder: Path, part: str) -> tuple[list[str], bytes]:
    """Words, each line followed by `<eos>`, and the file's content."""
    path = folder / f"wiki.{part}.tokens"
    zipped = path.with_name(path.name + ".gz")
    if not path.exists() and not zipped.exists():
        raise UsageError(f"no {path.name} in {folder}; name the data folder with --data-dir")
    content = path.read_bytes() if path.exists() else gzip.decompress(zipped.read_bytes())
    words = [word for row in content.decode().split("\n")[:-1] for word in row.split() + ["<eos>"]]
    return words, content


def rows(tokens: Tensor, batch_size: int) -> Tensor:
    """The text in `batch_size` parts side by side: [N] -> [N // B, B]."""
    length = len(tokens) // batch_size
    return tokens[: length * batch_size].view(batch_size, length).t().contiguous()


def batches(text: Tensor):
    """Minibatches of NUM_STEPS time steps and the words that follow them."""
    for start in range(0, len(text) - 1, NUM_STEPS):
        steps = min(NUM_STEPS, len(text) - 1 - start)
        yield text[start : start + steps], text[start + 1 : start + 1 + steps]


def detached(state):
    return tuple(map(Tensor.detach, state)) if isinstance(state, tuple) else state.detach()


@torch.no_grad()
def evaluate(model: WordModel, text: Tensor) -> dict[str, float]:
    model.eval()
    loss, state = Mean(), None
    for x, y in batches(text):
        value, state = model.loss(x, y, state)
        loss.add(value.item(), len(x))
    return {"loss": loss.value, "perplexity": math.exp(loss.value)}


def train(options: argparse.Namespace) -> None:
    folder = options.data_dir / "wikitext-2"
    (words, train_file), (valid_words, valid_file) = read(folder, "train"), read(folder, "valid")
    by_frequency = [word for word, _ in Counter(words).most_common(options.vocab_size) if word != "<unk>"]
    ids = {word: number for number, word in enumerate(["<unk>"] + by_frequency)}
    part = lambda words: rows(torch.tensor([ids.get(word, 0) for word in words]), PRESET.batch_size)
    most = options.max_tokens  # and a quarter as many for the validation
    text, valid_text = part(words[:most]), part(valid_words[: most and most // 4])

    torch.manual_seed(options.seed)
    model = WordModel(options.cell, len(ids), not options.untied, options.adaptive)
    if options.init:
        common.load_parameters(model, options.init)
    epochs = PRESET.epochs if options.epochs is None else options.epochs
    windows = lambda text: range((len(text) - 1) // NUM_STEPS * PRESET.batch_size)
    data = Text("wikitext-2", "real", (None, windows(text)), (None, windows(valid_text)), digest([train_file, valid_file]))
    path = run_folder(options.runs_dir / "recurrent", options.name, default_name("word-lm", options))
    log = Log(path)
    log.write("run", **header("recurrent", "word-lm", options, PRESET, epochs, data, model))
    started, step, rate, best, bests = time.perf_counter(), 0, PRESET.learning_rate, math.inf, {}
    for epoch in range(1, epochs + 1):
        model.train()
        loss, gradient_norm, state, epoch_started = Mean(), Mean(), None, time.perf_counter()
        for x, y in batches(text):
            model.zero_grad()
            value, state = model.loss(x, y, state)
            state = detached(state)
            value.backward()
            gradient_norm.add(nn.utils.clip_grad_norm_(model.parameters(), PRESET.clip_norm).item())
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(parameter.grad, alpha=-rate)
            loss.add(value.item(), len(x))
            step += 1
        seconds = time.perf_counter() - epoch_started
        groups = {
            "train": {"loss": loss.value, "perplexity": math.exp(loss.value)},
            "valid": evaluate(model, valid_text),
        }
        for metric, value in flat(groups).items():
            if metric not in bests or value < bests[metric]["value"]:
                bests[metric] = {"value": value, "epoch": epoch}
        log.write("epoch", epoch=epoch, step=step, learning_rate=rate, **groups, gradient_norm=gradient_norm.value,
                  seconds=seconds, examples_per_second=len(data.train[1]) / seconds)
        if not options.quiet:
            print(f"epoch {epoch}/{epochs}  {line(flat(groups))}  {text.numel() / seconds:.0f} tokens/s", flush=True)
        if groups["valid"]["loss"] < best:
            best = groups["valid"]["loss"]
        else:
            rate /= ANNEAL
    end = ending("finished", epochs, started, flat(groups), bests)
    log.write("end", **end)
    if not options.quiet:
        print(f"{path}: {line(flat(groups))}, {end['peak_memory_bytes'] / 1e6:.0f} MB")


if __name__ == "__main__":
    parser = arguments(__doc__.splitlines()[0])
    parser.set_defaults(preset="full", threads=2)
    parser.add_argument("--cell", choices=LAYERS, default="lstm")
    parser.add_argument("--untied", action="store_true", help="give the output layer a weight of its own")
    parser.add_argument("--adaptive", action="store_true", help="an adaptive softmax in three groups")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="train on the first N words, evaluate on a quarter")
    parser.add_argument("--vocab-size", type=int, metavar="N", help="only the N most frequent words; others are <unk>")
    common.main(parser, train)
