"""What is around the ViT: its name and size, its patches, and where its tokens go.

timm is imported where a ViT is made: an exported policy decides without it, and it takes two seconds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from policies.config import ModelConfig

PARTS = ("vit.", "image_in.", "frame_embedding.", "sight.")
"""What a network's weights are called that stand between the screenshots and the T5."""


class PatchProjection(nn.Module):
    """A convolution whose steps are as long as its kernel, as one product of matrices: a third less time on a CPU.

    Args:
        convolution: timm's; the parameters are taken over.
    """

    def __init__(self, convolution: nn.Conv2d):
        super().__init__()
        self.weight, self.bias, self.size = convolution.weight, convolution.bias, convolution.kernel_size

    def forward(self, pixels: Tensor) -> Tensor:
        """float [B, C, H, W] -> float [B, d, H / height, W / width], the patches' projections."""
        (height, width), (batch, channels) = self.size, pixels.shape[:2]
        cut = pixels.unflatten(3, (-1, width)).unflatten(2, (-1, height)).permute(0, 2, 4, 1, 3, 5)
        cut = cut.reshape(batch, *cut.shape[1:3], channels * height * width)
        return nn.functional.linear(cut, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class PixelPatches(nn.Module):
    """The patches' projections of screenshots as they come, for a network that only decides: what makes numbers of
    pixels is in the weights.

    Args:
        embed: timm's, with a ``PatchProjection``.
        grid: height and width of what the ViT sees.
        size: height and width of the screenshots, which are filled up to that.
        mean, std: of pixels, float [1, C, 1, 1], 0 to 255; what is filled up is the mean.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, embed: Any, grid: tuple[int, int], size: tuple[int, int], mean: Tensor, std: Tensor):
        super().__init__()
        self.patch, self.filled = embed.proj.size, [side - own for side, own in zip(grid, size, strict=True)]
        self.norm = embed.norm
        with torch.no_grad():
            weight = embed.proj.weight / std
            # Of each patch what the mean makes of the pixels that are there; the others are zero.
            there = nn.functional.pad(mean.expand(1, -1, *size), (0, self.filled[1], 0, self.filled[0]))
            bias = -nn.functional.conv2d(there, weight, stride=self.patch).permute(0, 2, 3, 1)
            if embed.proj.bias is not None:
                bias = bias + embed.proj.bias
            self.register_buffer("weight", weight.permute(0, 2, 3, 1).flatten(1).T.contiguous())
            self.register_buffer("bias", bias.flatten(1, 2))

    def forward(self, frames: Tensor) -> Tensor:
        """uint8 [N, H, W, C] -> float [N, patches, d]."""
        height, width = self.patch
        frames = nn.functional.pad(frames, (0, 0, 0, self.filled[1], 0, self.filled[0]))
        cut = frames.unflatten(2, (-1, width)).unflatten(1, (-1, height)).transpose(2, 3).flatten(3).flatten(1, 2)
        return self.norm(cut.to(self.weight.dtype) @ self.weight + self.bias)


def vit_source(vit: str) -> tuple[str, dict[str, Any]]:
    """timm's name for a ViT, and the arguments by which it differs from its architecture."""
    if vit.startswith("hf-hub:"):
        import timm

        _, _, arguments = timm.models.load_model_config_from_hf(vit.removeprefix("hf-hub:"))
    elif (Path(vit) / "config.json").is_file():
        arguments = json.loads((Path(vit) / "config.json").read_text(encoding="utf-8")).get("model_args", {})
        vit = f"local-dir:{vit}"
    else:
        arguments = {}
    return vit, {name: value for name, value in arguments.items() if name not in ("img_size", "num_classes")}


def vit_size(config: ModelConfig) -> tuple[int, int]:
    """Height and width of what the ViT sees: the screenshot, filled up to whole patches below and to the right."""
    patch = config.vit_args.get("patch_size")
    if patch is None:
        import timm

        vit: Any = timm.create_model(config.vit, pretrained=False, num_classes=0, **config.vit_args)
        patch = vit.patch_embed.patch_size[0]
    return -(-config.height // patch) * patch, -(-config.width // patch) * patch


def in_places(tokens: Tensor, index: Tensor, count: int, frames: int) -> tuple[Tensor, Tensor]:
    """Image tokens at the places of their rows, float [B, frames * tokens of a frame, d_model], and where some are.

    Frames that no row of the batch has, at the beginning, are left out.

    Args:
        tokens: float [N, tokens, d_model], what was seen.
        index: int64 [N], row * frames + frame of each.
        count: rows.
        frames: of a row.
    """
    pictures = tokens.new_zeros(count * frames, *tokens.shape[1:]).index_copy(0, index, tokens)
    shown = torch.zeros(pictures.shape[:2], dtype=torch.bool, device=index.device).index_fill(0, index, True)
    # Of a first page there is no screenshot but the present one; what stands before it is not worth encoding.
    absent = int((index % frames).min()) * tokens.shape[1]
    return pictures.view(count, -1, tokens.shape[-1])[:, absent:], shown.view(count, -1)[:, absent:]
