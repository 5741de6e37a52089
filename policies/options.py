"""What `webagent train`, `average` and `export` are told. It stands apart from what they do, so that `--help` need not
wait for torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from policies.config import ProcessorConfig
from policies.images import ImageMode

VitTraining = Literal["joint", "frozen", "lora"]
Trained = Literal["all", "vision", "offsets"]


@dataclass
class TrainConfig:
    """Train a policy on the successful episodes of datasets.

    A run that was stopped goes on by the same command with --resume, and ends as if it had not been stopped. On several
    devices: `accelerate launch -m webagent train ...`.

    examples:
      webagent train --data data/thin16 --out runs/first
      webagent train --data data/thin16 --out runs/first --resume
      webagent train --data data/thin16 data/more --out runs/second --init runs/first --lr 3e-4
      webagent train --data data/thin16 --out runs/xl --t5 google/flan-t5-xl --vit vit_base_patch16_224 --lora 16
    """

    data: tuple[Path, ...]
    """Folders that `webagent collect`, `synthesize`, `record` or `import-demos` wrote."""
    out: Path
    """Folder of the run: checkpoints and logs."""
    init: Path | None = None
    """Checkpoint, or run, whose weights and processor the training begins with, such as that of an earlier stage."""
    teacher: Path | None = None
    """Checkpoint, or run, whose whole distribution is learnt wherever it holds the demonstration's action likely. A
    policy that is both this and `init` keeps more of what it can do while it learns other tasks."""
    believed: float = 0.2
    """How likely the teacher has to hold an action; 0 believes it whatever was demonstrated, for a policy that should
    do on the others' pages what the teacher does."""
    labelled: tuple[str, ...] = ()
    """Tasks whose demonstrations are learnt in spite of the teacher, such as those that it does badly."""
    new_vocabulary: bool = False
    """Whether a training that begins with another's weights learns a vocabulary from its own data. Words that many
    pages share then take one token, where a vocabulary of other pages cuts them to pieces."""
    new_vision: bool = False
    """Whether a training that begins with another's weights has a fresh ViT, such as where pictures have said nothing
    for so long that what the other's ViT gives is the same whatever it sees."""
    size: str = "mini"
    """Shape of the network where it is trained from scratch: mini (the embedded policy's), small, base or xl, as of
    Flan-T5."""
    t5: str | None = None
    """Pretrained Flan-T5, by name or folder, in place of one from scratch; google/flan-t5-base for example."""
    vit: str | None = None
    """Pretrained timm ViT, by name or folder, in place of one from scratch; vit_base_patch16_224 for example."""
    lora: int = 0
    """Rank of LoRA adapters that are trained in place of the T5's weights, such as 16; 0 trains the weights."""
    vit_training: VitTraining = "joint"
    """Whether the ViT's weights are trained too, or nothing of it, or LoRA adapters of the same rank."""
    trained: Trained = "all"
    """With `vision`, the ViT and its way into the T5 alone: pictures come to say something to a T5 that has learnt
    without them, which keeps all that it knows. With `offsets`, what tells pixels and sums alone."""
    processor: ProcessorConfig = field(default_factory=ProcessorConfig)
    """How observations become numbers; with a pretrained T5 the vocabulary is that T5's."""
    mimetic: bool = True
    """Attention heads of a network from scratch begin by looking for their like and for their neighbours."""
    steps: int = 10_000
    """Optimizer steps. The learning rate ends at zero there, so a longer training is another training."""
    batch_size: int = 32
    """Rows of one optimizer step, over all devices."""
    micro_tokens: int = 8192
    """Input tokens of one forward pass, of the several that a step is cut into; bounds the memory."""
    padding: int = 512
    """Most padding of each block of like length in a pass. Raise it on a GPU, where a block costs more than its
    tokens."""
    lr: float = 6e-4
    """Highest learning rate."""
    warmup: float = 0.02
    """Share of the steps in which the learning rate rises from zero; a cosine takes it back."""
    weight_decay: float = 0.01
    """Of AdamW, whose betas are 0.9 and 0.98."""
    clip: float = 1.0
    """Longest gradient; that of the head of offsets is clipped by itself."""
    ema: float = 0.999
    """Decay of the average of the weights, which is what is evaluated and saved."""
    image_tokens: Literal["local", "temporal", "both"] = "local"
    """What a network from scratch gets of each screenshot: a token a patch, one for the whole, or both."""
    image: ImageMode = "real"
    """What stands in for the screenshots, to find out what they bring: nothing, white pages or noise."""
    borrowed: float = 0.0
    """Share of the samples without screenshots, such as 0.65, that get one of another page of their task. Where most
    demonstrations have none, it has to be learnt that a picture may say nothing, or what the ViT sees disturbs."""
    history_dropout: float = 0.0
    """Share of the samples, such as 0.3, whose past actions are hidden. Where the last action mostly tells the next, as
    with arrow keys, cloning learns to repeat itself; this makes it look at the page."""
    sight: float = 0.0
    """Weight of a second loss, such as 1, by which the ViT learns to tell from the picture alone which element is acted
    on. Where only the picture tells, cloning alone can stay at chance for thousands of steps."""
    image_dropout: float = 0.1
    """Share of steps without screenshots, so that the policy also works without; at 1 none is ever read."""
    bf16: bool | None = None
    """Multiply in bfloat16 (autocast), on a CPU in the encoder alone; weights and optimizer stay float32. Where not
    said: if the hardware does so by itself, since a processor that has to emulate it takes eight times as long."""
    eval_every: int = 500
    """Steps from one held-out evaluation, and weighting of the tasks by it, to the next."""
    eval_episodes: int = 40
    """Held-out episodes a task; about 3 % of the data are held out."""
    shares: dict[str, float] = field(default_factory=dict)
    """Tasks that get a share of the samples whatever their error, such as `--shares synthetic 0.4`; the others get
    what is left, by their errors."""
    browser_episodes: int = 0
    """Episodes a task played in the browser at each evaluation, on validation seeds; takes time and changes nothing."""
    save_minutes: float = 10.0
    """Minutes from one checkpoint to the next; one is written at the end in any case."""
    keep: int = 1
    """Checkpoints that are kept, the latest ones, such as 3 for `webagent average`."""
    stop_at: int | None = None
    """Stop after this step, as though interrupted; --resume goes on."""
    resume: bool = False
    """Go on with the run in `out`."""
    seed: int = 0
    """Seed of the weights, the rows and the dropout."""
    threads: int = 0
    """Processor threads; 0 leaves that to torch. Equal runs need equal numbers."""
    jobs: int = 1
    """Processes that tokenise."""
    loaders: int = 0
    """Processes that put rows together while the network learns. A CPU needs none: a thread keeps ahead of it. A GPU
    needs some, such as 12."""


