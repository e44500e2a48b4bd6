"""Bytes from logits: the right ones, as often as they should come."""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from tinygpt_tui.engine.config import ModelConfig
from tinygpt_tui.engine.training.generate import generate
from tinygpt_tui.engine.training.model import GPT, Memory
from tinygpt_tui.engine.vocabulary import VOCABULARY


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

    def memories(self) -> list[Memory]:
        return []

    def read(self, tokens_BT: Tensor, memories: list[Memory]) -> Tensor:
        return self.logits.expand(len(tokens_BT), -1)


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


@pytest.mark.parametrize("positions", ["learned", "rotary"])
@pytest.mark.parametrize("prompt", [b"", b"ab", b"exactly 12 b", b"longer than the context is"])
def test_a_text_is_what_the_model_says_of_the_last_context(
    positions: Literal["learned", "rotary"], prompt: bytes
) -> None:
    config = ModelConfig(layers=2, heads=2, width=16, context=12, positions=positions, init_scale=20.0)
    model = GPT(config, torch.Generator().manual_seed(0))
    expected = list(prompt or b"\n")
    with torch.no_grad():
        for _ in range(30):
            expected.append(int(model(torch.tensor([expected[-12:]]))[0, -1, :256].argmax()))
    given = len(prompt or b"\n")
    text = generate(model, prompt, tokens=30, temperature=0.0, top_k=1, generator=torch.Generator())
    assert list(text) == expected[given:]
