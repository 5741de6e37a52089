"""The smallest network of the real kind; dropout is on, so that its random numbers are tested too."""

from policies.config import SIZES, ModelConfig

TINY = (
    {"d_model": 32, "d_kv": 16, "d_ff": 32, "num_heads": 2, "num_layers": 2, "num_decoder_layers": 2},
    "vit_tiny_patch16_224",
    {"patch_size": 70, "embed_dim": 16, "depth": 1, "num_heads": 2},
)


def tiny_config(vocab_size: int) -> ModelConfig:
    """Its shape, without leaving a size of that name behind."""
    SIZES["tiny"] = TINY
    try:
        return ModelConfig.size("tiny", vocab_size=vocab_size)
    finally:
        del SIZES["tiny"]
