"""Bytes from logits: the right ones, as often as they should come."""

import math

import pytest
import torch
from torch import Tensor, nn

from tinygpt_tui.engine.config import ModelConfig
from tinygpt_tui.engine.generate import generate
from tinygpt_tui.engine.model import VOCABULARY


class Oracle(nn.Module):
    """Says the same logits whatever came before."""

    def __init__(self, logits: dict[int, float]) -> None:
        super().__init__()
        self.config = ModelConfig()
        self.logits = nn.Parameter(torch.full((VOCABULARY,), -math.inf))
        for token, logit in logits.items():
            self.logits.data[token] = logit

    def forward(self, tokens_BT: Tensor) -> Tensor:
        return self.logits.expand(*tokens_BT.shape, -1)


def text_of(logits: dict[int, float], *, tokens: int = 4000, temperature: float = 1.0, top_k: int = 256) -> bytes:
    return generate(
        Oracle(logits),  # pyright: ignore[reportArgumentType]
        b"x",
        tokens=tokens,
        temperature=temperature,
        top_k=top_k,
        generator=torch.Generator().manual_seed(0),
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_bytes_come_as_often_as_the_softmax_says(temperature: float) -> None:
    logits = {ord("a"): 2.0, ord("b"): 1.0, ord("c"): 0.0}
    text = text_of(logits, temperature=temperature)
    weights = {token: math.exp(logit / temperature) for token, logit in logits.items()}
    for token, weight in weights.items():
        assert text.count(token) / len(text) == pytest.approx(weight / sum(weights.values()), abs=0.03)


def test_temperature_zero_takes_the_likeliest() -> None:
    assert text_of({ord("a"): 1.0, ord("b"): 1.1}, tokens=20, temperature=0.0) == b"b" * 20


def test_top_k_leaves_the_others_out() -> None:
    text = text_of({ord("a"): 1.0, ord("b"): 1.1, ord("c"): 0.9}, tokens=300, top_k=2)
    assert set(text) == set(b"ab")


def test_specials_are_never_generated() -> None:
    assert set(text_of({256: 50.0, 257: 50.0, 258: 50.0, ord("a"): 0.0}, tokens=20)) == set(b"a")


def test_the_same_generator_writes_the_same_text() -> None:
    logits = dict.fromkeys(range(256), 0.0)
    assert text_of(logits, tokens=50) == text_of(logits, tokens=50)
