"""The random draws of the Rust programs, rebuilt in numpy: the same place in a run gives the same numbers.

crates/d2l-random hashes the place of a draw into a key of ChaCha8, and draws as version 0.9 of the crate rand does.
The numbers that its own test writes down are found here too (`python -m doctest draws.py`):

    >>> here = Stream(7, "init", "linear.weight")
    >>> here.permutation(8).tolist()
    [0, 2, 3, 4, 7, 6, 1, 5]
    >>> here.uniforms(0.0, 1.0, 2).tolist() == numpy.float32([0.5838616, 0.33033112]).tolist()
    True
    >>> here.normals(0.0, 1.0, 2).tolist() == numpy.float32([0.15559857, -0.5536646]).tolist()
    True
"""

import hashlib
import math
from dataclasses import dataclass

import numpy

WORD, WORDS_IN_BLOCK, DOUBLE_ROUNDS = 2**32, 16, 4
CONSTANTS = numpy.frombuffer(b"expand 32-byte k", "<u4")
# The first block that is computed; each further one has twice as many words.
FIRST_WORDS = 64


@dataclass(frozen=True)
class Stream:
    """The place of a draw. Every method is a pure function of these five fields."""

    seed: int
    purpose: str
    name: str
    epoch: int = 0
    step: int = 0

    def words(self, n: int, start: int = 0) -> numpy.ndarray:
        """The words `start`, `start` + 1, … of the stream, `n` of them, u32. `start` begins a block."""
        place = b"".join(number.to_bytes(8, "little") for number in (self.seed, self.epoch, self.step))
        key = hashlib.sha256(place + self.purpose.encode() + b"\0" + self.name.encode()).digest()
        blocks = -(-n // WORDS_IN_BLOCK)
        return chacha8(numpy.frombuffer(key, "<u4"), start // WORDS_IN_BLOCK, blocks)[:n]

    def permutation(self, n: int) -> numpy.ndarray:
        """The numbers 0 to n - 1 in random order: a shuffle that draws several places with one word."""
        words, order, chunk, left = Words(self), list(range(n)), 0, 1
        for place in range(n):
            if left == 0:
                bound, left = place + 1, 1
                while bound * (place + 1 + left) < WORD:
                    bound, left = bound * (place + 1 + left), left + 1
                chunk = words.below(bound)
            chunk, other = divmod(chunk, place + 1)
            left -= 1
            order[place], order[other] = order[other], order[place]
        return numpy.array(order, dtype=numpy.int64)

    def uniforms(self, low: float, high: float, n: int) -> numpy.ndarray:
        """n draws from U(low, high), f32."""
        words = Words(self)
        return numpy.float32([words.fraction(12) * (high - low) + low for _ in range(n)])

    def normals(self, mean: float, std: float, n: int) -> numpy.ndarray:
        """n draws from N(mean, std²), f32."""
        words = Words(self)
        return numpy.float32([mean + std * words.normal() for _ in range(n)])

    def kept(self, probability: float, n: int) -> numpy.ndarray:
        """Which of n elements dropout leaves in place, as crates/d2l-nn/src/dropout.rs draws them."""
        return self.words(n) >= round(probability * WORD)


def chacha8(key: numpy.ndarray, first: int, blocks: int) -> numpy.ndarray:
    """The blocks `first`, `first` + 1, … of the stream with this key; Bernstein's layout, counter and nonce of 64 bits."""
    counter = numpy.arange(first, first + blocks, dtype=numpy.uint64)
    state = numpy.zeros((WORDS_IN_BLOCK, blocks), numpy.uint32)
    state[:4], state[4:12] = CONSTANTS[:, None], key[:, None]
    state[12], state[13] = counter & (WORD - 1), counter >> 32
    a, b, c, d = (state[row : row + 4].copy() for row in (0, 4, 8, 12))  # a row of the matrix each
    turned = lambda rows: (numpy.roll(row, -number, axis=0) for number, row in enumerate(rows))
    back = lambda rows: (numpy.roll(row, number, axis=0) for number, row in enumerate(rows))
    for _ in range(DOUBLE_ROUNDS):
        a, b, c, d = turned(quarter_rounds(a, b, c, d))  # columns, then diagonals
        a, b, c, d = back(quarter_rounds(a, b, c, d))
    return (numpy.concatenate([a, b, c, d]) + state).T.reshape(-1)


def quarter_rounds(a, b, c, d):
    rotated = lambda x, bits: (x << bits) | (x >> (32 - bits))
    a = a + b
    d = rotated(d ^ a, 16)
    c = c + d
    b = rotated(b ^ c, 12)
    a = a + b
    d = rotated(d ^ a, 8)
    c = c + d
    return a, rotated(b ^ c, 7), c, d


class Words:
    """A stream's words one after the other, and the numbers that rand makes of them."""

    def __init__(self, stream: Stream):
        self.stream, self.found, self.place, self.drawn = stream, [], 0, 0

    def u32(self) -> int:
        if self.place == len(self.found):
            count = max(FIRST_WORDS, self.drawn)
            self.found, self.place = self.stream.words(count, self.drawn).tolist(), 0
            self.drawn += count
        self.place += 1
        return self.found[self.place - 1]

    def u64(self) -> int:
        low = self.u32()
        return low | self.u32() << 32

    def below(self, bound: int) -> int:
        """From 0 to bound - 1: the upper word of a product, corrected once if the lower one is large."""
        upper, lower = divmod(self.u32() * bound, WORD)
        if lower > WORD - bound:
            upper += lower + self.u32() * bound // WORD >= WORD
        return upper

    def fraction(self, unused_bits: int) -> float:
        """From 0 to below 1, in steps of 2^(unused_bits - 64)."""
        return (self.u64() >> unused_bits) / 2 ** (64 - unused_bits)

    def inside(self) -> float:
        """Between 0 and 1, without either."""
        return self.fraction(12) + 2.0**-53

    def normal(self) -> float:
        """From N(0, 1), by the ziggurat of Doornik 2005."""
        while True:
            bits = self.u64()
            layer, u = bits & 0xFF, 2 * ((bits >> 12) / 2**52) - 1
            x = u * ZIGGURAT[layer]
            if abs(x) < ZIGGURAT[layer + 1]:
                return x
            if layer == 0:
                return math.copysign(self.tail(), u)
            lower, upper = density(ZIGGURAT[layer]), density(ZIGGURAT[layer + 1])
            if upper + (lower - upper) * self.fraction(11) < density(x):
                return x

    def tail(self) -> float:
        """Beyond the ziggurat's last layer."""
        while True:
            x, y = math.log(self.inside()) / LAST, math.log(self.inside())
            if -2 * y >= x * x:
                return LAST - x


def density(x: float) -> float:
    return math.exp(-x * x / 2)


def ziggurat() -> list[float]:
    """The right ends of 256 layers of equal area below the density of N(0, 1), the lowest first, and 0."""
    ends = [AREA / density(LAST), LAST]
    while len(ends) < 256:
        ends.append(math.sqrt(-2 * math.log(AREA / ends[-1] + density(ends[-1]))))
    return ends + [0.0]


LAST, AREA = 3.6541528853610088, 0.00492867323399  # of the layers of Doornik's ziggurat
ZIGGURAT = ziggurat()
