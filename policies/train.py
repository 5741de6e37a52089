"""Behaviour cloning: one loop, read from top to bottom.

A run is a folder. It holds ``step-0012000/``, a checkpoint (policies/checkpoint.py) that also carries what training
needs to go on, ``log.jsonl``, and ``tensorboard/``. A run that was stopped anywhere and resumed ends in the same
weights, bit by bit, as one that was not: rows and dropout of a step follow from the seed and the step's number.
On several devices: ``accelerate launch -m webagent train ...``.
"""

from __future__ import annotations

import copy
import math
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from torch.optim.swa_utils import get_ema_multi_avg_fn

from policies import checkpoint
from policies.batches import passes
from policies.checks import check, check_shape
from policies.config import ModelConfig
from policies.data import Samples, TaskSampler, TrainError, corpus, held_out, prefetch, read_trajectories
from policies.images import ImageMode
from policies.initialise import with_additions, with_new_vision, with_vocabulary
from policies.lanes import Lanes
from policies.lora import adapt
from policies.model import WebAgentModel
from policies.options import TrainConfig
from policies.processor import Example, Processor
from policies.run import TOKENS, Log, Run
from policies.stepping import multiplies_bf16, without_denormals
from policies.teacher import Teacher
from policies.validate import browser_success, held_out_accuracy, held_out_rows

LOG_EVERY = 20
"""Steps from one line of the log to the next."""
PATIENCE = timedelta(hours=6)
"""How long devices wait for the main process, which alone reads the data and plays in the browser."""


