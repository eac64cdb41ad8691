"""The rows in PyTorch; crates/bench/src/rows/ has ours under the same names.

A row is a function from the optimizer's settings to its work (work.py), and the settings to try: the table compares
with the fastest. Rows of models are the training steps of the book, with its optimizer and learning rate.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import SGD, Adadelta, Adagrad, Adam, AdamW, RMSprop

import models
from work import (
    INPUT_SALT, TARGET_SALT, Evaluation, Generation, Operation, Pictures, Product, Training, Update, classes, filled,
)

# PyTorch's ways to run an optimizer on a CPU: parameter by parameter (without settings), several tensors at a time, in
# one pass. Some optimizers have no `fused`.
DEFAULT, FOREACH, FUSED = {"default": {}}, {"foreach": {"foreach": True}}, {"fused": {"fused": True}}


@dataclass(frozen=True)
class Row:
    """What one line of the table repeats."""

    work: Callable[..., object]
    variants: dict[str, dict] = field(default_factory=lambda: DEFAULT | FUSED)
    # Measured only where `--models` names it.
    on_request: bool = False


# --- Models -----------------------------------------------------------------------------------------------------------


def evaluated_classifier(build, shape: tuple[int, ...]) -> Row:
    """The batch of `classifier`."""

    def work():
        return Evaluation(build(), F.cross_entropy, filled(shape, INPUT_SALT, 2.0), classes(shape[:1], 10))

    return Row(work, DEFAULT, on_request=True)


def classifier(build, shape: tuple[int, ...], learning_rate: float) -> Row:
    """Inputs in ±1, ten classes, SGD."""

    def work(**settings):
        module = build()
        optimizer = SGD(module.parameters(), lr=learning_rate, **settings)
        return Training(module, F.cross_entropy, optimizer, filled(shape, INPUT_SALT, 2.0), classes(shape[:1], 10))

    return Row(work)


def linear_regression(**settings):
    from linear_regression import Concise

    module, x, y = Concise("en"), filled((10, 2), INPUT_SALT, 2.0), filled((10, 1), TARGET_SALT, 2.0)
    return Training(module, F.mse_loss, SGD(module.parameters(), lr=0.03, **settings), x, y)


def softmax_regression():
    from softmax_regression import Concise

    return Concise("en")


def mlp():
    from mlp import Concise

    return Concise("en")


def lenet():
    from lenet import LeNet

    return LeNet()


def resnet18(channels: int):
    from resnet import ResNet18

    return ResNet18(channels)


def alexnet():
    from alexnet import PADDED, AlexNet

    return AlexNet(PADDED, 3, 64).eval()  # without dropout, whose draws differ


def googlenet():
    from googlenet import GoogLeNet

    return GoogLeNet(3)


def densenet():
    from densenet import DenseNet

    return DenseNet(4, 3)


def next_token_loss(logits, tokens):
    return F.cross_entropy(logits.transpose(0, 1).flatten(0, 1), tokens)  # as they come out of the layer: no copy


def texts(batch: int, steps: int):
    """Inputs [B, T] of a vocabulary of 28 and the classes of the T * B outputs."""
    return classes((batch, steps), 28, INPUT_SALT), classes((batch, steps), 28).T.reshape(-1)


def language_model(cell: str, batch: int, steps: int, num_hiddens: int) -> Row:
    """Gradients clipped to norm 1."""

    def work(**settings):
        from recurrent import RnnModel

        module = RnnModel(cell, 28, num_hiddens)
        optimizer = SGD(module.parameters(), lr=1.0, **settings)
        return Training(module, next_token_loss, optimizer, *texts(batch, steps), clip=1.0)

    return Row(work)


def by_hand(model: str, batch: int, steps: int, num_hiddens: int) -> Row:
    """The model of a scratch section, from tensors and gradients alone. Gradients clipped to norm 1."""

    def work(**settings):
        from recurrent import models

        module = models(28, num_hiddens)[f"{model}-scratch"]
        optimizer = SGD(module.parameters(), lr=1.0, **settings)
        return Training(module, next_token_loss, optimizer, *texts(batch, steps), clip=1.0)

    return Row(work, DEFAULT, on_request=True)


def names_classifier(**settings):
    """64 names of 4 to 19 letters. Gradients clipped to norm 3."""
    from names import END, Classifier

    module = Classifier(languages=18)
    x, lengths = classes((64, 20), END, INPUT_SALT), 4 + classes((64,), 16, LENGTH_SALT)
    x[torch.arange(20) >= lengths[:, None]] = END
    optimizer = SGD(module.parameters(), lr=0.15, **settings)
    return Training(module, F.cross_entropy, optimizer, x, classes((64,), 18), clip=3.0)


def word_lm(**settings):
    """The example's model without dropout. Gradients clipped to norm 0.25."""
    from word_lm import WordModel

    module, shape = WordModel("lstm", 33278, "untied", dropout=0.0), (20, 35)
    x, y = classes(shape, 33278, INPUT_SALT), classes(shape, 33278).T.reshape(-1)
    return Training(module, next_token_loss, SGD(module.parameters(), lr=20.0, **settings), x, y, clip=0.25)


