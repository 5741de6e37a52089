import copy
import json

import pytest
import timm
import torch
from transformers import T5Config, T5ForConditionalGeneration

from envs.action import Action
from policies.config import SIZES, ModelConfig, ProcessorConfig
from policies.decoding import decode
from policies.initialise import OF_TOKENS, with_vocabulary
from policies.model import WebAgentModel, build_t5
from policies.pointing import pointing
from policies.processor import Processor, history_item
from policies.stepping import run_encoder
from policies.vision import PixelPatches
from policies.vocabulary import Vocabulary
from tests.policies.pages import OWN, TABS, TINY, actions
from tests.policies.t5_folder import write_t5_tokenizer

VIT = {"patch_size": 32, "embed_dim": 24, "depth": 1, "num_heads": 2}


def tiny(**changes) -> WebAgentModel:
    torch.manual_seed(0)
    config = ModelConfig.size("mini", vocab_size=OWN.size)
    values = config.to_dict() | {"t5": config.t5 | TINY, "vit_args": VIT} | changes
    return WebAgentModel(ModelConfig.from_dict(values))


def batch(processor: Processor, frames: bool = True, every: int = 1) -> dict[str, torch.Tensor]:
    frame = torch.arange(210 * 160 * 3, dtype=torch.int32).remainder(251).to(torch.uint8).view(210, 160, 3).numpy()
    pictures = [frame, 255 - frame] if frames else []
    examples = [
        processor.encode(page, [history_item(page, action)], pictures, action) for page, action in actions()[::every]
    ]
    return processor.collate(examples)


@pytest.mark.parametrize("untied", [True, False])
def test_with_everything_off_it_is_transformers_t5(untied):
    """Encoder outputs and decoder logits, number by number, but for the last bits."""
    processor = Processor(ProcessorConfig(copy=False, match=False), OWN)
    arguments = ModelConfig.size("mini", vocab_size=OWN.size).t5 | TINY | {"tie_word_embeddings": not untied}
    model = tiny(t5=arguments, copy=False, match=False, mimetic=False).eval()
    reference = T5ForConditionalGeneration(T5Config(**arguments)).eval()
    reference.set_attn_implementation("eager")
    for name, parameter in reference.named_parameters():
        parameter.data.copy_(model.t5.get_parameter(name))
    inputs = batch(processor, frames=False)
    (encoded,) = model.encode(inputs)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    expected = reference.encoder(ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(encoded.hidden, expected, rtol=0, atol=2e-6)
    with torch.inference_mode():
        torch.testing.assert_close(model.encode(inputs)[0].hidden, expected, rtol=0, atol=2e-6)

    labels = inputs["tokens"].masked_fill(inputs["tokens"] < 0, 0)
    nothing = torch.full_like(labels, -1)
    (embedded,) = model.decoder_inputs([encoded], [inputs["tokens"][:, :-1]], [nothing[:, :-1]])
    hidden = model.t5.decoder(inputs_embeds=embedded, encoder_hidden_states=encoded.hidden,
                              encoder_attention_mask=mask).last_hidden_state  # fmt: skip
    logits = model.vocabulary_scores(hidden, inputs, inputs["kinds"], inputs["allowed"])
    if untied:
        # transformers ties the head of a T5 that is built from a configuration, so it is applied by hand.
        assert model.t5.lm_head.weight.data_ptr() != model.t5.shared.weight.data_ptr()
        outputs = reference.decoder(input_ids=reference._shift_right(labels), encoder_hidden_states=encoded.hidden,
                                    encoder_attention_mask=mask).last_hidden_state  # fmt: skip
        expected = outputs @ model.t5.lm_head.weight.T
    else:
        expected = reference(input_ids=ids, attention_mask=mask, labels=labels).logits
    torch.testing.assert_close(logits, expected, rtol=0, atol=4e-6)
    loss = torch.nn.functional.cross_entropy(expected.transpose(1, 2), labels, reduction="none")
    torch.testing.assert_close(model(inputs).per_sample_loss, (loss * (inputs["kinds"] >= 0)).sum(1))


@pytest.mark.parametrize("frames", [True, False])
def test_packed_blocks_have_the_losses_and_gradients_of_one_padded_batch_run_by_transformers(monkeypatch, frames):
    processor, model = Processor(ProcessorConfig(), OWN), tiny().eval()
    frame = torch.arange(210 * 160 * 3, dtype=torch.int32).remainder(251).to(torch.uint8).view(210, 160, 3).numpy()
    examples = [processor.encode(page, (), [frame] * frames, action) for page, action in actions()]
    examples.sort(key=len)
    blocks = [processor.collate(examples[start : start + 9]) for start in range(0, len(examples), 9)]
    packed = model(*blocks)
    found = torch.autograd.grad(packed.loss, [*model.parameters()], allow_unused=True)

    def encoder(t5, inputs, masks, _):
        return [t5.encoder(inputs_embeds=inputs[0], attention_mask=masks[0]).last_hidden_state]

    def decoder(t5, inputs, steps, encoded, masks, _):
        return [t5.decoder(inputs_embeds=inputs[0], encoder_hidden_states=encoded[0],
                           encoder_attention_mask=masks[0]).last_hidden_state]  # fmt: skip

    monkeypatch.setattr("policies.model.run_encoder", encoder)
    monkeypatch.setattr("policies.model.run_decoder", decoder)
    padded = model(processor.collate(examples))
    torch.testing.assert_close(packed.per_sample_loss, padded.per_sample_loss, rtol=1e-4, atol=1e-5)
    assert torch.equal(packed.correct, padded.correct)
    expected = torch.autograd.grad(padded.loss, [*model.parameters()], allow_unused=True)
    for (name, _), one, other in zip(model.named_parameters(), found, expected, strict=True):
        assert (one is None) == (other is None), name
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-5, msg=name)


