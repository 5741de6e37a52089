"""Low-rank adapters (Hu et al. 2021), by peft: for networks too large, or data too few, to train all weights.

The T5's own weights stay as they are, and so do the ViT's where it is not trained jointly; what is ours (pointer head,
match features, the way in for images) is trained whole. A checkpoint has the adapters worked into the weights, so that
it is read like any other; those of the T5 also lie beside it, as peft writes them.
"""

from __future__ import annotations

import copy
from pathlib import Path

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer

from policies import checkpoint
from policies.model import WebAgentModel
from policies.options import Trained, VitTraining
from policies.vision import PARTS

T5_LAYERS = ("q", "k", "v", "o", "wi_0", "wi_1", "wo")
VIT_LAYERS = ("qkv", "attn.proj", "fc1", "fc2")
OFFSET_HEAD = "offset_head."
"""How the names of the weights begin that ``--trained offsets`` trains."""


def adapt(model: WebAgentModel, rank: int, vit: VitTraining, trained: Trained = "all") -> None:
    """Settles in place what of a network is trained.

    Args:
        model: the network.
        rank: of the adapters; with 0 there are none, and the T5's own weights are trained.
        vit: the ViT's weights are trained too (``joint``), or nothing of it (``frozen``), or adapters (``lora``).
        trained: with ``vision`` the ViT and its way into the T5, and nothing else: the T5 learns nothing new, and
            forgets nothing (Tsimpoukelis et al. 2021, Frozen, arXiv 2106.13884). With ``offsets`` the same
            of the head that tells pixels and amounts.
    """
    if trained != "all":
        parts = PARTS if trained == "vision" else OFFSET_HEAD
        for name, weight in model.named_parameters():
            weight.requires_grad_(name.startswith(parts))
    if rank:
        model.t5.requires_grad_(False)
        inject_adapter_in_model(_config(rank, T5_LAYERS), model.t5)
    if model.config.vit and vit != "joint":
        model.vit.requires_grad_(False)
        if vit == "lora":
            inject_adapter_in_model(_config(rank, VIT_LAYERS), model.vit)


def _config(rank: int, layers: tuple[str, ...]) -> LoraConfig:
    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=list(layers))


def merged(model: WebAgentModel) -> WebAgentModel:
    """The same function without adapters: a copy with each worked into the weights that it adapts."""
    if not any(isinstance(module, LoraLayer) for module in model.modules()):
        return model
    whole = copy.deepcopy(model)
    adapted = [(name, module) for name, module in whole.named_modules() if isinstance(module, LoraLayer)]
    for name, module in adapted:
        module.merge()
        holder, _, own = name.rpartition(".")
        setattr(whole.get_submodule(holder), own, module.get_base_layer())
    return whole


def save_adapter(model: WebAgentModel, folder: Path) -> None:
    """Writes the T5's adapters, if it has any, for peft to load beside the T5 that they began with.

    Args:
        model: the network, not ``merged``.
        folder: of the checkpoint.
    """
    adapters = [module for module in model.t5.modules() if isinstance(module, LoraLayer)]
    if adapters:
        (folder / checkpoint.ADAPTER).mkdir()
        _config(adapters[0].r["default"], T5_LAYERS).save_pretrained(str(folder / checkpoint.ADAPTER))
        named = {
            f"base_model.model.{name.replace('.default', '')}": tensor.detach().cpu().contiguous()
            for name, tensor in model.t5.named_parameters()
            if ".lora_" in name
        }
        checkpoint.save_tensors(folder / checkpoint.ADAPTER / "adapter_model.safetensors", named)
