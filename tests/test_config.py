"""Configuration: complete, valid by construction, and clear about what is wrong."""

import math
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygpt_tui.engine.config import ConfigError, ModelConfig, OptimizerConfig, RunConfig


def read(tmp_path: Path, text: str | bytes) -> RunConfig:
    path = tmp_path / "run.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return RunConfig.from_toml(path)


def test_an_empty_file_is_the_default_run(tmp_path: Path) -> None:
    assert read(tmp_path, "") == RunConfig()


configs = st.builds(
    RunConfig,
    title=st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    model=st.builds(ModelConfig, layers=st.integers(1, 128), dropout=st.floats(0, 0.99)),
    optimizer=st.builds(
        OptimizerConfig,
        kind=st.sampled_from(["sgd", "adam"]),
        clip=st.floats(1e-9, exclude_min=True) | st.just(math.inf),
        eps=st.floats(1e-300, 0.5),
    ),
)


@settings(deadline=None)
@given(config=configs)
def test_a_config_comes_back_from_its_toml_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, config: RunConfig
) -> None:
    assert read(tmp_path_factory.mktemp("config"), config.to_toml()) == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[modle]\nlayers = 2", ["run.toml", "'modle'", "model"]),
        ("[model]\nlayres = 2", ["run.toml", "model.layres", "layers"]),
        ("[model]\nlayers = '2'", ["model.layers", "'2'", "whole number"]),
        ("[model]\nlayers = 2.5", ["model.layers", "2.5"]),
        ("[model]\nlayers = true", ["model.layers", "True"]),
        ("[model]\nlayers = 0", ["model.layers", "0", "between 1 and 128"]),
        ("[model]\nwidth = 63", ["model.width = 63", "model.heads = 2", "64"]),
        ("[model]\nwidth = 6\nheads = 2\npositions = 'rotary'", ["model.positions", "even"]),
        ("[optimizer]\nkind = 'adamm'", ["optimizer.kind", "'adamm'", "'adamw'"]),
        ("[optimizer]\nclip = nan", ["optimizer.clip"]),
        ("[schedule]\nmin_lr = 1.0", ["schedule.min_lr", "schedule.lr"]),
        ("[training]\nthreads = 'many'", ["training.threads", "whole number", "'auto'"]),
        ("model = 3", ["model = 3", "table"]),
        ("[modle]\nlayers = 2", ["did you mean model?"]),
        ("lr = 2", ["did you mean schedule.lr?"]),
        ("[model]\nlayer = 2", ["did you mean model.layers?"]),
        ("[model]\nlayers = 2\n[model]", ["run.toml", "[model] stands there twice", "line 3"]),
        ("[schedule]\nlr = nan", ["run.toml", "schedule.lr = nan", "should be a number"]),
        ("[model\nlayers = 2", ["run.toml", "line 1"]),
        (b"\xff\xfe\x00", ["run.toml", "UTF-8"]),
        ("a = " + "[" * 5000, ["run.toml"]),
        ("[schedule]\nlr = 1" + "0" * 400, ["run.toml", "schedule.lr"]),
        ("[schedule]\nlr = 1" + "0" * 5000, ["run.toml"]),
    ],
)
def test_a_mistake_is_named_in_one_line(tmp_path: Path, text: str | bytes, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.toml: cannot be read: No such file"):
        RunConfig.from_toml(tmp_path / "missing.toml")


def test_whole_numbers_are_good_enough_for_numbers(tmp_path: Path) -> None:
    assert read(tmp_path, "[schedule]\nlr = 1\n").schedule.lr == 1.0


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("schedule.lr", "0.5", 0.5),
        ("schedule.kind", "cosine", "cosine"),
        ("training.threads", "auto", "auto"),
        ("optimizer.clip", "inf", math.inf),
        ("optimizer.bias_correction", "false", False),
        ("data.path", "/tmp/my text", "/tmp/my text"),
    ],
)
def test_a_value_is_set_by_its_key(key: str, text: str, expected: Any) -> None:
    section, name = key.split(".")
    assert asdict(RunConfig().with_values({key: text}))[section][name] == expected


@pytest.mark.parametrize("key", ["speed", "model", "model.", ".layers", "modle.layers", "model.layers.deep", "title.x"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ConfigError):
        RunConfig().with_values({key: "1"})


def test_a_text_with_many_dots_is_no_key_of_many_parts(tmp_path: Path) -> None:
    title = "." * 100
    for written in (f'title = "{title}"', f"title = '{title}'", f'title = "\\"{title}" # {title}'[:300]):
        assert title in read(tmp_path, written).title


def numbers() -> list[str]:
    """The keys of all settings that are numbers."""
    config = RunConfig()
    sections = {field.name: getattr(config, field.name) for field in fields(config)}
    return [
        f"{section}.{name}"
        for section, table in sections.items()
        if is_dataclass(table)
        for name, value in vars(table).items()
        if type(value) in (int, float)
    ]


@pytest.mark.parametrize("key", numbers())
def test_a_number_has_bounds(key: str) -> None:
    for text in ("nan", "-1", "inf")[: 2 if key == "optimizer.clip" else 3]:
        with pytest.raises(ConfigError, match=key):
            RunConfig().with_values({key: text})