def test_in_bfloat16_packed_blocks_have_about_the_losses_and_gradients_of_float32():
    """There blocks and their tokens are filled up to other lengths, which must not count."""
    processor, model = Processor(ProcessorConfig(), OWN), tiny().eval()
    examples = sorted((processor.encode(page, action=action) for page, action in actions()), key=len)
    weights = [weight for name, weight in model.named_parameters() if name.startswith("t5.")]

    def found(size, bf16):
        blocks = [processor.collate(examples[start : start + size]) for start in range(0, len(examples), size)]
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            output = model(*blocks)
        gradients = torch.autograd.grad(output.loss, weights, allow_unused=True)
        return output.per_sample_loss, torch.cat([g.flatten() for g in gradients if g is not None])

    exact, expected = found(9, False)
    for size in (9, len(examples)):
        losses, gradient = found(size, True)
        torch.testing.assert_close(losses, exact, rtol=0.02, atol=0.02)
        assert torch.cosine_similarity(gradient, expected, dim=0) > 0.999
        assert (gradient.norm() / expected.norm()).item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("length", [1, 7, 16, 17, 130])
def test_in_bfloat16_a_block_of_any_length_keeps_it(length):
    model = tiny().eval()
    inputs, mask = torch.randn(2, length, 32), torch.ones(2, length, dtype=torch.bool)
    ((exact,), (found,)) = (run_encoder(model.t5, [inputs], [mask], products) for products in (None, torch.bfloat16))
    torch.testing.assert_close(found, exact, rtol=0.05, atol=0.05)


def test_dropout_is_as_strong_as_in_transformers():
    """Both lose the same share on average; what is dropped is not the same."""
    model = tiny(t5=ModelConfig.size("mini", vocab_size=OWN.size).t5 | TINY | {"dropout_rate": 0.4}).train()
    inputs, mask = torch.randn(2, 9, 32), torch.ones(2, 9, dtype=torch.bool)
    torch.manual_seed(0)
    ours = torch.stack([run_encoder(model.t5, [inputs], [mask])[0] for _ in range(300)])
    theirs = torch.stack([model.t5.encoder(inputs_embeds=inputs, attention_mask=mask)[0] for _ in range(300)])
    assert (ours.std(0).mean() / theirs.std(0).mean()).item() == pytest.approx(1, abs=0.05)
    assert (ours == 0).float().mean().item() == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize(
    "changes",
    [{}, {"copy": False}, {"match": False}, {"alike": 0}, {"measures": False}, {"mimetic": False}, {"vit": ""}],
    ids=str,
)
def test_every_switch_learns_and_uses_all_its_parameters(changes):
    switches = {name: value for name, value in changes.items() if name in ("copy", "match")}
    processor = Processor(ProcessorConfig(**switches), OWN)
    model = tiny(**changes)
    inputs = batch(processor, every=5)
    optimizer = torch.optim.AdamW(model.parameter_groups(3e-3), betas=(0.9, 0.98))
    begin = model(inputs).loss.item()
    for _ in range(25):
        loss = model(inputs).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < begin / 2
    assert [name for name, p in model.named_parameters() if p.grad is None] in ([], ["t5.lm_head.weight"])


