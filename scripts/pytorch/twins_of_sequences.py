"""The twins of the models that learn from series and sentences: chapter 05's noisy sine, the translators of chapters 06
and 07, and chapter 06's kernel regression.
"""

import torch
import torch.nn.functional as F

import autoregressive
import bahdanau
import kernel_regression
import seq2seq
import synthetic
import transformer
import translation
from case import Case, Twin
from lesson import Lesson


def sine(case: Case) -> Twin:
    case.wants(cell="mlp", tau=autoregressive.TAU, noise=autoregressive.NOISE_STD)
    data = case.checked(synthetic.sine(case.seed))
    return Twin(Lesson(data, autoregressive.Autoregressive(case.recipe["num_hiddens"]), F.mse_loss))


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
