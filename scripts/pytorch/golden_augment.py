"""Golden pictures of crates/d2l-data: pictures of bytes after torchvision's random transforms at fixed parameters.

    python golden_augment.py        writes ../../crates/d2l-data/tests/pictures/augment.json

Pictures, and what is stored of the results, are those of golden_resize.py. `colours` is the picture of [3, 32, 32]
turned to all hues one after the other, its digest over all of them: every step of hue once.
"""

import hashlib

import numpy
from torchvision.transforms import functional

from golden_resize import FOLDER, picture, planes, stored
from reference import write_json


def main() -> None:
    cases = []
    for shape in [(1, 9, 7), (3, 6, 8), (3, 32, 32)]:
        image = picture(*shape)

        def add(name, result, **given):
            result = stored(result)
            if shape[0] > 1:
                result.pop("values", None)
            cases.append({"function": name, "shape": shape, **given, **result})

        add("flip", functional.hflip(image))
        for top, left in [(0, 0), (8, 3), (4, 4), (5, 8)]:
            padded = functional.pad(image, 4)
            add("crop", functional.crop(padded, top, left, *shape[1:]), padding=4, corner=[top, left])
        for factor in [0.0, 0.5, 0.71, 1.0, 1.37, 1.5]:
            add("brightness", functional.adjust_brightness(image, factor), factor=factor)
            add("contrast", functional.adjust_contrast(image, factor), factor=factor)
            add("saturation", functional.adjust_saturation(image, factor), factor=factor)
        for turn in [-0.5, -0.37, -0.01, 0.0, 0.2, 0.49, 0.5]:
            add("hue", functional.adjust_hue(image, turn), factor=turn)
    image = picture(3, 32, 32)
    turned = hashlib.sha256()
    for step in range(-127, 128):
        result = planes(functional.adjust_hue(image, (step + 0.5 * numpy.sign(step)) / 255))
        turned.update(numpy.ascontiguousarray(result).tobytes())
    write_json(FOLDER / "augment.json", {"cases": cases, "colours": {"sha256": turned.hexdigest()}})


if __name__ == "__main__":
    main()
