"""What the processor and the network are made of, as plain data that is written out beside the weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from policies.matching import FEATURES


@dataclass(frozen=True)
class ProcessorConfig:
    """How an observation becomes numbers."""

    tokenizer: str = ""
    """Folder or name of a T5 tokenizer to take the vocabulary from; empty: a small one is trained on the corpus."""
    vocab_size: int = 3072
    """Entries of a vocabulary trained here."""
    max_tokens: int = 640
    """Text tokens (instruction, history and page together); the page is pruned to fit."""
    max_history: int = 8
    """Past actions that are shown."""
    outcomes: bool = True
    """What an element was called after an action is shown with it, where that is another name."""
    copy: bool = True
    """Elements and words are pointed at (True) or written as text (False, the published form)."""
    case: bool = True
    """With ``copy``: a word can be copied in capitals, or in small letters."""
    amounts: bool = True
    """With ``copy``: a typed whole number that stands nowhere is worked out in one step, not spelt."""
    match: bool = True
    """The network has the match features, so a vocabulary trained here need not spend tokens on spaces."""
    frames: int = 2
    """Screenshots that are shown, the present one last."""
    height: int = 210
    """Pixels of a screenshot, downwards."""
    width: int = 160
    """Pixels of a screenshot, across."""
    max_steps: int = 96
    """Decoder steps of one action; longer strings are cut when decoding and refused when training."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ProcessorConfig:
        """Raises ValueError where ``values`` has an unknown name; without ``amounts`` they are from before those."""
        return _from_dict(cls, {"amounts": False} | values)


IMAGE_TOKENS = ("local", "temporal", "both")


@dataclass(frozen=True)
class ModelConfig:
    """The network: a Flan-shaped T5, a ViT, and additions that can be switched off one by one."""

    t5: dict[str, Any] = field(default_factory=dict)
    """Arguments of ``transformers.T5Config``."""
    vit: str = ""
    """timm's name of the vision transformer; empty: none."""
    vit_args: dict[str, Any] = field(default_factory=dict)
    """Arguments of the timm model that differ from its name's."""
    pixel_mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    """Subtracted from pixels in 0..1, per channel."""
    pixel_std: tuple[float, ...] = (0.5, 0.5, 0.5)
    """What pixels are divided by after that, per channel."""
    image_tokens: str = "local"
    """What the encoder gets of each screenshot: ``local``, a token for each patch; ``temporal``, one token for all of
    it (the ViT's class token); ``both``."""
    frames: int = 2
    """Screenshots that go in."""
    height: int = 210
    """Pixels of a screenshot, downwards."""
    width: int = 160
    """Pixels of a screenshot, across."""
    features: int = len(FEATURES)
    """Match features per token that the processor gives."""
    copy: bool = True
    """Pointer head over the encoder's positions, for elements and words."""
    match: bool = True
    """Embeddings added where a word of the page also stands in the instruction or the history, and the reverse."""
    alike: int = 0
    """Size of learnt vectors by which words match that are alike though written differently (``big``, ``huge``); 0:
    only equal words match. Goes with ``match``."""
    measures: bool = True
    """Embeddings of where elements are and how large numbers are. Goes with ``match``."""
    calculator: bool = True
    """A typed number can be the sum, difference or product of two others. Goes with ``copy``."""
    sight: bool = False
    """In training the picture alone, too, has to tell which element is acted on (``policies.sight``). Goes with
    ``copy`` and a ViT."""
    mimetic: bool = True
    """Half of the attention heads begin by looking for their like, the others at their neighbours."""

    def __post_init__(self) -> None:
        if self.image_tokens not in IMAGE_TOKENS:
            raise ValueError(f"unknown image tokens {self.image_tokens!r}; expected one of: {', '.join(IMAGE_TOKENS)}")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Raises ValueError where ``values`` has an unknown name."""
        values = dict(values)
        for name in ("pixel_mean", "pixel_std"):
            if name in values:
                values[name] = tuple(values[name])
        return _from_dict(cls, values)

    @classmethod
    def size(cls, name: str, *, vocab_size: int, **changes: Any) -> ModelConfig:
        """A configuration of the table ``SIZES`` for a network trained from scratch.

        Raises:
            ValueError: if there is no such size.
        """
        if name not in SIZES:
            raise ValueError(f"unknown model size {name!r}; expected one of: {', '.join(SIZES)}")
        t5, vit, vit_args = SIZES[name]
        values: dict[str, Any] = {
            "t5": {**FLAN, **t5, "vocab_size": vocab_size},
            "vit": vit,
            "vit_args": dict(vit_args),
            "alike": ALIKE,
        }
        return cls(**(values | changes))


def _from_dict(cls: Any, values: dict[str, Any]) -> Any:
    unknown = sorted(set(values) - set(cls.__dataclass_fields__))
    if unknown:
        raise ValueError(f"{cls.__name__} has no {', '.join(unknown)}; written by another version?")
    return cls(**values)


FLAN: dict[str, Any] = {
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
    "decoder_start_token_id": 0,
    "dropout_rate": 0.1,
}
"""What every Flan-T5 has in common (Chung et al. 2022, arXiv 2210.11416)."""

ALIKE = 64
"""``ModelConfig.alike`` of a network that is trained here."""

SIZES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "mini": (
        {
            "d_model": 256,
            "d_kv": 64,
            "d_ff": 512,
            "num_heads": 4,
            "num_layers": 4,
            "num_decoder_layers": 2,
            "dropout_rate": 0.0,
        },
        "vit_tiny_patch16_224",
        {"patch_size": 32, "embed_dim": 128, "depth": 2, "num_heads": 4},
    ),
    "small": (
        {"d_model": 512, "d_kv": 64, "d_ff": 1024, "num_heads": 6, "num_layers": 8, "num_decoder_layers": 8},
        "vit_tiny_patch16_224",
        {},
    ),
    "base": (
        {"d_model": 768, "d_kv": 64, "d_ff": 2048, "num_heads": 12, "num_layers": 12, "num_decoder_layers": 12},
        "vit_base_patch16_224",
        {},
    ),
    "xl": (
        {"d_model": 2048, "d_kv": 64, "d_ff": 5120, "num_heads": 32, "num_layers": 24, "num_decoder_layers": 24},
        "vit_base_patch16_224",
        {},
    ),
}
"""T5 arguments, timm name and its changed arguments. ``small`` to ``xl`` have Flan-T5's shapes."""