def test_it_learns_all_actions_of_a_small_set():
    processor = Processor(ProcessorConfig(), OWN)
    # Of observations that occur with several actions, one is kept: none can tell the others apart.
    kept = {page["instruction"]: (page, action) for page, action in actions()}.values()
    inputs = processor.collate([processor.encode(page, action=action) for page, action in kept])
    model = tiny()
    optimizer = torch.optim.AdamW(model.parameter_groups(3e-3), betas=(0.9, 0.98))
    for _ in range(80):
        output = model(inputs)
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
    assert model(inputs).correct.all()


def test_the_image_matters_where_it_is_and_padding_does_not():
    processor = Processor(ProcessorConfig(), OWN)
    model = tiny().eval()
    inputs = batch(processor)
    shown, hidden = model(inputs).per_sample_loss, model(batch(processor, frames=False)).per_sample_loss
    assert not torch.isclose(shown, hidden).any()
    # One example without frames in a batch with frames is what it is alone; so is a short one among longer ones.
    few = [processor.encode(page, action=action) for page, action in actions()]
    frame = torch.zeros(210, 160, 3, dtype=torch.uint8).numpy()
    mixed = processor.collate([few[0], processor.encode(TABS, frames=[frame], action=Action("click", (3,)))])
    alone = processor.collate(few[:1])
    torch.testing.assert_close(model(mixed).per_sample_loss[:1], model(alone).per_sample_loss)


@pytest.mark.parametrize(("tokens", "count"), [("local", 35), ("temporal", 1), ("both", 36)])
def test_tokens_of_patches_and_of_whole_screenshots(tokens, count):
    model = tiny(image_tokens=tokens).eval()
    inputs = batch(Processor(ProcessorConfig(), OWN), every=9)
    (encoded,) = model.encode(inputs)
    assert encoded.hidden.shape[1] == 2 * count + inputs["input_ids"].shape[1]
    assert not torch.equal(encoded.text, model.encode({k: v for k, v in inputs.items() if k != "frames"})[0].text)
    with pytest.raises(ValueError, match="expected one of: local, temporal, both"):
        tiny(image_tokens="none")


def test_frames_are_told_apart():
    processor = Processor(ProcessorConfig(), OWN)
    model = tiny().eval()
    model.frame_embedding.weight.data.normal_()
    black, white = (torch.full((210, 160, 3), v, dtype=torch.uint8).numpy() for v in (0, 255))
    losses = [
        model(processor.collate([processor.encode(TABS, frames=frames, action=Action("click", (3,)))])).loss.item()
        for frames in ([black, white], [white, black], [None, white], [white])
    ]
    assert losses[0] != losses[1] and losses[2] != losses[0]
    assert losses[2] == losses[3]


def test_a_first_page_is_the_same_beside_one_with_two_screenshots_and_takes_less():
    processor = Processor(ProcessorConfig(), OWN)
    model = tiny().eval()
    frame = torch.zeros(210, 160, 3, dtype=torch.uint8).numpy()
    one, two = (processor.encode(TABS, frames=n * [frame], action=Action("click", (3,))) for n in (1, 2))
    alone, both = model.encode(processor.collate([one]), processor.collate([one, two]))
    torch.testing.assert_close(alone.text[0], both.text[0])
    assert both.hidden.shape[1] - alone.hidden.shape[1] == 35


def test_scores_leave_open_what_the_page_takes():
    processor = Processor(ProcessorConfig(), OWN)
    inputs = batch(processor)
    model = tiny().eval()
    (encoded,) = model.encode(inputs)
    hidden = torch.zeros(*inputs["kinds"].shape, 32)
    before = torch.full_like(inputs["kinds"], -1)
    at = pointing(inputs, inputs["kinds"], inputs["allowed"], before)
    scores = model.place_scores(hidden, encoded.text, at)
    starts = scores[:, 0] > -1e8
    assert torch.equal(starts, inputs["verbs"] != 0)


def test_groups_hold_every_parameter_once_and_scale_what_t5_does_not():
    model = tiny()
    groups = model.parameter_groups(1e-3, weight_decay=0.1)
    held = [id(p) for group in groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())
    rate = {id(p): group["lr"] for group in groups for p in group["params"]}
    attention = model.t5.encoder.block[0].layer[0].SelfAttention
    assert rate[id(attention.q.weight)] == pytest.approx(1e-3 / 8**0.5)
    assert rate[id(attention.relative_attention_bias.weight)] == pytest.approx(1e-2)
    assert rate[id(model.t5.shared.weight)] == pytest.approx(1e-2)
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert decay[id(model.t5.encoder.final_layer_norm.weight)] == 0 and decay[id(attention.q.weight)] == 0.1