@dataclass(frozen=True)
class AverageConfig:
    """Average the weights of checkpoints.

    They have to come from one line of training: one begun with the other (`webagent train --init`), or both with the
    same. The average can be better than each of them, or lose what one has; measure it, on validation seeds.

    examples:
      webagent average runs/first runs/second --out runs/average
      webagent average runs/first/step-* --out runs/average    # of a training with --keep 3
    """

    checkpoints: tyro.conf.Positional[tuple[Path, ...]]
    """Two or more checkpoints or training runs. The model card is that of the last."""
    out: Path
    """Folder of the new checkpoint. One that is there is replaced, but nothing else, and none that is averaged."""


@dataclass(frozen=True)
class ExportConfig:
    """Write a policy as ONNX files, with which it decides faster on a CPU.

    The folder is given as any other policy's: `--policy FOLDER`. It cannot be trained on. Needs the packages onnx,
    onnxruntime and onnxscript; to decide, onnxruntime alone.

    examples:
      webagent export --out exported --int8
      webagent bench --suite thin16 --policy exported
    """

    out: Path
    """Folder to write. A checkpoint that is there is replaced, but nothing else."""
    policy: str = "embedded"
    """The one that is shipped, or the folder of a checkpoint or a training run."""
    int8: bool = False
    """Most weights, and what they are multiplied with, as 8-bit integers: a quarter less time again, and now and then
    another decision."""
