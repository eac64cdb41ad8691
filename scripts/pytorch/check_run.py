"""Loads the parameters of a run of chapter 04 into the model's PyTorch reference, by their names, and evaluates them.

    python check_run.py ../../runs/convolutional/densenet-concise-quick-cpu-s0 --data-dir ../../data

Prints validation loss and accuracy beside the log's, and exits with 1 if they differ by more than the rounding of f32
explains. Needs Fashion-MNIST as files, and Pillow if the run enlarged its pictures.
"""

import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import alexnet
import common
import nin
import vgg
from batch_norm_lenet import BatchNormLeNet
from densenet import DenseNet
from googlenet import GoogLeNet
from lenet import LeNet
from regnet import RegNet
from resnet import ResNet18

# Between two f32 evaluations of 10,000 pictures; of the accuracy, two of them.
TOLERANCES = {"loss": 1e-4, "accuracy": 2.5e-4}


def twin(model: str, implementation: str, side: int) -> nn.Module:
    """The network that the run built for pictures of this side."""
    if model == "alexnet":
        sizes = alexnet.BOOK if side >= 65 else alexnet.PADDED if side >= 63 else alexnet.SMALL
        return alexnet.AlexNet(sizes, 1, side)
    if model == "vgg":
        return vgg.Vgg(vgg.BOOK if side >= 32 else vgg.SMALL, 1, side)
    builders = {
        "lenet": LeNet,
        "batchnorm-lenet": lambda: BatchNormLeNet(implementation),
        "nin": lambda: nin.Nin(nin.BOOK if side >= 67 else nin.SMALL, 1),
        "googlenet": lambda: GoogLeNet(1),
        "resnet18": lambda: ResNet18(1),
        "densenet": lambda: DenseNet(4 if side >= 29 else 3, 1),
        "regnet": lambda: RegNet(1),
    }
    if model not in builders:
        raise common.UsageError(f"no PyTorch reference for {model}; wanted one of alexnet, vgg, {', '.join(builders)}")
    return builders[model]()


def enlarged(pictures: Tensor, side: int) -> Tensor:
    """Pictures [B, 1, h, w] of bytes / 255, resized as torchvision's `Resize` does."""
    if pictures.shape[-1] == side:
        return pictures
    import numpy
    from PIL import Image

    resized = [
        numpy.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR))
        for picture in (pictures[:, 0] * 255).round().byte().numpy()
    ]
    return torch.from_numpy(numpy.stack(resized))[:, None].float() / 255


class OnPictures(nn.Module):
    """A network on flat pictures of 28 x 28, as the data set has them."""

    def __init__(self, model: nn.Module, side: int):
        super().__init__()
        self.model, self.side = model, side

    def forward(self, pixels: Tensor) -> Tensor:  # [B, 784] -> [B, 10]
        return self.model(enlarged(pixels.reshape(-1, 1, 28, 28), self.side))


def check(options) -> None:
    lines = [json.loads(line) for line in (options.run / "log.jsonl").read_text().splitlines()]
    run, end = lines[0], lines[-1]
    if end["kind"] != "end":
        raise common.UsageError(f"{options.run}: the run has not ended")
    side = run["recipe"].get("side", 28)
    model = twin(run["model"], run["implementation"], side)
    common.load_parameters(model, options.run / "model.safetensors")
    valid = common.fashion_mnist(options.data_dir).valid
    found, _ = common.evaluate(OnPictures(model, side), F.cross_entropy, valid, 256, classes=True)
    agrees = True
    for name, tolerance in TOLERANCES.items():
        wanted = end["final"][f"valid.{name}"]
        print(f"valid.{name:9} PyTorch {found[name]:.6f}, the log {wanted:.6f}")
        agrees &= abs(found[name] - wanted) <= tolerance
    if not agrees:
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--threads", type=int, default=1)
    common.main(parser, check)
