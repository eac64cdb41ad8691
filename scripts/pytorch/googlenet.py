"""GoogLeNet: the PyTorch reference for crates/04-convolutional/src/googlenet.rs."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# 1x1; 1x1 then 3x3; 1x1 then 5x5; pooling then 1x1.
STAGES = (
    ((64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64)),
    (
        (192, (96, 208), (16, 48), 64),
        (160, (112, 224), (24, 64), 64),
        (128, (128, 256), (24, 64), 64),
        (112, (144, 288), (32, 64), 64),
        (256, (160, 320), (32, 128), 128),
    ),
    ((256, (160, 320), (32, 128), 128), (384, (192, 384), (48, 128), 128)),
)


class Inception(nn.Module):
    """Four paths side by side. Szegedy et al. 2015, arXiv:1409.4842."""

    def __init__(self, channels: int, one: int, three: tuple[int, int], five: tuple[int, int], pooled: int):
        super().__init__()
        self.one = nn.Conv2d(channels, one, 1)
        self.three = nn.ModuleList((nn.Conv2d(channels, three[0], 1), nn.Conv2d(*three, 3, padding=1)))
        self.five = nn.ModuleList((nn.Conv2d(channels, five[0], 1), nn.Conv2d(*five, 5, padding=2)))
        self.pooled = nn.Conv2d(channels, pooled, 1)
        self.channels = one + three[1] + five[1] + pooled

    def forward(self, x: Tensor) -> Tensor:
        three, five = x, x
        for layer3, layer5 in zip(self.three, self.five):
            three, five = F.relu(layer3(three)), F.relu(layer5(five))
        pooled = F.relu(self.pooled(F.max_pool2d(x, 3, 1, padding=1)))
        return torch.cat((F.relu(self.one(x)), three, five, pooled), dim=1)


class GoogLeNet(nn.Module):
    """D2L zh 7.4, en 8.4: no auxiliary outputs, no batch normalisation."""

    def __init__(self, channels_in: int):
        super().__init__()
        self.stage1 = nn.Conv2d(channels_in, 64, 7, 2, 3)
        self.stage2 = nn.ModuleList((nn.Conv2d(64, 64, 1), nn.Conv2d(64, 192, 3, padding=1)))
        before = 192
        for number, paths in enumerate(STAGES, 3):
            stage = nn.Sequential()
            for path in paths:
                stage.append(Inception(before, *path))
                before = stage[-1].channels
            self.add_module(f"stage{number}", stage)
        self.output = nn.Linear(before, 10)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, H, W] -> [B, 10]
        pool = lambda h: F.max_pool2d(h, 3, 2, padding=1)
        h = pool(F.relu(self.stage1(x)))
        for convolution in self.stage2:
            h = F.relu(convolution(h))
        h = self.stage5(pool(self.stage4(pool(self.stage3(pool(h))))))
        return self.output(h.mean(dim=(2, 3)))
