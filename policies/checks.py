"""What a training's settings have to be, told before anything is written."""

from __future__ import annotations

from dataclasses import asdict, fields

from policies.config import SIZES, ModelConfig, ProcessorConfig
from policies.data import TrainError
from policies.model import WebAgentModel
from policies.options import TrainConfig
from policies.processor import Processor

POSITIVE = ("steps", "batch_size", "micro_tokens", "eval_every", "eval_episodes", "jobs", "keep", "stop_at")
NOT_NEGATIVE = ("lora", "lr", "weight_decay", "padding", "sight", "browser_episodes", "save_minutes", "seed", "threads",
                "loaders")  # fmt: skip
SHARES = ("warmup", "ema", "believed", "borrowed", "history_dropout", "image_dropout")


def check(config: TrainConfig, processes: int) -> None:
    """Checks settings for themselves and with each other.

    Args:
        config: the settings.
        processes: how many devices the rows of a step are dealt out to.

    Raises:
        TrainError: if one makes no sense.
    """
    for name in POSITIVE:
        if (value := getattr(config, name)) is not None and value < 1:
            raise TrainError(f"{_option(name)} must be at least 1, got {value}")
    for name in NOT_NEGATIVE:
        if (value := getattr(config, name)) < 0:
            raise TrainError(f"{_option(name)} must be 0 or more, got {value}")
    for name in SHARES:
        if not 0 <= (value := getattr(config, name)) <= 1:
            raise TrainError(f"{_option(name)} is a share from 0 to 1, got {value}")
    if config.clip <= 0:
        raise TrainError(f"--clip must be more than 0, got {config.clip}")
    if not config.data:
        raise TrainError("--data names no folder: give those of one or more datasets")
    if config.size not in SIZES:
        raise TrainError(f"--size {config.size}: expected one of {', '.join(SIZES)}")
    if config.batch_size < processes:
        raise TrainError(f"--batch-size must be at least the number of processes, {processes}; got {config.batch_size}")
    if config.init and (config.t5 or config.vit):
        raise TrainError("--init brings a whole policy: leave out --t5 and --vit")
    if config.new_vocabulary and not config.init:
        raise TrainError("--new-vocabulary goes with --init: a training from nothing learns its vocabulary anyway")
    if config.new_vision and not config.init:
        raise TrainError("--new-vision goes with --init: a training from nothing has a fresh ViT anyway")
    if config.labelled and not config.teacher:
        raise TrainError("--labelled goes with --teacher: without one all tasks are learnt from their demonstrations")
    if config.sight and (config.image == "none" or config.image_dropout >= 1):
        raise TrainError("--sight is a lesson by screenshots: leave out --image none and --image-dropout 1")
    if config.sight and not (config.init or config.processor.copy):
        raise TrainError("--sight is a lesson in pointing: leave out --processor.no-copy")
    if config.trained != "all" and (config.lora or config.vit_training != "joint"):
        raise TrainError(f"--trained {config.trained} trains that alone: leave out --lora and --vit-training")
    if config.trained == "vision":
        if config.image == "none" or config.image_dropout >= 1:
            raise TrainError("--trained vision learns from screenshots: leave out --image none and --image-dropout 1")
        if processes > 1:
            raise TrainError("--trained vision goes on one device: what shows no picture trains nothing on any other")
    kept = "what is not trained would stay as it begins"
    if config.trained != "all" and not config.init:
        raise TrainError(f"--trained {config.trained} goes with --init: {kept}")
    if config.lora and not (config.init or config.t5):
        raise TrainError(f"--lora goes with --t5 or --init: {kept}")
    if config.vit_training != "joint" and not (config.init or config.vit):
        raise TrainError(f"--vit-training {config.vit_training} goes with --vit or --init: {kept}")
    if config.vit_training == "lora" and not config.lora:
        raise TrainError("--vit-training lora needs the rank of the adapters: give --lora, such as --lora 16")


def check_shape(config: TrainConfig, model: WebAgentModel, processor: Processor) -> None:
    """Checks that the settings ask for no other network and processor than those that ``init`` brings.

    Args:
        config: the settings. What they leave as it is by default asks for nothing.
        model: what ``init`` names.
        processor: its processor.

    Raises:
        TrainError: if they do.
    """
    if config.new_vision and not model.config.vit:
        raise TrainError("--new-vision: the checkpoint that --init names reads no screenshots; leave the option out")
    if config.trained == "offsets" and not model.config.copy:
        raise TrainError("--trained offsets: the checkpoint that --init names spells pixels and numbers as text")
    if config.sight and not model.config.copy:
        raise TrainError("--sight: the checkpoint that --init names does not point at elements; leave the option out")
    default = {field.name: field.default for field in fields(config)}
    has = {"size": _size(model.config), "mimetic": model.config.mimetic, "image_tokens": model.config.image_tokens}
    asked = {name: getattr(config, name) for name in has if getattr(config, name) != default[name]}
    usual = asdict(ProcessorConfig())
    free = {"vocab_size"} if config.new_vocabulary else set()
    has |= {f"processor.{name}": value for name, value in asdict(processor.config).items()}
    asked |= {f"processor.{name}": value for name, value in asdict(config.processor).items()
              if value != usual[name] and name not in free}  # fmt: skip
    if wrong := [name for name in asked if asked[name] != has[name]]:
        name = wrong[0]
        raise TrainError(
            f"{_option(name)} {asked[name]}: the checkpoint that --init names has {has[name]}, and that stays; "
            f"leave the option out, or train from scratch without --init"
        )


def _size(config: ModelConfig) -> str:
    """The name of a network's shape in ``SIZES``; of another, its own width and depth."""
    for name, (t5, vit, vit_args) in SIZES.items():
        if {key: config.t5.get(key) for key in t5} == t5 and (config.vit, config.vit_args) == (vit, vit_args):
            return name
    return f"a shape of its own (d_model {config.t5['d_model']}, {config.t5['num_layers']} layers)"


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