@without_denormals()
def train(config: TrainConfig) -> Path:
    """Trains, and returns the folder of the last checkpoint.

    Raises:
        TrainError: if the settings, the data and the run's folder do not fit together, or the loss is lost.
        DatasetError: if the data cannot be read.
        CheckpointError: if the checkpoint to go on from is damaged.
    """
    accelerator = Accelerator(
        kwargs_handlers=[
            DistributedDataParallelKwargs(find_unused_parameters=True),
            InitProcessGroupKwargs(timeout=PATIENCE),
        ]
    )
    check(config, accelerator.num_processes)
    if config.threads:  # after accelerate, which sets them by the number of processes
        torch.set_num_threads(config.threads)
    device, rank, world = accelerator.device, accelerator.process_index, accelerator.num_processes
    config = replace(config, bf16=multiplies_bf16(device) if config.bf16 is None else config.bf16)
    main = accelerator.is_main_process

    table = read_trajectories(config.data)
    if unknown := sorted({*config.labelled} - {*table["task"].unique().to_pylist()}):
        raise TrainError(f"--labelled: no task {unknown[0]!r} in the data")
    run = Run(config, table)
    accelerator.wait_for_everyone()

    # A run begins by writing a checkpoint of step 0. From there on, beginning and resuming are the same.
    if main and not config.resume:
        torch.manual_seed(entropy(config.seed))  # what an earlier checkpoint lacks begins fresh
        if config.init:
            earlier, processor, _ = checkpoint.load(config.init, str(device))
            check_shape(config, earlier, processor)
            model = with_additions(earlier, config.sight > 0, config.trained)
            knows = bool(earlier.config.alike)
            if config.new_vision:
                model = with_new_vision(model)
            if config.trained == "all":
                knowing = replace(processor.config, case=True, outcomes=True, amounts=True)
                processor = Processor(knowing, processor.vocabulary)
            if config.new_vocabulary:
                before = processor.vocabulary
                processor = Processor.build(
                    replace(processor.config, tokenizer="", vocab_size=config.processor.vocab_size), corpus(table)
                )
                model = with_vocabulary(model, before.spells(processor.vocabulary))
        else:
            tokenizer, knows = config.processor.tokenizer or config.t5 or "", False
            try:
                processor = Processor.build(replace(config.processor, tokenizer=tokenizer), corpus(table))
                model = new_model(config, processor)
            except (OSError, ValueError, RuntimeError) as error:  # transformers and timm have no type of their own
                if parts := [part for part in (tokenizer, config.vit) if part]:
                    raise TrainError(f"{' or '.join(parts)} cannot be loaded: {error}") from error
                raise
        if model.config.match and model.config.alike and not knows:
            samples = Samples.encode(table, processor, config.jobs, quiet=False, cache=config.out / TOKENS)
            rows = np.flatnonzero(~held_out(table) & (samples.lengths > 0))
            model.alike.begin((samples.tasks[row], cast(Example, samples.examples[row])) for row in rows)
        torch.manual_seed(entropy(config.seed))
        adapt(model, config.lora, config.vit_training, config.trained)
        run.save(model, model, new_optimizer(model, config), processor)
    accelerator.wait_for_everyone()
    average, processor = run.restore(device)
    adapt(average, config.lora, config.vit_training, config.trained)
    model = copy.deepcopy(average).train()
    optimizer = new_optimizer(model, config)
    run.restore_training(model, average, optimizer)
    network = accelerator.prepare_model(model)
    threads = torch.get_num_threads()
    lanes = Lanes(model, threads) if world == 1 and Lanes.suit(model, device, threads) else None

    with accelerator.main_process_first():
        data = Samples.encode(
            table, processor, config.jobs, quiet=not main, image=config.image, cache=config.out / TOKENS
        )
    apart = held_out(table)
    usable = data.lengths > 0
    tests = held_out_rows(data, np.flatnonzero(apart & usable), config.eval_episodes)
    teacher = Teacher.load(config.teacher, config.believed, processor, str(device)) if config.teacher else None
    sampler = TaskSampler(data.tasks, np.flatnonzero(~apart & usable), config.seed, run.sampler, config.shares)

    def make(item: tuple[int, np.ndarray]) -> list[list[dict[str, torch.Tensor]]]:
        step, rows = item
        noise, rows = np.random.default_rng((config.seed, step, rank)), rows[rank::world]
        cuts = passes(data.lengths[rows], config.micro_tokens, config.padding, threads if lanes else 1)
        pictures, chances = with_pictures(config, step), {"forgets": config.history_dropout, "borrows": config.borrowed}

        def block(rows: np.ndarray) -> dict[str, torch.Tensor]:
            taught = torch.from_numpy(~np.isin(data.tasks[rows], config.labelled))
            return data.collate(rows, pictures, noise, **chances) | ({"taught": taught} if config.teacher else {})

        return [[block(rows[b]) for b in blocks] for blocks in cuts]

    def losses(blocks: list[dict[str, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
        blocks = [{name: tensor.to(device, non_blocking=True) for name, tensor in block.items()} for block in blocks]
        with torch.autocast(device.type, torch.bfloat16, enabled=bool(config.bf16)):
            output = network(*blocks, spread=teacher is not None)
            loss = (teacher.lost(output, blocks) if teacher else output.per_sample_loss).sum()
        figures = torch.stack([loss.detach(), output.correct.sum()])
        if output.sight is not None:
            loss = loss + config.sight * output.sight.sum()
        return loss * world / config.batch_size, figures  # devices average; the step needs their sum

    image: ImageMode = config.image if config.image_dropout < 1 else "none"

    def evaluate() -> None:
        mine = tests[rank::world]
        groups = [[mine[block] for block in blocks]
                  for blocks in passes(data.lengths[mine], config.micro_tokens, config.padding)]  # fmt: skip
        run.held_out = held_out_accuracy(average, data, tests, groups, accelerator, bool(config.bf16), image)
        errors = {task: 1 - result["episodes"] for task, result in run.held_out.items()}
        sampler.reweigh(errors, Counter(data.tasks[np.unique(data.starts[tests])].tolist()))

    if config.init and not run.step:
        evaluate()  # what the earlier stage has learnt already needs few samples
    # The head of offsets has the longest gradients by far; clipped together, they would shorten all others.
    heads = {name: name.startswith("offset_head.") for name, _ in model.named_parameters()}
    clipped = [[model.get_parameter(name) for name in heads if heads[name] == its] for its in (False, True)]
    begun, end = run.step, min(config.stop_at or config.steps, config.steps)
    sums, samples, tokens, ticked, saved = torch.zeros(2, device=device), 0, 0, time.monotonic(), time.monotonic()
    with Log(config.out, run.step, config.steps) if main else nullcontext() as log:
        while run.step < end:
            # What a leg, from evaluation to evaluation, draws is settled at its start; resumed, it skips what is done.
            leg = range(run.leg, min(run.leg + config.eval_every, config.steps))
            run.sampler = copy.deepcopy(sampler.state)
            drawn = [(step, sampler.draw(step, config.batch_size)) for step in leg]
            plan = drawn[run.step - leg.start : end - leg.start]
            for (step, rows), work in zip(plan, prefetch(make, plan, config.loaders), strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = group["initial_lr"] * schedule(step, config)
                torch.manual_seed(entropy(config.seed, step, rank))
                if lanes:
                    sums += lanes.backward(losses, work[::-1])  # the longest first
                else:
                    for number, blocks in enumerate(work, 1):
                        # Gradients travel between devices once a step, with the last pass.
                        with nullcontext() if number == len(work) else accelerator.no_sync(network):
                            loss, figures = losses(blocks)
                            if loss.requires_grad:  # not where the ViT alone is trained, and nothing is shown
                                loss.backward()
                        sums += figures
                norm, _ = (torch.nn.utils.clip_grad_norm_(part, config.clip) for part in clipped)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                with torch.no_grad():  # the average follows quickly at first, when the weights are far from good
                    decay = min(config.ema, (1 + step) / (10 + step))
                    get_ema_multi_avg_fn(decay)([*average.parameters()], [*model.parameters()], 0)

                run.step = step + 1
                samples, tokens = samples + len(rows), tokens + int(data.lengths[rows].sum())
                if run.step % LOG_EVERY == 0 or run.step == end:
                    loss_mean, accuracy = (cast(torch.Tensor, accelerator.reduce(sums)) / samples).tolist()
                    if not math.isfinite(loss_mean):
                        raise TrainError(f"the loss is {loss_mean} at step {run.step}: lower --lr, or --bf16 False")
                    seconds = time.monotonic() - ticked
                    run.seconds += seconds
                    if log:
                        log.write(run.step, {
                            "loss": loss_mean, "action_accuracy": accuracy, "gradient_norm": float(norm),
                            "lr": config.lr * schedule(step, config), "samples_per_s": samples / seconds,
                            "tokens_per_s": tokens / seconds,
                        })  # fmt: skip
                    sums, samples, tokens, ticked = torch.zeros_like(sums), 0, 0, time.monotonic()
                    if main and run.step < leg.stop and time.monotonic() - saved > 60 * config.save_minutes:
                        run.save(model, average, optimizer, processor)
                        saved = time.monotonic()

            if run.step == leg.stop:
                evaluate()
                run.leg, run.sampler = leg.stop, sampler.state
                if main and run.step < end and time.monotonic() - saved > 60 * config.save_minutes:
                    run.save(model, average, optimizer, processor)
                    saved = time.monotonic()
                if log:
                    log.write_tasks(run.step, "held_out", run.held_out)
                    if config.browser_episodes:
                        played = browser_success(average, processor, sampler.tasks, config.browser_episodes, image)
                        log.write_tasks(run.step, "browser", played)
                ticked = time.monotonic()
    if main and run.step > begun:
        run.save(model, average, optimizer, processor)
    accelerator.wait_for_everyone()
    return checkpoint.locate(config.out)


def new_model(config: TrainConfig, processor: Processor) -> WebAgentModel:
    """The network at the start, from pretrained parts where some are given."""
    torch.manual_seed(entropy(config.seed))
    shape = {name: getattr(processor.config, name) for name in ("frames", "height", "width", "copy", "match")}
    shape |= {"mimetic": config.mimetic, "image_tokens": config.image_tokens, "sight": config.sight > 0}
    if config.t5 or config.vit:
        return WebAgentModel.from_pretrained_parts(
            config.t5 or "", config.vit or "", config.size, processor.vocab_size, **shape
        )
    return WebAgentModel(ModelConfig.size(config.size, vocab_size=processor.vocab_size, **shape))


def new_optimizer(model: WebAgentModel, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW with its moments in place, so that there is something to restore into."""
    optimizer = torch.optim.AdamW(
        model.parameter_groups(config.lr, config.weight_decay), lr=config.lr, betas=(0.9, 0.98), fused=True
    )
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
        for parameter in group["params"]:
            optimizer.state[parameter] = {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            }
    return optimizer


def with_pictures(config: TrainConfig, step: int) -> bool:
    """Whether a step has screenshots: all of it or none, so that no core and no device waits for another's."""
    return bool(np.random.default_rng((config.seed, step)).random() >= config.image_dropout)


def schedule(step: int, config: TrainConfig) -> float:
    """The learning rate of a step as a share of the highest: a linear rise, then half a cosine down to zero."""
    warmup = config.warmup * config.steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 + 0.5 * math.cos(math.pi * (step - warmup) / max(config.steps - warmup, 1))


def entropy(*numbers: int) -> int:
    """A seed for torch that mixes all the numbers; torch's own would make neighbours alike."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
