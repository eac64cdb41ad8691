"""English-French pairs, and what the translation models share: loss, initial values, greedy search and BLEU (D2L zh 9.5
to 9.7, en 10.5 to 10.7).
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common import Data, Preset, UsageError, digest
from golden_translation import counted, prepared, published, sentences, sequence, vocabulary
from lesson import Lesson, Measure
from training import training

# Pairs to train on, pairs held out behind them, time steps. The Chinese edition holds none out.
SIZES = {"zh": (601, 0, 10), "en": (512, 129, 9)}
LEAST_FREQUENCY = 2
# What the book translates at the end of each section; the third pair is not among the training pairs.
SENTENCES = [
    ("go .", "va !"),
    ("i lost .", "j'ai perdu ."),
    ("he's calm .", "il est calme ."),
    ("i'm home .", "je suis chez moi ."),
]
LONGEST_NGRAM = 2


# --- Data -------------------------------------------------------------------------------------------------------------


@dataclass
class Pairs:
    """Pairs as numbers, and the tokens in the order of their numbers.

    Inputs are the source [N, T], its length without padding [N] and what the decoder reads [N, T]: the target, one step
    later and behind `<bos>`. Targets are [N, T].
    """

    data: Data
    source: list[str]
    target: list[str]
    steps: int

    def begin(self) -> int:
        return self.target.index("<bos>")

    def padding(self) -> int:
        return self.target.index("<pad>")


def english_french(data_dir: Path, edition: str, held_out: int | None = None) -> Pairs:
    """The edition's pairs of the published file; `held_out` of them behind the training pairs where it isn't the
    edition's number.
    """
    train, valid, steps = SIZES[edition]
    valid = valid if held_out is None else held_out
    try:
        content = published(data_dir)
    except FileNotFoundError as error:
        raise UsageError(f"no {error.filename}; name the data folder with --data-dir") from None
    lines = prepared(content.decode("utf-8")).split("\n")[: train + valid]
    sides, numbered = {}, {}
    for name, side in zip(("source", "target"), sentences(lines, edition)):
        sides[name] = vocabulary(counted(side, name, edition, train, steps), edition, LEAST_FREQUENCY)
        numbered[name] = numbers(side, sides[name], steps)
    source, target = numbered["source"], numbered["target"]
    lengths = (source != sides["source"].index("<pad>")).sum(dim=1)
    begin = torch.full((len(target), 1), sides["target"].index("<bos>"))
    decoder_input = torch.cat([begin, target[:, :-1]], dim=1)
    part = lambda chosen: ((source[chosen], lengths[chosen], decoder_input[chosen]), target[chosen])
    rest = part(slice(train, None)) if valid else None
    data = Data("fra-eng", "real", part(slice(train)), rest, digest([content]))
    return Pairs(data, sides["source"], sides["target"], steps)


def numbers(side: list[list[str]], tokens: list[str], steps: int) -> Tensor:
    """Sentences as numbers, ended, padded and cut. [N, T]"""
    known = {token: number for number, token in enumerate(tokens)}
    unknown = known["<unk>"]
    return torch.tensor([[known.get(token, unknown) for token in sequence(words, steps)] for words in side])


# --- Training ---------------------------------------------------------------------------------------------------------


class EncoderDecoder(nn.Module):
    """An encoder, and a decoder that reads its output. D2L zh 9.6, en 10.6.

    The decoder's `start(encoded, lengths)` makes its first state; it maps tokens [B, T] and a state to logits [B, T, V]
    and the next state.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> Tensor:  # [B, S], [B], [B, T] -> [B, T, V]
        state = self.decoder.start(self.encoder(source, lengths), lengths)
        logits, _ = self.decoder(target, state)
        return logits


def xavier(model: nn.Module, edition: str) -> None:
    """Xavier's weights in recurrent layers and, in the Chinese edition, in dense layers.

    The English edition asks for them in dense layers too, but those are lazy and have no weights yet.
    """
    for module in model.modules():
        if isinstance(module, nn.Linear) and edition == "zh":
            nn.init.xavier_uniform_(module.weight)
        if isinstance(module, nn.GRU):
            for name, parameter in module.named_parameters():
                if "weight" in name:
                    nn.init.xavier_uniform_(parameter)