def test_another_vocabulary_of_equal_size_begins_with_what_its_tokens_mean():
    model = tiny()
    turned = with_vocabulary(model, [[token] for token in reversed(range(OWN.size))])
    for name, weight in turned.named_parameters():
        learnt = model.get_parameter(name)
        assert torch.equal(weight, learnt.flip(0) if name in OF_TOKENS else learnt), name


def test_an_image_token_for_the_whole_needs_a_vit_that_has_one():
    with pytest.raises(ValueError, match="no class token"):
        tiny(
            vit="vit_base_patch16_siglip_224",
            image_tokens="temporal",
            vit_args={"embed_dim": 24, "depth": 1, "num_heads": 2},
        )


def test_config_survives_json_and_sizes_are_flan_t5s():
    for name in SIZES:
        config = ModelConfig.size(name, vocab_size=32128)
        assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(ValueError, match="expected one of: mini, small, base, xl"):
        ModelConfig.size("huge", vocab_size=10)
    with pytest.raises(ValueError, match="has no colour"):
        ModelConfig.from_dict({"colour": 1})
    with torch.device("meta"):
        count = {name: sum(p.numel() for p in build_t5(ModelConfig.size(name, vocab_size=32128).t5).parameters())
                 for name in ("small", "base")}  # fmt: skip
    assert count == {"small": 76_961_152, "base": 247_577_856}  # as published


@pytest.mark.parametrize("additions", [True, False])
def test_a_t5_with_more_rows_than_its_tokenizer_has_tokens(tmp_path, additions):
    """The published ones have 32128 rows for 32100 tokens."""
    processor = Processor(
        ProcessorConfig(copy=additions, match=additions), Vocabulary.from_pretrained(str(write_t5_tokenizer(tmp_path)))
    )
    arguments = ModelConfig.size("mini", vocab_size=processor.vocab_size + 28).t5 | TINY
    model = tiny(t5=arguments, copy=additions, match=additions)
    assert model(batch(processor)).loss.isfinite()
    decided = decode(model.eval(), processor, [processor.encode(page) for page, _ in actions()], beams=2)
    assert len(decided) == len(actions())


def test_pretrained_parts_load_by_folder_and_rebuild_from_the_config(tmp_path):
    torch.manual_seed(1)
    t5 = build_t5({**ModelConfig.size("mini", vocab_size=OWN.size).t5, **TINY})
    t5.save_pretrained(tmp_path / "t5")
    vit = timm.create_model("vit_tiny_patch16_224", pretrained=False, embed_dim=24, depth=1, num_heads=2)
    timm.models.save_for_hf(vit, tmp_path / "vit", model_args={"embed_dim": 24, "depth": 1, "num_heads": 2},
                            safe_serialization=True)  # fmt: skip
    model = WebAgentModel.from_pretrained_parts(t5=str(tmp_path / "t5"), vit=str(tmp_path / "vit"))
    for name, tensor in t5.state_dict().items():
        assert torch.equal(tensor, model.t5.state_dict()[name]), name
    assert torch.equal(model.vit.blocks[0].mlp.fc1.weight, vit.blocks[0].mlp.fc1.weight)
    assert model.vit.pos_embed.shape[1] == 1 + 14 * 10  # 210 x 160 in patches of 16, resampled
    processor = Processor(ProcessorConfig(), OWN)
    again = WebAgentModel(ModelConfig.from_dict(model.config.to_dict()))
    again.load_state_dict(copy.deepcopy(model.state_dict()))
    inputs = batch(processor)
    assert torch.equal(model.eval()(inputs).loss, again.eval()(inputs).loss)


@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
def test_pixels_as_they_come_give_the_patches_of_normalised_ones(bias):
    model = tiny(pixel_mean=(0.4, 0.5, 0.6), pixel_std=(0.2, 0.25, 0.3)).eval()
    embed = model.vit.patch_embed
    if not bias:
        embed.proj.bias = None
    frames, which = torch.randint(256, (2, 210, 160, 3), dtype=torch.uint8), torch.tensor([0, 1])
    wanted = model.see(frames, which)
    model.vit.patch_embed = PixelPatches(embed, model.grid, (210, 160), model.pixel_mean, model.pixel_std)
    found = model.image_tokens(model.vit.forward_features(frames), which)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
