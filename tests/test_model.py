"""The GPT against what the papers and torch say."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.config import ModelConfig
from tinygpt_tui.engine.training.model import GPT, Block, flops_per_token, rotate
from tinygpt_tui.engine.training.optim import FlatParameters
from tinygpt_tui.engine.vocabulary import VOCABULARY

from .bench.plain_loop import PlainGPT


def model_of(**choices: Any) -> GPT:
    small: dict[str, Any] = {"layers": 2, "heads": 2, "width": 16, "context": 12}
    return GPT(ModelConfig(**small | choices), torch.Generator().manual_seed(0))


choices = st.fixed_dictionaries(
    {
        "embeddings": st.sampled_from(["tied", "untied"]),
        "positions": st.sampled_from(["learned", "rotary"]),
        "norm": st.sampled_from(["layernorm", "rmsnorm"]),
        "activation": st.sampled_from(["gelu", "swiglu"]),
    }
)


@settings(max_examples=16, deadline=None)
@given(choices)
def test_an_untrained_model_is_as_good_as_chance(chosen: dict[str, str]) -> None:
    tokens_BT = torch.randint(VOCABULARY, (8, 12), generator=torch.Generator().manual_seed(1))
    logits_BTV = model_of(**chosen)(tokens_BT)
    loss = torch.nn.functional.cross_entropy(logits_BTV[:, :-1].flatten(0, 1), tokens_BT[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(259), abs=0.1)


@settings(max_examples=16, deadline=None)
@given(choices, st.integers(1, 11))
def test_no_position_sees_the_future(chosen: dict[str, str], position: int) -> None:
    model = model_of(**chosen, init_scale=20.0)
    tokens_BT = torch.arange(12)[None]
    changed_BT = tokens_BT.clone()
    changed_BT[0, position:] += 100
    before, after = model(tokens_BT), model(changed_BT)
    torch.testing.assert_close(before[:, :position], after[:, :position])
    assert not torch.allclose(before[:, position], after[:, position])


@settings(max_examples=32, deadline=None)
@given(choices, st.integers(1, 12), st.sampled_from([torch.float32, torch.bfloat16]))
def test_tokens_read_one_by_one_say_what_all_together_say(
    chosen: dict[str, str], first: int, precision: torch.dtype
) -> None:
    model = model_of(**chosen, init_scale=10.0)
    FlatParameters(model, precision)
    tokens_BT = torch.randint(VOCABULARY, (2, 12), generator=torch.Generator().manual_seed(2))
    tolerance = 1e-4 if precision == torch.float32 else 0.1
    with torch.no_grad():
        memories = model.memories(batch=2)
        together_BTV = model(tokens_BT)
        told = [model.read(tokens_BT[:, :first], memories)]
        told += [model.read(tokens_BT[:, place : place + 1], memories) for place in range(first, 12)]
    one_by_one_BTV = torch.stack(told, dim=1)
    torch.testing.assert_close(one_by_one_BTV, together_BTV[:, first - 1 :], rtol=tolerance, atol=tolerance)


def test_the_model_is_that_of_the_textbook() -> None:
    config = ModelConfig(layers=3, heads=2, width=16, context=12, init_scale=10.0)
    ours, theirs = GPT(config, torch.Generator().manual_seed(0)), PlainGPT(config)
    theirs.load_state_dict(ours.state_dict())
    tokens_BT = torch.randint(VOCABULARY, (4, 12), generator=torch.Generator().manual_seed(1))
    mine, yours = ours(tokens_BT), theirs(tokens_BT)
    torch.testing.assert_close(mine, yours, rtol=1e-4, atol=1e-4)
    for loss in (mine.square().mean(), yours.square().mean()):
        loss.backward()
    for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-3, atol=1e-5, msg=name)


def test_rotary_scores_depend_on_the_distance_alone() -> None:
    x = torch.randn(16, generator=torch.Generator().manual_seed(0)).expand(1, 1, 10, 16)
    scores = (rotate(x) @ rotate(x).transpose(-1, -2))[0, 0]
    for distance in range(10):
        diagonal = scores.diagonal(-distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))


def test_tied_embeddings_are_counted_once() -> None:
    tied, untied = (sum(p.numel() for p in model_of(embeddings=kind).parameters()) for kind in ("tied", "untied"))
    assert untied - tied == VOCABULARY * 16


def test_dropout_can_be_changed_while_it_trains() -> None:
    model = model_of(init_scale=20.0)
    tokens_BT = torch.arange(12)[None]
    assert torch.equal(model(tokens_BT), model(tokens_BT))
    model.set_dropout(0.5)
    assert not torch.equal(model(tokens_BT), model(tokens_BT))
    model.eval()
    assert torch.equal(model(tokens_BT), model(tokens_BT))


def test_the_largest_attention_logit_is_that_of_plain_attention() -> None:
    model = model_of(layers=1, heads=1, init_scale=20.0)
    tokens_BT = torch.arange(12)[None]
    largest, log_z = model.vital_signs(tokens_BT)
    block = model.blocks[0]
    assert isinstance(block, Block)
    x = block.attention_norm(model.embed(tokens_BT))
    q, k, _ = block.attention.qkv(x).chunk(3, dim=-1)
    scores = q @ k.transpose(-1, -2) / math.sqrt(16)
    expected = max(scores[i, j].item() for i in range(12) for j in range(i + 1))
    assert largest == pytest.approx(expected, rel=1e-5)
    assert log_z == pytest.approx(model(tokens_BT).logsumexp(-1).mean().item(), rel=1e-5)


def test_the_flop_count_is_that_of_the_matrices() -> None:
    config = ModelConfig()
    parameters = sum(p.numel() for p in GPT(config, torch.Generator()).parameters())
    per_layer = 12 * 64 * 64
    matrices = 2 * per_layer + 259 * 64
    assert flops_per_token(config, parameters) == pytest.approx(6 * matrices + 12 * 2 * 64 * 64, rel=0.02)
