"""Golden pictures of crates/d2l-data: pictures of bytes after torchvision's transforms, which call Pillow.

    python golden_resize.py        writes ../../crates/d2l-data/tests/pictures/resize.json

Needs torchvision and a Pillow below 13. It resizes rows first and then columns, as all versions did on which the book's
builds ran. Later ones choose the order by the sizes, and round differently if one side grows and the other shrinks.

Pixel i of a picture is (i * i * 7 + i * 31) // 3 % 256, counted over its planes [C, H, W] in order. The test fills its
own in the same way, so only results are stored: small ones whole, others as the SHA-256 of their bytes.

    resize.json   `transforms.Resize`, up, down, in one direction alone, grey and in colour
"""

import hashlib
from pathlib import Path

import numpy
from PIL import Image
from torchvision.transforms import functional

from reference import write_json

FOLDER = Path(__file__).resolve().parents[2] / "crates" / "d2l-data" / "tests" / "pictures"


def picture(channels: int, height: int, width: int) -> Image.Image:
    index = numpy.arange(channels * height * width, dtype=numpy.int64)
    planes = ((index * index * 7 + index * 31) // 3 % 256).astype(numpy.uint8).reshape(channels, height, width)
    return Image.fromarray(planes[0] if channels == 1 else planes.transpose(1, 2, 0).copy())


def planes(image: Image.Image) -> numpy.ndarray:
    values = numpy.asarray(image)
    return values[None] if values.ndim == 2 else values.transpose(2, 0, 1)


def stored(image: Image.Image) -> dict:
    values = numpy.ascontiguousarray(planes(image))
    result = {"sha256": hashlib.sha256(values.tobytes()).hexdigest()}
    if values.size <= 150:
        result["values"] = values.flatten().tolist()
    return result


def main() -> None:
    resized = []
    for shape, to in [
        ((1, 4, 5), (7, 9)),
        ((1, 9, 11), (4, 5)),
        ((3, 6, 5), (3, 12)),
        ((1, 8, 8), (8, 3)),
        ((1, 28, 28), (32, 32)),
        ((1, 28, 28), (96, 96)),
        ((1, 28, 28), (224, 224)),
        ((3, 32, 32), (40, 40)),
        ((3, 32, 32), (224, 224)),
        ((3, 32, 32), (28, 28)),
        ((3, 61, 87), (32, 32)),
        ((1, 100, 37), (13, 90)),
    ]:
        image = functional.resize(picture(*shape), to)
        resized.append({"from": shape, "to": to, **stored(image)})
    write_json(FOLDER / "resize.json", {"resized": resized})


if __name__ == "__main__":
    main()