def masked_cross_entropy(padding: int | None) -> Callable[[Tensor, Tensor], Tensor]:
    """The mean over the target tokens that are not padding, of logits [B, T, V] and targets [B, T]; with `None` over all
    of them.
    """
    ignored = {} if padding is None else {"ignore_index": padding}
    return lambda logits, targets: F.cross_entropy(logits.flatten(0, 1), targets.flatten(), **ignored)


def train_translation(
    chapter: str, model_name: str, build, preset: Preset, options, counts_padding: bool = False
) -> Path:
    """One run; returns its folder. `build(pairs)` makes the model. The book has these models with the library only.

    `counts_padding`: the loss is the mean over all target tokens, so that the model learns to write padding too. en 11.4
    and 11.7 train and validate so: en 10.7 defines the masked loss for its own notebook, and the class that these
    sections take from the book's library lacks it. Nearly half of the target tokens are padding, which is easy to
    predict; so their losses are about half of those that a masked loss has.
    """
    if options.implementation != "concise":
        raise UsageError(f"--implementation scratch: the book's {model_name} is concise only")
    edition = options.preset
    torch.manual_seed(options.seed)
    pairs = english_french(options.data_dir, edition)
    model = build(pairs)
    xavier(model, edition)
    kind = "padding" if counts_padding else "sentences" if edition == "zh" else "tokens"
    lesson = lesson_of(model, pairs, kind)
    lesson.optimizer = torch.optim.Adam(model.parameters(), preset.learning_rate)
    return training(chapter, options, preset, lesson, lambda model: scores(model, pairs), model_name)


def lesson_of(model: EncoderDecoder, pairs: Pairs, kind: str) -> Lesson:
    """The model with one of the book's losses: of `sentences` (zh), `tokens` (en 10.7), or `padding` (en 11.4 and 11.7)."""
    of_words = masked_cross_entropy(pairs.padding())
    words = lambda targets: (targets != pairs.padding()).sum().item()
    measures = {"cross_entropy": Measure(of_words, words)}
    if kind == "padding":
        return Lesson(pairs.data, model, masked_cross_entropy(None), measures=measures, weight=Tensor.numel)
    if kind == "tokens":
        return Lesson(pairs.data, model, of_words, measures=measures, weight=words)
    # A sentence's loss is the sum over its tokens, divided by all steps. The gradient is of the sum over a batch's
    # sentences; the book prints the sum over all sentences, divided by the number of tokens.
    loss = lambda logits, targets: of_words(logits, targets) / pairs.steps
    objective = lambda value, targets: value * words(targets)
    return Lesson(pairs.data, model, loss, measures=measures, weight=words, objective=objective)


# --- Translations -----------------------------------------------------------------------------------------------------


@torch.no_grad()
def translation(model: EncoderDecoder, pairs: Pairs, sentence: str) -> list[str]:
    """The tokens that greedy search finds, without `<eos>`."""
    words = sentence.split(" ")
    source, length = numbers([words], pairs.source, pairs.steps), torch.tensor([min(len(words) + 1, pairs.steps)])
    model.eval()
    state, token, found = model.decoder.start(model.encoder(source, length), length), pairs.begin(), []
    for _ in range(pairs.steps):
        logits, state = model.decoder(torch.tensor([[token]]), state)
        token = logits.argmax().item()
        if pairs.target[token] == "<eos>":
            break
        found.append(pairs.target[token])
    return found


def scores(model: EncoderDecoder, pairs: Pairs) -> dict[str, float]:
    """The BLEU of the book's four sentences, and its mean."""
    found = [bleu(translation(model, pairs, source), target.split(" ")) for source, target in SENTENCES]
    by_sentence = {f"bleu.sentence{number}": score for number, score in enumerate(found, start=1)}
    return by_sentence | {"bleu.mean": sum(found) / len(found)}


def bleu(prediction: list[str], reference: list[str]) -> float:
    """exp(min(0, 1 - len_reference / len_prediction)) · Π p_n^(1/2ⁿ), the book's score of one translation."""
    if not prediction:
        return 0.0
    score = math.exp(min(0, 1 - len(reference) / len(prediction)))
    for n in range(1, min(LONGEST_NGRAM, len(prediction)) + 1):
        ngrams = lambda tokens: Counter(zip(*(tokens[i:] for i in range(n))))
        matched = (ngrams(prediction) & ngrams(reference)).total()
        score *= (matched / (len(prediction) - n + 1)) ** 0.5**n
    return score
