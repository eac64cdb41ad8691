"""The twins of the models that learn from sequences: the texts and sentences of chapters 05 to 07, and chapter 06's kernel
regression.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

import autoregressive
import bahdanau
import gpt
import kernel_regression
import recurrent
import seq2seq
import synthetic
import texts
import transformer
import translation
from case import Batches, Case, Twin
from common import UsageError
from draws import Stream
from lesson import Lesson, perplexity


def sine(case: Case) -> Twin:
    data = case.checked(synthetic.sine(case.seed))
    return Twin(Lesson(data, autoregressive.Autoregressive(case.recipe["num_hiddens"]), F.mse_loss))


def language_model(case: Case) -> Twin:
    case.wants(truncation="full")
    steps, windows = case.recipe["num_steps"], case.recipe["sampling"] == "windows"
    held_out = case.recipe["max_tokens"] // 2 if windows else 0
    data, characters = texts.time_machine(case.data_dir, case.edition, case.recipe["max_tokens"], steps, held_out)
    name = f"{case.model.removesuffix('-random-sampling')}-{case.implementation}"
    sizes = (characters, case.recipe["num_hiddens"])
    models = recurrent.models(*sizes) | recurrent.variants(*sizes)
    if name not in models:
        raise UsageError(f"{case.model}: found --implementation {case.implementation}, which has no PyTorch twin")
    model = models[name]
    loss = next_token_loss
    if windows:
        return Twin(Lesson(case.checked(data), model, loss, measures=perplexity(loss)))
    if data.sha256 != case.data["sha256"]:
        raise UsageError(f"found another text than the run's, with SHA-256 {data.sha256}")
    tokens, size = len(data.train[1]) + steps, case.recipe["batch_size"]
    carried = recurrent.Carried(model) if case.recipe["sampling"] == "sequential" else None
    _, rows, count = recurrent.cut(tokens, steps, size, carried is not None)
    if case.data["train"] != count * rows:
        raise UsageError(f"found {case.data['train']} text windows in the run, wanted {count * rows}: no --examples here")

    def batches(seed: int) -> Batches:
        draws = lambda epoch: (lambda name: Stream(seed, "shuffle", name, epoch)) if case.recipe["shuffle"] else None
        return lambda epoch: recurrent.minibatches(tokens, steps, size, carried, draws(epoch))

    return Twin(Lesson(data, model, loss, measures=perplexity(loss)), batches=batches)


def next_token_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Logits [B, T, V] and the tokens that follow [B, T]."""
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def kernels(case: Case) -> Twin:
    data = case.checked(synthetic.curve(case.seed))
    batches = lambda seed: lambda epoch: [torch.arange(len(data.train[1]))]  # all points, in one order
    lesson = Lesson(data, kernel_regression.KernelRegression(), kernel_regression.squared_error)
    return Twin(lesson, batches=batches)


def translator(case: Case, encoder, decoder, decoder_steps: bool = False) -> Twin:
    """`encoder(words)` and `decoder(words)` for vocabularies of so many words."""
    pairs = translation.english_french(case.data_dir, case.edition, held_out=translation.SIZES["en"][1])
    pairs.data = case.checked(pairs.data)
    model = translation.EncoderDecoder(encoder(len(pairs.source)), decoder(len(pairs.target)))
    lesson = translation.lesson_of(model, pairs, case.recipe["loss"])
    errors = lambda model: translation.scores(model, pairs)
    return Twin(lesson, errors=errors, decoder_steps=pairs.steps if decoder_steps else None)


def sequence_to_sequence(case: Case) -> Twin:
    case.wants(encoder_end="padding", beam=1)
    sizes = (case.recipe["num_hiddens"], case.recipe["num_layers"], case.recipe["dropout"])
    moves = case.recipe["context"] == "state"
    encoder = lambda words: seq2seq.Encoder(words, *sizes)
    return translator(case, encoder, lambda words: seq2seq.Decoder(words, *sizes, context_moves=moves))


def with_attention(case: Case) -> Twin:
    case.wants(encoder_end="padding", beam=1)
    sizes = (case.recipe["num_hiddens"], case.recipe["num_layers"], case.recipe["dropout"])
    encoder = lambda words: seq2seq.Encoder(words, *sizes)
    return translator(case, encoder, lambda words: bahdanau.Decoder(words, *sizes), decoder_steps=True)


def transformed(case: Case) -> Twin:
    case.wants(beam=1)
    r = case.recipe
    sizes = (r["num_hiddens"], r["ffn_hiddens"], r["num_heads"], r["num_layers"], r["dropout"])
    as_the_book = r["evaluation"] == "book"
    encoder = lambda words: transformer.Encoder(words, *sizes)
    return translator(case, encoder, lambda words: transformer.Decoder(words, *sizes, as_the_book=as_the_book))


def generative(case: Case) -> Twin:
    case.wants(text="time-machine", byte_pairs=None)
    r, hiddens = case.recipe, case.recipe["num_hiddens"]
    data, characters = texts.raw_time_machine(case.data_dir, r["context"])
    model = gpt.Gpt(characters, r["context"], hiddens, 4 * hiddens, r["num_heads"], r["num_layers"], r["dropout"])
    return Twin(Lesson(case.checked(data), model, next_token_loss, measures=perplexity(next_token_loss)))
