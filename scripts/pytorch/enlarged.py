"""Pictures in another size, for the networks whose pictures the book enlarges."""

import torch
from torch import Tensor


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
