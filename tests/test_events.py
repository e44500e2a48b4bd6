"""The protocol: one line an event, strict JSON, nothing lost on the way."""

import json
import math
from dataclasses import replace
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.config import LiveSettings
from tinygpt_tui.engine.events import (
    AnyCommand,
    AnyEvent,
    ChangeSettings,
    CheckpointSaved,
    Command,
    Evaluated,
    Event,
    FindingOpened,
    Follow,
    LayersMeasured,
    ProtocolError,
    RunEnded,
    Sample,
    SampleGenerated,
    SettingsChanged,
    StepFinished,
    TakeSteps,
    decode_command,
    decode_event,
    encode,
)

from .texts import small_config

number = st.floats()
text = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
count = st.integers(0, 2**53)
events = st.one_of(
    st.builds(
        StepFinished,
        step=count,
        loss=number,
        lr=number,
        tokens=count,
        tokens_per_s=number,
        grad_norm=number,
        clipped=st.booleans(),
        grad_max=st.none() | number,
        update_ratio=st.none() | number,
    ),
    st.builds(Evaluated, step=count, val_loss=number, perplexity=number),
    st.builds(
        LayersMeasured,
        step=count,
        names=st.lists(text),
        grad_norm=st.lists(number),
        update_ratio=st.lists(number),
        max_attention_logit=number,
        log_z=number,
    ),
    st.builds(SampleGenerated, step=count, prompt=text, text=text, temperature=number, top_k=count),
    st.builds(
        FindingOpened,
        id=count,
        step=count,
        onset=count,
        kind=text,
        severity=st.sampled_from(["info", "warning", "failure"]),
        evidence=text,
    ),
    st.builds(CheckpointSaved, step=count, name=text, reason=st.sampled_from(["series", "best", "change"])),
    st.builds(RunEnded, step=count, reason=st.sampled_from(["finished", "nan"]), detail=text),
)
commands = st.one_of(
    st.builds(Follow, since=count),
    st.builds(TakeSteps, count=count),
    st.builds(ChangeSettings, lr=st.none() | number, batch=st.none() | count),
    st.builds(Sample, prompt=st.none() | text, temperature=st.none() | number),
)


def same(a: object, b: object) -> bool:
    """Equal, where NaN equals NaN."""
    return msgspec.to_builtins(a).__repr__() == msgspec.to_builtins(b).__repr__()


def test_every_event_and_every_command_can_be_decoded() -> None:
    assert set(get_args(AnyEvent)) == set(Event.__subclasses__())
    assert set(get_args(AnyCommand)) == set(Command.__subclasses__())


@given(events)
def test_an_event_comes_back_as_it_was(event: StepFinished) -> None:
    assert same(decode_event(encode(event)), event)


@given(events)
def test_a_line_is_strict_json_and_one_line(event: StepFinished) -> None:
    line = encode(event)
    assert b"\n" not in line

    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    assert json.loads(line, parse_constant=refuse)["event"]


@given(commands)
def test_a_command_comes_back_as_it_was(command: TakeSteps) -> None:
    assert same(decode_command(encode(command)), command)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_written_as_a_word(value: float) -> None:
    line = json.loads(encode(Evaluated(step=1, val_loss=value, perplexity=1.0)))
    assert line["val_loss"] in ("NaN", "Infinity", "-Infinity")
    assert line["perplexity"] == 1.0


@given(st.binary() | text.map(str.encode))
def test_garbage_is_a_protocol_error_in_one_line(line: bytes) -> None:
    for decode in (decode_event, decode_command):
        with pytest.raises(ProtocolError) as caught:
            decode(line)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        b'{"event":"unheard of","seq":0}',
        b'{"event":"step"}',
        b'{"event":"evaluation","step":1e400,"val_loss":1,"perplexity":1}',
        b'{"event":"evaluation","step":"x","val_loss":1,"perplexity":1}',
        b"[" * 100_000,
    ],
)
def test_an_event_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_event(line)


def test_a_command_with_a_misspelt_key_is_refused() -> None:
    with pytest.raises(ProtocolError, match="btach"):
        decode_command(b'{"command":"change","btach":8}')


def test_every_command_has_a_name_of_its_own() -> None:
    names = [kind.__struct_config__.tag for kind in get_args(AnyCommand)]
    assert len(set(names)) == len(names)


def test_settings_travel_with_what_is_infinite() -> None:
    settings = LiveSettings.from_config(small_config())
    endless = replace(settings, clip=math.inf)
    event = SettingsChanged(step=3, summary="clip off", settings=endless)
    decoded = decode_event(encode(event))
    assert isinstance(decoded, SettingsChanged)
    assert decoded.settings == endless


SETTINGS_LINE = encode(SettingsChanged(step=3, summary="", settings=LiveSettings.from_config(small_config())))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"clip":5.0', b'"clip":"wide"'),
        (b'"clip":5.0', b'"clip":"NaN"'),
        (b'"clip":5.0', b'"clip":-1.0'),
        (b'"clip":5.0,', b""),
        (b'"clip":5.0', b'"clip":5.0,"speed":2'),
        (b'"growth":2.0', b'"growth":2.0,"speed":2'),
        (b'"kind":"', b'"kind":"un'),
    ],
)
def test_settings_that_are_none_are_refused(before: bytes, after: bytes) -> None:
    assert before in SETTINGS_LINE
    assert isinstance(decode_event(SETTINGS_LINE), SettingsChanged)
    with pytest.raises(ProtocolError):
        decode_event(SETTINGS_LINE.replace(before, after))