def evaluated_language_model(cell: str, batch: int, steps: int, num_hiddens: int) -> Row:
    """The batch of `language_model`."""

    def work():
        from recurrent import RnnModel

        return Evaluation(RnnModel(cell, 28, num_hiddens), next_token_loss, *texts(batch, steps))

    return Row(work, DEFAULT, on_request=True)


def encoder_block(**settings):
    module, shape = models.EncoderBlock(256, heads=4, ffn_width=1024), (16, 128, 256)
    optimizer = AdamW(module.parameters(), lr=1e-3, weight_decay=0.01, **settings)
    return Training(module, F.mse_loss, optimizer, filled(shape, INPUT_SALT, 2.0), filled(shape, TARGET_SALT, 2.0))


# --- Models of attention, without dropout -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Edition:
    """An edition's minibatch and recipe of a translation model."""

    batch: int
    steps: int
    vocabularies: tuple[int, int]
    num_hiddens: int
    adds_up: bool  # whether the losses of a sentence's tokens are added up, and divided by the time steps

    def inputs_and_targets(self):
        shape, (source, target) = (self.batch, self.steps), self.vocabularies
        lengths = 3 + classes(shape[:1], self.steps - 2, LENGTH_SALT)
        targets = classes(shape, target)
        targets[torch.arange(self.steps) >= lengths[:, None]] = PADDING
        return (classes(shape, source, INPUT_SALT), lengths, classes(shape, target, DECODER_SALT)), targets

    def loss(self, logits, targets):
        loss = F.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=PADDING, reduction="sum" if self.adds_up else "mean"
        )
        return loss / self.steps if self.adds_up else loss


ZH, EN = Edition(64, 10, (184, 201), 32, adds_up=True), Edition(128, 9, (194, 214), 256, adds_up=False)
PADDING, LENGTH_SALT, DECODER_SALT = 1, 5, 101


def by_adam(build, loss, inputs, targets, learning_rate: float) -> Row:
    """Gradients clipped to norm 1."""

    def work(**settings):
        module = build()
        optimizer = Adam(module.parameters(), lr=learning_rate, **settings)
        return Training(module, loss, optimizer, inputs, targets, clip=1.0)

    return Row(work, DEFAULT | FOREACH | FUSED)


def translation(build, edition: Edition, learning_rate: float) -> Row:
    return by_adam(lambda: build(edition), edition.loss, *edition.inputs_and_targets(), learning_rate)


def recurrent(edition: Edition, decoder):
    from seq2seq import NUM_LAYERS, Encoder
    from translation import EncoderDecoder

    (source, target), sizes = edition.vocabularies, (edition.num_hiddens, NUM_LAYERS, 0.0)
    return EncoderDecoder(Encoder(source, *sizes), decoder(target, *sizes))


def seq2seq(edition: Edition):
    from seq2seq import Decoder

    return recurrent(edition, Decoder)


def bahdanau(edition: Edition):
    from bahdanau import Decoder

    return recurrent(edition, Decoder)


