"""The word-level language model of crates/05-recurrent, with the settings of PyTorch's example word_language_model: two
layers of 200 units on WikiText-2, SGD with a learning rate of 20 that is divided by 4 when the validation stalls.

    python word_lm.py --epochs 1 --data-dir data

Two things differ from the example. The embedding's weight is the output layer's too (its `--tied`), unless `--output
untied` is given; and words are numbered by falling frequency, which the adaptive softmax (`--output adaptive`) needs.
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
from cut_texts import detached
from lesson import next_token_loss
from training import default_name, ending, flat, header, line

FOLDER = "wikitext-2"
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
    """Embedding, recurrent layers and an output over all words, each but the last followed by dropout. `output` is `tied`,
    `untied` or `adaptive`; a vector of a word has as many numbers as the state, unless `embedding_dim` is given."""

    def __init__(
        self, cell: str, vocab_size: int, output: str = "tied", dropout: float = DROPOUT, num_hiddens: int = HIDDENS,
        num_layers: int = NUM_LAYERS, embedding_dim: int | None = None,
    ):
        super().__init__()
        embedding_dim = embedding_dim or num_hiddens
        self.before, self.behind = nn.Dropout(dropout), nn.Dropout(dropout)
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        nn.init.uniform_(self.embedding.weight, -INITIAL, INITIAL)
        between = dropout if num_layers > 1 else 0.0
        self.rnn = LAYERS[cell](embedding_dim, num_hiddens, num_layers, dropout=between)
        self.output = output
        if output == "adaptive":  # a sixteenth of the words have outputs of their own, the next group ends at a quarter
            cutoffs = [vocab_size // 16, vocab_size // 4]
            self.adaptive = nn.AdaptiveLogSoftmaxWithLoss(num_hiddens, vocab_size, cutoffs)
        elif output == "tied":
            self.linear = Tied(vocab_size)
        else:
            self.linear = nn.Linear(num_hiddens, vocab_size)
            nn.init.uniform_(self.linear.weight, -INITIAL, INITIAL)
            nn.init.zeros_(self.linear.bias)

    def forward_from(self, x: Tensor, state) -> tuple[Tensor, object]:
        """Words and the state before them to logits and the state after them: [B, T] -> [B, T, V]. The adaptive softmax
        computes no logits: [B, T, H], what it makes its loss of."""
        h, state = self.rnn(self.before(self.embedding(x.T)), state)  # [T, B, H]
        h = self.behind(h).transpose(0, 1)
        match self.output:
            case "tied":
                return self.linear(h, self.embedding.weight), state
            case "untied":
                return self.linear(h), state
            case _:
                return h, state

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_from(x, None)[0]

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """The mean cross-entropy of the words that follow, [B, T]."""
        if self.output == "adaptive":
            return self.adaptive(outputs.flatten(0, 1), y.flatten()).loss
        return next_token_loss(outputs, y)


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


def numbered(folder: Path, vocab_size: int | None, max_tokens: int | None) -> tuple[Tensor, Tensor, int, str]:
    """The words for training and those for validation as numbers, how many different ones there are, and what the log
    calls the text's `sha256`. Of the validation's words a quarter of `max_tokens` are taken."""
    (words, train_file), (valid_words, valid_file) = read(folder, "train"), read(folder, "valid")
    by_frequency = [word for word, _ in Counter(words).most_common(vocab_size) if word != "<unk>"]
    ids = {word: number for number, word in enumerate(["<unk>"] + by_frequency)}
    part = lambda words: torch.tensor([ids.get(word, 0) for word in words])
    train, valid = part(words[:max_tokens]), part(valid_words[: max_tokens and max_tokens // 4])
    return train, valid, len(ids), digest([train_file, valid_file])


def side_by_side(tokens: Tensor) -> Tensor:
    """The text in as many parts as a minibatch has rows: [N] -> [B, N // B]."""
    length = len(tokens) // PRESET.batch_size
    return tokens[: length * PRESET.batch_size].view(PRESET.batch_size, length)


def batches(text: Tensor):
    """Minibatches of NUM_STEPS time steps and the words that follow them, [B, T] both."""
    last = text.shape[1] - 1
    for start in range(0, last, NUM_STEPS):
        end = min(start + NUM_STEPS, last)
        yield text[:, start:end], text[:, start + 1 : end + 1]


@torch.no_grad()
def evaluate(model: WordModel, text: Tensor) -> dict[str, float]:
    model.eval()
    loss, state = Mean(), None
    for x, y in batches(text):
        outputs, state = model.forward_from(x, state)
        loss.add(model.loss(outputs, y).item(), x.shape[1])
    return {"loss": loss.value, "perplexity": math.exp(loss.value)}


def train(options: argparse.Namespace) -> None:
    text, valid_text, words, sha256 = numbered(options.data_dir / FOLDER, options.vocab_size, options.max_tokens)
    text, valid_text = side_by_side(text), side_by_side(valid_text)

    torch.manual_seed(options.seed)
    model = WordModel(options.cell, words, options.output)
    if options.init:
        common.load_parameters(model, options.init)
    epochs = PRESET.epochs if options.epochs is None else options.epochs
    windows = lambda text: range((text.shape[1] - 1) // NUM_STEPS * PRESET.batch_size)
    data = Text(FOLDER, "real", (None, windows(text)), (None, windows(valid_text)), sha256)
    path = run_folder(options.runs_dir / "recurrent", options.name, default_name("word-lm", options))
    log = Log(path)
    log.write("run", **header("recurrent", "word-lm", options, PRESET, epochs, data, model))
    started, step, rate, best, bests = time.perf_counter(), 0, PRESET.learning_rate, math.inf, {}
    for epoch in range(1, epochs + 1):
        model.train()
        loss, gradient_norm, state, epoch_started = Mean(), Mean(), None, time.perf_counter()
        for x, y in batches(text):
            model.zero_grad()
            outputs, state = model.forward_from(x, state)
            state, value = detached(state), model.loss(outputs, y)
            value.backward()
            gradient_norm.add(nn.utils.clip_grad_norm_(model.parameters(), PRESET.clip_norm).item())
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(parameter.grad, alpha=-rate)
            loss.add(value.item(), x.shape[1])
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
    parser.add_argument("--output", choices=["tied", "untied", "adaptive"], default="tied", help="the output layer")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="train on the first N words, evaluate on a quarter")
    parser.add_argument("--vocab-size", type=int, metavar="N", help="only the N most frequent words; others are <unk>")
    common.main(parser, train)
