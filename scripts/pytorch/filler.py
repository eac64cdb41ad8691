"""The integer hash that fills tensors in both languages alike; golden_models.py describes it."""

import numpy


def hashes(n: int, salt: int) -> numpy.ndarray:
    """The hash of the indices 0 to n - 1, as u32."""
    h = numpy.arange(n, dtype=numpy.uint32) * numpy.uint32(0x9E3779B9)
    h += numpy.uint32(salt * 0x85EBCA6B & 0xFFFFFFFF)
    for shift, factor in [(16, 0x85EBCA6B), (13, 0xC2B2AE35)]:
        h ^= h >> numpy.uint32(shift)
        h *= numpy.uint32(factor)
    return h ^ h >> numpy.uint32(16)


def numbers(n: int, salt: int, scale: float) -> numpy.ndarray:
    """The first n numbers of the filler, f64."""
    return (hashes(n, salt) / 2.0**32 - 0.5) * scale
