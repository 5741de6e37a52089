"""The network: transformers' T5 in its Flan shape, timm's ViT in front of it, and additions that can be switched off.

The patch tokens of the last screenshots, or a token for each whole screenshot, or both, go through a linear layer into
the encoder's input sequence, before the text, with an embedding of which frame they are of (local and temporal tokens
in WebGUM, arXiv 2305.11854, section 4.1). With the image off and every
addition off, this is transformers' ``T5ForConditionalGeneration``, number by number but for the last bits.

Additions:
    copy       a pointer head over the encoder's positions (Vinyals et al. 2015), next to the vocabulary's logits
    match      embeddings of the match features of ``policies.matching``
    alike      the same for words that are alike, by vectors that are learnt: ``policies.alike``
    measures   boxes and numbers as quantities: ``policies.measures``
    calculator numbers that are worked out from others: ``policies.calculator``
    sight      in training the picture alone, too, has to tell the element: ``policies.sight``
    mimetic    attention that begins by looking for its like, or at its neighbours (Trockman and Kolter 2023)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import timm
import torch
from torch import Tensor, nn
from transformers import T5Config, T5ForConditionalGeneration
from transformers.activations import NewGELUActivation
from transformers.models.t5.modeling_t5 import T5LayerNorm

from policies.alike import Alike
from policies.config import ModelConfig
from policies.initialise import initialise
from policies.measures import OFFSETS, Measures, OffsetHead
from policies.outputs import Encoded, Output, Spread
from policies.pointing import Pointing, pointing
from policies.reading import TorchReading
from policies.sight import Sight
from policies.stepping import RMSNorm, autocast_type, run_decoder, run_encoder
from policies.steps import NEVER, Kind
from policies.vision import PatchProjection, in_places, vit_size, vit_source

FAST = ("relative_attention_bias.weight", "shared.weight", "meaning.weight", "measures.project.weight")
"""Weights that learn at ten times the rate of the others; the reasons are at ``parameter_groups``."""


class WebAgentModel(nn.Module):
    """A Flan-shaped T5 with a ViT.

    Args:
        config: what it is made of. The weights are fresh; ``from_pretrained_parts`` loads some.
    """

    vit: Any  # timm types its models as Module, without what a ViT has
    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.t5 = build_t5(config.t5)
        width = self.t5.config.d_model
        if config.vit:
            self.grid = vit_size(config)
            self.vit = timm.create_model(
                config.vit, pretrained=False, num_classes=0, img_size=self.grid, **config.vit_args
            )
            if config.image_tokens == "temporal" and not self.vit.num_prefix_tokens:
                raise ValueError(f"{config.vit} has no class token, the one that 'temporal' takes: choose 'local'")
            self.vit.patch_embed.proj = PatchProjection(self.vit.patch_embed.proj)
            self.image_in = nn.Linear(self.vit.num_features, width)
            self.frame_embedding = nn.Embedding(config.frames, width)
            self.sight = Sight(width) if config.sight and config.copy else None
            mean, std = torch.tensor(config.pixel_mean), torch.tensor(config.pixel_std)
            self.register_buffer("pixel_mean", 255 * mean.view(1, 3, 1, 1), persistent=False)
            self.register_buffer("pixel_std", 255 * std.view(1, 3, 1, 1), persistent=False)
        if config.match:
            self.feature_embedding = nn.Linear(config.features, width, bias=False)
            if config.alike:
                self.alike = Alike(self.t5.config.vocab_size, config.alike, width)
            if config.measures:
                self.measures = Measures(width)
        if config.copy:
            self.offset_head = OffsetHead(width, config.calculator)
            self.point_query = nn.Linear(width, 2 * width, bias=False)
            self.point_key: Any = nn.Linear(width, 2 * width, bias=False)  # or None, where it only decides
            self.pointed_in = nn.Linear(width, width, bias=False)
            self.follow = nn.Parameter(torch.tensor(2.0))
        initialise(self)

    @classmethod
    def from_pretrained_parts(cls, t5: str = "", vit: str = "", size: str = "mini", vocab_size: int = 0,
                              **changes: Any) -> WebAgentModel:  # fmt: skip
        """Loads published weights.

        Args:
            t5: name or folder of a T5, such as ``google/flan-t5-base``; empty: one of ``size``, from scratch.
            vit: timm's name or a folder of a ViT, such as ``vit_base_patch16_224``; empty: as in ``size``.
            size: of the table ``SIZES``.
            vocab_size: the processor's; needed where ``t5`` is empty.
            **changes: fields of ``ModelConfig``.
        """
        values: dict[str, Any] = {}
        source = T5ForConditionalGeneration.from_pretrained(t5) if t5 else None
        if source is not None:
            values["t5"] = t5_arguments(source)
            vocab_size, changes["mimetic"] = source.config.vocab_size, False  # it has begun already
        patches = None
        if vit:
            name, arguments = vit_source(vit)
            grid = vit_size(ModelConfig.size(size, vocab_size=1, **(changes | {"vit": name, "vit_args": arguments})))
            patches = timm.create_model(name, pretrained=True, num_classes=0, img_size=grid)
            cfg: Any = patches.pretrained_cfg
            values |= {"vit": cfg["architecture"], "vit_args": arguments,
                       "pixel_mean": tuple(cfg["mean"]), "pixel_std": tuple(cfg["std"])}  # fmt: skip
        model = cls(ModelConfig.size(size, vocab_size=vocab_size, **(values | changes)))
        if source is not None:
            model.t5.load_state_dict(source.state_dict())
        if patches is not None:
            model.vit.load_state_dict(patches.state_dict())
        return model

    def forward(self, *blocks: dict[str, Tensor], spread: bool = False) -> Output:
        """The loss of examples with actions.

        Args:
            *blocks: what ``Processor.collate`` made of some of the examples each. Those of a block are padded to its
                longest; the more alike they are in length, the less is wasted.
            spread: whether the whole distributions are wanted, too.

        Returns:
            Of all examples, block after block.
        """
        products = autocast_type(self.device)
        # On a CPU the encoder's layers alone gain by products in bfloat16; what else is multiplied is small.
        with torch.autocast("cpu", enabled=False):
            return self._output(blocks, spread, products)

    def _output(self, blocks: Sequence[dict[str, Tensor]], spread: bool, products: torch.dtype | None) -> Output:
        inputs = self.embed(*blocks)
        sight = self._sight(inputs, blocks)
        encoded = self._encoded(inputs, blocks, products)
        first = [block["positions"][:, :-1, 0] for block in blocks]
        inputs = self.decoder_inputs(encoded, [block["tokens"][:, :-1] for block in blocks], first)
        real = [block["kinds"] >= 0 for block in blocks]
        states, masks = [there.hidden for there in encoded], [there.mask for there in encoded]
        hidden = run_decoder(self.t5, inputs, real, states, masks, products)
        kinds, allowed, tokens = (torch.cat([block[name][steps] for block, steps in zip(blocks, real, strict=True)])
                                  for name in ("kinds", "allowed", "tokens"))  # fmt: skip
        said = torch.cat([rows[steps] for rows, steps in zip(hidden, real, strict=True)])
        logits = self.vocabulary_scores(said, blocks[0], kinds, allowed)
        total, picked, most, best = _chosen(logits, tokens.clamp(min=0, max=logits.shape[-1] - 1))
        right = best == tokens
        choices, offsets = list(logits.split([int(steps.sum()) for steps in real])), logits[:0]
        at = (kinds == Kind.OFFSET).nonzero()[:, 0]
        if self.config.copy:
            # All places that hold the right word count: which of them is pointed at makes no difference.
            pointed = [self._pointed(*parts) for parts in zip(hidden, encoded, blocks, real, strict=True)]
            places, *pointed = zip(*pointed, strict=True)
            among, at_right, most_among, best_is_right, offsets = (torch.cat(part) for part in pointed)
            choices = [torch.cat(both, -1) for both in zip(choices, places, strict=True)] if spread else []
            total = torch.logaddexp(total, among)
            picked = torch.where(tokens >= 0, picked, at_right)
            right = torch.where(most >= most_among, right, best_is_right)
            wanted = tokens[at] - OFFSETS
            whole, part, _, best = _chosen(offsets, wanted)
            total, picked = total.index_copy(0, at, whole), picked.index_copy(0, at, part)
            right = right.index_copy(0, at, best == wanted)
        row = torch.cat([steps.sum(1) for steps in real])
        row = torch.arange(len(row), device=row.device).repeat_interleave(row)
        count = sum(len(steps) for steps in real)
        per_sample = total.new_zeros(count).index_add(0, row, total - picked)
        wrong = torch.zeros(count, device=row.device).index_add(0, row, (~right).float())
        if not spread:
            return Output(per_sample.mean(), per_sample, wrong == 0, sight)
        likely = [scores.float().log_softmax(-1) for scores in (*choices, offsets)]
        return Output(per_sample.mean(), per_sample, wrong == 0, sight, Spread(likely[:-1], likely[-1], at, row))

    def _pointed(self, hidden: Tensor, encoded: Encoded, block: dict[str, Tensor],
                 real: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """Of each real step of a block: the logits of all places; logsumexp over all of them and over the right ones;
        the best place's logit, and whether that place is right. Of each that decides an offset, all offsets' logits."""
        positions = block["positions"]
        before = nn.functional.pad(positions[:, :-1, 0], (1, 0), value=-1)
        at = pointing(block, block["kinds"], block["allowed"], before)
        places = self.place_scores(hidden, encoded.text, at)[real]
        positions = positions[real]
        at_right = places.gather(-1, positions.clamp(min=0)).masked_fill(positions < 0, NEVER)
        most, best = places.max(-1)
        row, step = (block["kinds"] == Kind.OFFSET).nonzero(as_tuple=True)
        codes = block["allowed"][row, step]
        offsets = self.offset_head(hidden[row, step], encoded.text[row], block["measured"][row], codes)
        best_is_right = (best[:, None] == positions).any(-1)
        return places, places.logsumexp(-1), at_right.logsumexp(-1), most, best_is_right, offsets

    @property
    def device(self) -> torch.device:
        return self.t5.device

    def read(self, batch: dict[str, Tensor]) -> TorchReading:
        """Reads examples without an action; the network should be in evaluation mode."""
        return TorchReading(self, batch)

    def encode(self, *blocks: dict[str, Tensor]) -> list[Encoded]:
        """Runs the ViT, where a block has frames, and the encoder."""
        return self._encoded(self.embed(*blocks), blocks, autocast_type(self.device))

    def _encoded(self, embedded: Sequence[tuple[Tensor, Tensor]], blocks: Sequence[dict[str, Tensor]],
                 products: torch.dtype | None) -> list[Encoded]:  # fmt: skip
        inputs, masks = zip(*embedded, strict=True)
        found = []
        for block, hidden, mask in zip(blocks, run_encoder(self.t5, inputs, masks, products), masks, strict=True):
            text = hidden[:, -block["input_ids"].shape[1] :]
            found.append(Encoded(hidden, mask, text))
        return found

    def _sight(self, embedded: Sequence[tuple[Tensor, Tensor]], blocks: Sequence[dict[str, Tensor]]) -> Tensor | None:
        """What the picture alone loses, of all examples, block after block."""
        if not self.config.vit or self.sight is None:
            return None
        lost = []
        for (inputs, mask), block in zip(embedded, blocks, strict=True):
            before = inputs.shape[1] - block["input_ids"].shape[1]
            if before:
                pictures, shown = inputs[:, before - self._frame_tokens : before], mask[:, before - 1].bool()
            else:
                pictures, shown = inputs.new_zeros(len(inputs), 1, inputs.shape[-1]), mask.new_zeros(len(mask)).bool()
            begun = block["positions"][:, 0].masked_fill(block["kinds"][:, :1] != Kind.START, -1)
            text = self.t5.shared(block["input_ids"]).detach()
            lost.append(self.sight(pictures, shown, text, block["words"], block["verbs"], begun))
        return torch.cat(lost)

    def embed(self, *blocks: dict[str, Tensor]) -> list[tuple[Tensor, Tensor]]:
        """The encoder's input, float [B, S, d_model], images before text, and its mask, bool [B, S], of each block."""
        found = []
        for block, inputs in zip(blocks, self.embed_text(*blocks), strict=True):
            mask = block["attention_mask"]
            if self.config.vit and "frames" in block:
                tokens = self.see(block["frames"], block["frame_index"] % self.config.frames)
                pictures, shown = in_places(tokens, block["frame_index"], len(inputs), self.config.frames)
                inputs, mask = torch.cat([pictures.to(inputs.dtype), inputs], 1), torch.cat([shown, mask], 1)
            found.append((inputs, mask))
        return found

    def embed_text(self, *blocks: dict[str, Tensor]) -> list[Tensor]:
        """The text's part of the encoder's input, float [B, L, d_model] of each block."""
        shapes = [(block["input_ids"].shape[0], block["input_ids"].shape[1]) for block in blocks]
        packed = self.t5.shared(_packed([block["input_ids"] for block in blocks]))
        if self.config.match:
            features = _packed([block["features"] for block in blocks])[:, : self.config.features]
            packed = packed + self.feature_embedding(features.to(packed.dtype))
        if self.config.match and self.config.measures:
            packed = self.measures(packed, _packed([block["measured"] for block in blocks]))
        found = _unpacked(packed, shapes)
        if self.config.match and self.config.alike:
            found = [
                inputs + self.alike(block["input_ids"], block["features"][..., : self.config.features],
                                    block["words"], block["verbs"] != 0, block["asked"])
                for block, inputs in zip(blocks, found, strict=True)
            ]  # fmt: skip
        return found

    def see(self, frames: Tensor, which: Tensor) -> Tensor:
        """Image tokens of N screenshots.

        Args:
            frames: uint8 [N, H, W, 3].
            which: int64 [N], the number of each among the last ones, the latest the highest.

        Returns:
            float [N, tokens, d_model].
        """
        pixels = frames.permute(0, 3, 1, 2).to(self.image_in.weight.dtype)
        pixels = (pixels - self.pixel_mean) / self.pixel_std
        height, width = pixels.shape[-2:]
        pixels = nn.functional.pad(pixels, (0, self.grid[1] - width, 0, self.grid[0] - height))
        return self.image_tokens(self.vit.forward_features(pixels), which)

    def image_tokens(self, patches: Tensor, which: Tensor) -> Tensor:
        """What the T5 gets of what the ViT sees: float [N, tokens of the ViT, width] -> float [N, tokens, d_model]."""
        first = self.vit.num_prefix_tokens  # class token first
        of_kind = {"local": slice(first, None), "temporal": slice(1), "both": slice(None)}[self.config.image_tokens]
        return self.image_in(patches[:, of_kind]) + self.frame_embedding(which)[:, None]

    def decoder_inputs(self, encoded: Sequence[Encoded], tokens: Sequence[Tensor],
                       places: Sequence[Tensor]) -> list[Tensor]:  # fmt: skip
        """What the decoder sees of the steps so far, the start token before them.

        Args:
            encoded: what was encoded, block by block.
            tokens: int64 [B, T] each, the token of each step, an offset's too, or -1.
            places: int64 [B, T] each, the place that each step points at, or -1.

        Returns:
            float [B, T + 1, d_model] each.
        """
        start = self.t5.config.decoder_start_token_id
        ids = [nn.functional.pad(block.clamp(min=0), (1, 0), value=start) for block in tokens]
        packed = _packed(ids)
        offsets = (packed >= OFFSETS).nonzero()[:, 0]
        inputs = self.t5.shared(torch.where(packed < OFFSETS, packed, start))
        if (self.config.copy and self.training) or len(offsets):  # on several devices no parameter may stay unused
            inputs = inputs.index_copy(0, offsets, self.offset_head.embed(packed[offsets]).to(inputs.dtype))
        inputs = _unpacked(inputs, [(len(block), block.shape[1]) for block in ids])
        if not self.config.copy or not any(block.shape[1] for block in places):
            return inputs
        pointed = self.pointed_in(_packed([_take(there.text, at) for there, at in zip(encoded, places, strict=True)]))
        pointed = _unpacked(pointed, [(len(block), block.shape[1]) for block in places])
        return [
            torch.cat([own[:, :1], torch.where(at[..., None] >= 0, there.to(own.dtype), own[:, 1:])], 1)
            for own, there, at in zip(inputs, pointed, places, strict=True)
        ]

    def vocabulary_scores(self, hidden: Tensor, batch: dict[str, Tensor], kinds: Tensor,
                          allowed: Tensor) -> Tensor:  # fmt: skip
        """Logits of every token; with copying ``NEVER`` where a step cannot take it.

        Args:
            hidden: float [..., d_model], the decoder's.
            batch: as ``Processor.collate`` gives it.
            kinds: int64 [...], what each step decides.
            allowed: int64 [...], bits of the verbs that fit.

        Returns:
            float32 [..., vocabulary of the processor], without copying [..., vocabulary of the T5].
        """
        logits = self.logits(hidden).float()
        if not self.config.copy:
            return logits
        may = batch["vocabulary_masks"][kinds]
        logits = logits[..., : may.shape[-1]]  # a T5 has more rows than its tokenizer has tokens
        bits = (allowed[..., None] >> torch.arange(len(batch["verb_ids"]), device=allowed.device)) & 1
        fits = torch.ones_like(may).index_copy(-1, batch["verb_ids"], bits.bool())
        return logits.masked_fill(~(may & (fits | (kinds != Kind.VERB)[..., None])), NEVER)

    def fold_pointers(self) -> None:
        """Makes a network that only decides from now on, in which what a step asks for is compared with the text
        itself."""
        if self.config.copy:
            query, key = (layer.weight.double().unflatten(0, (2, -1)) for layer in (self.point_query, self.point_key))
            folded = key.transpose(1, 2) @ query
            self.point_query.weight = nn.Parameter(folded.flatten(0, 1).to(self.point_key.weight.dtype))
            self.point_key = None

    def place_scores(self, hidden: Tensor, text: Tensor, at: Pointing) -> Tensor:
        """Logits of every place; ``NEVER`` where a step cannot point.

        Args:
            hidden: float [B, T, d_model], the decoder's.
            text: float [B, L, d_model], as in ``Encoded``.
            at: where the steps can point.

        Returns:
            float32 [B, T, L].
        """
        width = hidden.shape[-1]
        asked = self.point_query(hidden).split(width, -1)  # for elements, and for words
        if self.point_key is not None:  # steps are fewer than places: better to take them through its weights
            asked = [query @ key for query, key in zip(asked, self.point_key.weight.split(width), strict=True)]
        element, word = ((query @ text.transpose(1, 2)).float() * width**-0.5 for query in asked)
        follows = (torch.arange(text.shape[1], device=text.device) == at.after[..., None]) & (at.after > 0)[..., None]
        places = torch.where(at.element[..., None], element, word + self.follow * follows)
        return torch.where(at.open, places, NEVER)

    def logits(self, hidden: Tensor, among: Tensor | None = None) -> Tensor:
        """The vocabulary's logits, as transformers' T5 computes them; if given, of the few tokens ``among`` it."""
        if scales_outputs(self.t5.config):
            hidden = hidden * self.t5.config.d_model**-0.5
        head = self.t5.lm_head
        return head(hidden) if among is None else hidden @ head.weight.index_select(0, among).T

    def parameter_groups(self, lr: float, weight_decay: float = 0.01) -> list[dict[str, Any]]:
        """Groups for AdamW, each with its own ``lr``; a schedule scales them.

        T5 has no 1/sqrt(d_kv) in its attention and so has it in the weights of q. Adam's steps do not shrink with the
        weights: q gets a rate smaller by as much, which equals the usual attention at the usual rate. What a word means
        is in its embedding, of size 1 where other weights have 1/sqrt(d_model), and changes only when the word occurs:
        embeddings get ten times the rate; so do the relative bias and what is measured, which begin far from their end.
        """
        scale = self.t5.config.d_kv**-0.5
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        for name, parameter in self.named_parameters():
            if not parameter.requires_grad:
                continue
            rate = lr
            if name.endswith(FAST):
                rate = 10 * lr
            elif "Attention.q." in name:
                rate = scale * lr
            decay = (
                weight_decay
                if parameter.ndim > 1 and not any(part in name for part in ("bias", "embed", "shared", "meaning"))
                else 0.0
            )
            groups.setdefault((rate, decay), []).append(parameter)
        return [{"params": p, "lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()]

    @property
    def _frame_tokens(self) -> int:
        """Image tokens of one screenshot."""
        patches, first = self.vit.patch_embed.num_patches, self.vit.num_prefix_tokens
        return {"local": patches, "temporal": 1, "both": first + patches}[self.config.image_tokens]


def build_t5(arguments: dict[str, Any]) -> T5ForConditionalGeneration:
    """A T5 with fresh weights.

    transformers 5 ties the output head to the embeddings whatever ``tie_word_embeddings`` says, and only leaves the
    scaling out where it is False; a Flan-T5's head is a matrix of its own, so it is untied here. Attention is computed
    step by step: torch's fused one has no path for a bias that learns, and its fallback takes a quarter longer on CPU.
    """
    t5 = T5ForConditionalGeneration(T5Config(**arguments))
    t5.set_attn_implementation("eager")
    if arguments.get("tie_word_embeddings") is False:
        t5.config.tie_word_embeddings = False
        t5.lm_head.weight = nn.Parameter(torch.empty_like(t5.lm_head.weight))
        nn.init.normal_(t5.lm_head.weight, std=t5.config.d_model**-0.5)
    # The same numbers from one operation of torch each, where transformers takes six.
    for module in [*t5.encoder.modules(), *t5.decoder.modules()]:
        for name, part in module.named_children():
            if isinstance(part, T5LayerNorm):
                setattr(module, name, RMSNorm(len(part.weight), part.variance_epsilon))
            elif isinstance(part, NewGELUActivation):
                setattr(module, name, nn.GELU("tanh"))
    return t5


def scales_outputs(config: T5Config) -> bool:
    """Whether the head's input is scaled. In transformers 4, which has no word for it, that of a tied head is."""
    return getattr(config, "scale_decoder_outputs", config.tie_word_embeddings)


def t5_arguments(t5: T5ForConditionalGeneration) -> dict[str, Any]:
    """The arguments by which ``build_t5`` makes another one of the same shape."""
    names = ("vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_decoder_layers", "num_heads",
             "relative_attention_num_buckets", "relative_attention_max_distance", "dropout_rate", "layer_norm_epsilon",
             "feed_forward_proj", "decoder_start_token_id", "pad_token_id", "eos_token_id")  # fmt: skip
    arguments = {name: getattr(t5.config, name) for name in names}
    untied = t5.lm_head.weight.data_ptr() != t5.shared.weight.data_ptr()
    return arguments | {"tie_word_embeddings": not (untied or not scales_outputs(t5.config))}


def _chosen(logits: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each row of logits: logsumexp of all, the one of its token, the highest, and whose that is."""
    most, best = logits.max(-1)
    return logits.logsumexp(-1), logits.gather(-1, tokens[:, None])[:, 0], most, best


def _packed(blocks: Sequence[Tensor]) -> Tensor:
    """[B, L, ...] each -> [sum of B L, ...]."""
    return torch.cat([block.flatten(0, 1) for block in blocks])


def _unpacked(packed: Tensor, shapes: Sequence[tuple[int, int]]) -> list[Tensor]:
    """The reverse of ``_packed``, for the blocks' B and L."""
    parts = packed.split([rows * length for rows, length in shapes])
    return [part.unflatten(0, shape) for part, shape in zip(parts, shapes, strict=True)]


def _take(text: Tensor, places: Tensor) -> Tensor:
    """[B, L, d] at [B, T] -> [B, T, d]; a place of -1 takes the first."""
    return text.gather(1, places.clamp(min=0)[..., None].expand(-1, -1, text.shape[-1]))