def transformer(edition: Edition):
    from transformer import FFN_NUM_HIDDENS, NUM_BLOCKS, NUM_HEADS, Decoder, Encoder
    from translation import EncoderDecoder

    (source, target), sizes = edition.vocabularies, (edition.num_hiddens, FFN_NUM_HIDDENS, NUM_HEADS, NUM_BLOCKS, 0.0)
    return models.with_fused_attention(EncoderDecoder(Encoder(source, *sizes), Decoder(target, *sizes)))


def gpt():
    from gpt import Gpt

    return models.with_fused_attention(Gpt(28, 256, 384, 4 * 384, num_heads=6, num_blocks=6, dropout=0.0))


def next_character_loss(logits, tokens):
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten())


def vit():
    from vit import Vit

    sizes = dict(num_hiddens=64, ffn_num_hiddens=128, num_heads=4, num_blocks=2)
    return models.with_fused_attention(Vit(28, 7, **sizes, embedding_dropout=0.0, block_dropout=0.0))


# --- Operations -------------------------------------------------------------------------------------------------------


def operation(build, *shapes: tuple[int, ...], on_request: bool = False) -> Row:
    """Inputs' shapes, then the output's."""
    return Row(lambda: Operation(build(), *shapes), DEFAULT, on_request)


def activation(build) -> Row:
    """A function of 1.2 million numbers."""
    return operation(build, (1000, 1200), (1000, 1200), on_request=True)


def convolution(channels: int, side: int) -> Row:
    """3x3, batch 64, shape and number of channels unchanged."""
    shape = (64, channels, side, side)
    return operation(lambda: nn.Conv2d(channels, channels, kernel_size=3, padding=1), shape, shape)


def cross_entropy():
    return models.CrossEntropy(classes(LOGITS[:1], LOGITS[1]))


def lookup():
    return models.Lookup(classes(LOGITS[:1], LOGITS[1]), LOGITS[1], 512)


def pictures(count: int, shape: tuple[int, ...], random: bool, **transforms) -> Row:
    """A minibatch: what a data loader's process does."""
    return Row(lambda: Pictures(count, shape, random, transforms), DEFAULT, on_request=True)


def update(rule, variants: dict[str, dict], on_request: bool = True, **fixed) -> Row:
    return Row(lambda **settings: Update(rule, **fixed, **settings), variants, on_request)


IMAGES, TOKENS, HEADS, LOGITS = (64, 64, 32, 32), (16, 128, 256), (16, 4, 128, 64), (2048, 10000)

