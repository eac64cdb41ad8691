"""The twins of the models that learn from texts: chapter 05's language models and names, and gpt."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import gpt
import names
import recurrent
import texts
import word_lm
from case import Batches, Case, Twin
from common import Data, UsageError
from cut_texts import Cut, carry_state
from draws import Stream
from lesson import ACCURACY, Lesson, next_token_loss, perplexity

# The text that is held out is a quarter as long as the one for training, but of overlapping windows half as many.
HELD_OUT, HELD_OUT_WINDOWS = 4, 2


def language_model(case: Case) -> Twin:
    case.wants(truncation="full", activation="tanh", gates="both", embedding_dim=None, dropout=0.0)
    case.wants(num_layers=2 if case.model.startswith(("deep-", "bidirectional-")) else 1)
    case.wants(text=None, clean="letters", level="character")
    r = case.recipe
    tokens, characters, sha256 = texts.time_machine(case.data_dir, case.edition)
    name = f"{case.model.removesuffix('-random-sampling')}-{case.implementation}"
    sizes = (characters, r["num_hiddens"])
    models = recurrent.models(*sizes) | recurrent.variants(*sizes)
    if name not in models:
        raise UsageError(f"{case.model}: found --implementation {case.implementation}, which has no PyTorch twin")
    model, most = models[name], r["max_tokens"]
    if r["sampling"] != "windows":
        return on_text(case, (tokens[:most], tokens[most : most + most // HELD_OUT]), sha256, model)
    part = lambda start, end: texts.windows(tokens, r["num_steps"], slice(start, end))
    data = Data(case.data["name"], "real", part(0, most), part(most, most + most // HELD_OUT_WINDOWS), sha256)
    return Twin(Lesson(case.checked(data), model, next_token_loss, measures=perplexity(next_token_loss)))


def words(case: Case) -> Twin:
    r = case.recipe
    if r["cell"] not in word_lm.LAYERS:
        raise UsageError(f"{case.model}: found --cell {r['cell']}; the PyTorch twin has {', '.join(word_lm.LAYERS)} alone")
    train, held_out, vocabulary, sha256 = word_lm.numbered(
        case.data_dir / word_lm.FOLDER, r["vocab_size"], r["max_tokens"]
    )
    sizes = (r["num_hiddens"], r["num_layers"], r["embedding_dim"])
    model = word_lm.WordModel(r["cell"], vocabulary, r["output"], r["dropout"], *sizes)
    return on_text(case, (train, held_out), sha256, model, model.loss)


def on_text(case: Case, parts: tuple[Tensor, Tensor], sha256: str, model: nn.Module, loss=next_token_loss) -> Twin:
    """A text that each epoch cuts anew, and a text that is held out, cut in one way."""
    if sha256 != case.data["sha256"]:
        raise UsageError(f"found another text than the run's, with SHA-256 {sha256}")
    r, (tokens, held_out) = case.recipe, parts
    steps, carries = r["num_steps"], r.get("sampling", "sequential") == "sequential"
    cut = Cut(len(tokens), steps, r["batch_size"], carries, steps if carries else steps - 1)
    if case.data["train"] != cut.count * cut.rows:
        found, wanted = case.data["train"], cut.count * cut.rows
        raise UsageError(f"found {found} text windows in the run, wanted {wanted}: no --examples here")
    valid = None
    if case.data["valid"]:
        whole = (len(held_out) - 1) // steps * steps + 1
        starts = torch.cat(Cut(whole, steps, r["batch_size"], carries, 0).starts(0))
        valid = texts.windows(held_out, steps, starts)
    if carries:
        carry_state(model)

    def batches(seed: int) -> Batches:
        draws = lambda epoch: (lambda name: Stream(seed, "shuffle", name, epoch)) if r["shuffle"] else None
        return lambda epoch: cut.of_epoch(draws(epoch))

    data = Data(case.data["name"], "real", texts.windows(tokens, steps), valid, sha256)
    return Twin(Lesson(data, model, loss, measures=perplexity(loss)), batches=batches)


def named(case: Case) -> Twin:
    inputs = lambda some, steps: (names.filled(some, steps, 0, names.END), names.languages_of(some))
    data, languages = of_names(case, inputs)
    model = names.Classifier(languages, case.recipe["num_hiddens"], case.recipe["cell"])
    return Twin(Lesson(data, model, F.cross_entropy, measures=ACCURACY))


def naming(case: Case) -> Twin:
    """In training each name counts, in an evaluation each symbol."""

    def inputs(some: list, steps: int) -> tuple[tuple[Tensor, Tensor], Tensor]:
        before = (names.filled(some, steps, 1, names.END), names.languages_of(some))
        return before, names.filled(some, steps, 0, names.IGNORED)

    def loss(logits: Tensor, symbols: Tensor) -> Tensor:
        return F.cross_entropy(logits.flatten(0, 1), symbols.flatten(), ignore_index=names.IGNORED)

    data, languages = of_names(case, inputs)
    r = case.recipe
    model = names.NameGenerator(languages, r["num_hiddens"], r["cell"], r["dropout"])
    counted = lambda symbols: int((symbols != names.IGNORED).sum())
    return Twin(Lesson(data, model, loss, measures=perplexity(loss), evaluation_weight=counted))


def of_names(case: Case, inputs) -> tuple[Data, int]:
    """The names for training and those that are held out, `inputs(some, steps)` of both, and the number of languages."""
    languages, all_names, sha256 = names.read(case.data_dir / names.FOLDER)
    steps = max(len(name) for name, _ in all_names) + 1
    train, held_out = (inputs(some, steps) for some in names.split(all_names))
    return case.checked(Data(names.FOLDER, "real", train, held_out, sha256)), len(languages)


def generative(case: Case) -> Twin:
    case.wants(text="time-machine", byte_pairs=None)
    r, hiddens = case.recipe, case.recipe["num_hiddens"]
    data, characters = texts.raw_time_machine(case.data_dir, r["context"])
    model = gpt.Gpt(characters, r["context"], hiddens, 4 * hiddens, r["num_heads"], r["num_layers"], r["dropout"])
    return Twin(Lesson(case.checked(data), model, next_token_loss, measures=perplexity(next_token_loss)))