ROWS: dict[str, Row] = {
    "matrix-product": Row(lambda: Product(2048), DEFAULT, on_request=True),
    "linear-regression": Row(linear_regression),
    "softmax": classifier(softmax_regression, (256, 784), 0.1),
    "mlp": classifier(mlp, (256, 784), 0.1),
    "lenet-128": classifier(lenet, (128, 1, 28, 28), 0.9),
    "lenet-256": classifier(lenet, (256, 1, 28, 28), 0.9),
    # Not the book's rate, 0.05: with it PyTorch's own f32 and f64 diverge in the third step (2.8835 and 2.8865).
    "resnet18-96": classifier(lambda: resnet18(1), (16, 1, 96, 96), 1e-4),
    "resnet18-32": classifier(lambda: resnet18(3), (64, 3, 32, 32), 1e-4),
    "alexnet-64": classifier(alexnet, (32, 3, 64, 64), 0.01),
    "googlenet-32": classifier(googlenet, (64, 3, 32, 32), 1e-3),
    "densenet-32": classifier(densenet, (64, 3, 32, 32), 1e-3),
    "rnn-32x35x256": language_model("rnn", 32, 35, 256),
    "gru-32x35x256": language_model("gru", 32, 35, 256),
    "lstm-32x35x256": language_model("lstm", 32, 35, 256),
    "rnn-1024x32x32": language_model("rnn", 1024, 32, 32),
    "gru-1024x32x32": language_model("gru", 1024, 32, 32),
    "lstm-1024x32x32": language_model("lstm", 1024, 32, 32),
    "rnn-by-hand-32x35x512": by_hand("rnn", 32, 35, 512),
    "gru-by-hand-32x35x256": by_hand("gru", 32, 35, 256),
    "lstm-by-hand-32x35x256": by_hand("lstm", 32, 35, 256),
    "names-classifier": Row(names_classifier),
    "word-lm": Row(word_lm),
    "transformer-block": Row(encoder_block, DEFAULT | FOREACH | FUSED),
    "seq2seq-zh": translation(seq2seq, ZH, 0.005),
    "seq2seq-en": translation(seq2seq, EN, 0.005),
    "bahdanau-zh": translation(bahdanau, ZH, 0.005),
    "bahdanau-en": translation(bahdanau, EN, 0.005),
    "translation-zh": translation(transformer, ZH, 0.001),
    "translation-en": translation(transformer, EN, 0.001),
    "gpt-6x384": by_adam(
        gpt, next_character_loss, classes((16, 256), 28, INPUT_SALT), classes((16, 256), 28), 0.001
    ),
    "gpt-6x384-writes": Row(lambda: Generation(models.Writer(gpt()), 256), DEFAULT),
    "vit-28": by_adam(vit, F.cross_entropy, filled((128, 1, 28, 28), INPUT_SALT, 2.0), classes((128,), 10), 0.001),
    "evaluate-resnet18-32": evaluated_classifier(lambda: resnet18(3), (64, 3, 32, 32)),
    "evaluate-lstm-1024x32x32": evaluated_language_model("lstm", 1024, 32, 32),
    "linear": operation(lambda: nn.Linear(784, 256), (256, 784), (256, 256)),
    "conv3x3-64x32": convolution(64, 32),
    "conv3x3-128x16": convolution(128, 16),
    "conv3x3-256x8": convolution(256, 8),
    "conv3x3-512x4": convolution(512, 4),
    "batch-norm": operation(lambda: nn.BatchNorm2d(64), IMAGES, IMAGES),
    "layer-norm": operation(lambda: nn.LayerNorm(256), TOKENS, TOKENS),
    "attention": operation(models.Attention, HEADS, HEADS, HEADS, HEADS),
    "attention-causal": operation(lambda: models.Attention(causal=True), HEADS, HEADS, HEADS, HEADS, on_request=True),
    "batch-norm-relu": operation(lambda: models.Rectified(64), IMAGES, IMAGES, on_request=True),
    "group-norm": operation(lambda: nn.GroupNorm(8, 64), IMAGES, IMAGES, on_request=True),
    "sigmoid": activation(nn.Sigmoid),
    "tanh": activation(nn.Tanh),
    "relu": activation(nn.ReLU),
    "elu": activation(nn.ELU),
    "gelu": activation(nn.GELU),
    "silu": activation(nn.SiLU),
    "softplus": activation(nn.Softplus),
    "softmax-10000": operation(lambda: nn.Softmax(-1), LOGITS, LOGITS, on_request=True),
    "cross-entropy-10000": operation(cross_entropy, LOGITS, (), on_request=True),
    "embedding-10000": operation(lookup, (2048, 512), on_request=True),
    "sgd-10m": update(SGD, DEFAULT | FOREACH | FUSED),
    "sgd-momentum-10m": update(SGD, DEFAULT | FOREACH | FUSED, momentum=0.9),
    "adagrad-10m": update(Adagrad, DEFAULT | FOREACH | FUSED),
    "rmsprop-10m": update(RMSprop, DEFAULT | FOREACH, alpha=0.9),
    "rmsprop-centered-10m": update(RMSprop, DEFAULT | FOREACH, alpha=0.9, momentum=0.9, centered=True),
    "adadelta-10m": update(Adadelta, DEFAULT | FOREACH),
    "adam-10m": update(Adam, DEFAULT | FOREACH | FUSED),
    "adamw-10m": update(AdamW, DEFAULT | FOREACH | FUSED, on_request=False),
    "pictures-28-to-96": pictures(256, (1, 28, 28), random=False, Resize=[96]),
    "pictures-32-to-224": pictures(64, (3, 32, 32), random=False, Resize=[224]),
    "pictures-crop-flip": pictures(256, (3, 32, 32), random=True, RandomCrop=[32, 4], RandomHorizontalFlip=[]),
    "pictures-crop-flip-colour": pictures(
        256, (3, 32, 32), random=True, RandomCrop=[32, 4], RandomHorizontalFlip=[],
        ColorJitter=[0.5, 0.5, 0.5, 0.5],
    ),
}
