"""Text on disk becomes bytes, and bytes become training and validation tokens.

Files are joined by a newline and nothing else: an end-of-text token would come once in some 15 000 tokens, too seldom
for a run of this size to learn it, and would double the memory. They are joined in an order that says nothing of their
names: in alphabetical order the held-out tail would be another kind of text than the rest.
"""

import hashlib
import math
import os
import stat
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

import numpy as np

from .config import DataConfig

_NOT_IN_STDLIB = frozenset({"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "turtledemo"})
_NAMES_SEEN = 10_000
"""A bigger folder is not searched to its end, so that starting stays fast."""
_PROBE = 8192
"""Bytes at the beginning of a file that tell text from binary."""


class CorpusError(ValueError):
    """There is no text to train on; the message names the path and the remedy."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Corpus:
    train: np.ndarray
    """Tokens 0 to 255, one a byte."""
    val: np.ndarray
    """The held-out tail of the text; no byte of it is in `train`."""
    fingerprint: str
    description: str
    """What was read and what was left out, in words."""


def load_corpus(config: DataConfig, *, context: int = 64) -> Corpus:
    """Read the text and hold out its tail, which must have room for one sequence of `context` tokens."""
    if config.path == "stdlib":
        folder = Path(sysconfig.get_paths()["stdlib"])
        text, description = _read_folder(folder, config, _NOT_IN_STDLIB)
        description += ", without its tests and demos"
    else:
        text, description = _read(Path(config.path).expanduser(), config)
    _require_enough(text, config, context)
    tokens = np.frombuffer(text, dtype=np.uint8)
    split = len(text) - round(len(text) * config.validation_share)
    fingerprint = hashlib.sha256(text)
    fingerprint.update(split.to_bytes(8))
    return Corpus(
        train=tokens[:split], val=tokens[split:], fingerprint=fingerprint.hexdigest()[:16], description=description
    )


def _read(path: Path, config: DataConfig) -> tuple[bytearray, str]:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return _read_folder(path, config, frozenset())
        if not stat.S_ISREG(mode):
            raise CorpusError(f"{path}: is neither a file nor a folder; set data.path to one")
        return _read_file(path, config.max_bytes)
    except FileNotFoundError:
        raise CorpusError(f"{path}: does not exist; set data.path to a file or a folder of text") from None
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    except ValueError as error:
        if isinstance(error, CorpusError):
            raise
        raise CorpusError(f"{str(path)!r}: is not a path ({error}); set data.path to a file or a folder") from None


def _read_file(path: Path, most: int) -> tuple[bytearray, str]:
    text = _text(path, most + 1)
    if text is None:
        raise CorpusError(f"{path}: is binary, not text; set data.path to text, saved as UTF-8")
    if not text:
        raise CorpusError(f"{path}: is empty; set data.path to a file with text in it")
    cut = f", cut at data.max_bytes = {most}" if len(text) > most else ""
    return bytearray(text[:most]), f"{_size(min(len(text), most))} of {path}{cut}"


def _read_folder(folder: Path, config: DataConfig, skipped_names: frozenset[str]) -> tuple[bytearray, str]:
    matching = _matching(folder, config.glob, skipped_names)
    text, read, binary, unreadable = bytearray(), 0, 0, 0
    for path in matching:
        try:
            content = _text(path, config.max_bytes - len(text))
        except OSError:
            unreadable += 1
            continue
        if content is None:
            binary += 1
            continue
        text += content
        read += 1
        if len(text) >= config.max_bytes:
            break
        text += b"\n"
    _require_text(folder, config, len(matching), binary, unreadable, is_empty=not text.strip())
    return text, _describe(folder, config, len(text), read, binary, unreadable)


def _require_text(
    folder: Path, config: DataConfig, matching: int, binary: int, unreadable: int, *, is_empty: bool
) -> None:
    if matching == 0:
        raise CorpusError(
            f"{folder}: has no file that matches data.glob = {config.glob!r}; set data.glob, as in '**/*'"
        )
    if is_empty and unreadable:
        raise CorpusError(f"{folder}: none of its {matching} matching files can be read; check their permissions")
    if is_empty and binary:
        raise CorpusError(f"{folder}: all text in it is binary ({binary} files); set data.glob to match text files")
    if is_empty:
        raise CorpusError(
            f"{folder}: its {matching} matching files are empty; set data.path to a folder with text in it"
        )


def _require_enough(text: bytearray, config: DataConfig, context: int) -> None:
    needed = math.ceil((context + 1) / config.validation_share)
    if len(text) < needed:
        raise CorpusError(
            f"{config.path}: is too small, {len(text)} bytes; at least {needed} are needed for "
            f"data.validation_share = {config.validation_share:g} to hold one context of {context} tokens"
        )


def _matching(folder: Path, glob: str, skipped_names: frozenset[str]) -> list[Path]:
    """The files to read, in an order that a new file does not upset."""
    pattern = glob.split("/")
    names = [name for name in _walk(folder, skipped_names) if _matches(name.split("/"), pattern)]
    names.sort(key=lambda name: hashlib.blake2b(os.fsencode(name), digest_size=8).digest())
    return [folder / name for name in names]


def _walk(folder: Path, skipped_names: frozenset[str]) -> Iterator[str]:
    """Regular files below a folder; as in a shell, not what a dot hides, and through no link to a folder."""
    left = _NAMES_SEEN
    waiting = [""]
    while waiting and left > 0:
        below = waiting.pop()
        try:
            with os.scandir(folder / below) as scan:
                entries = sorted(islice(scan, left), key=lambda entry: entry.name)
        except OSError:
            if not below:
                raise
            continue
        left -= len(entries)
        for entry in entries:
            if entry.name.startswith(".") or entry.name in skipped_names:
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append(f"{below}{entry.name}/")
            elif _is_regular(entry):
                yield below + entry.name


def _is_regular(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return False


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Whether a path matches a glob in which `**` stands for any number of folders."""
    match pattern:
        case []:
            return not parts
        case ["**"]:
            return True
        case ["**", *rest]:
            return any(_matches(parts[start:], rest) for start in range(len(parts)))
        case [name, *rest]:
            return bool(parts) and fnmatchcase(parts[0], name) and _matches(parts[1:], rest)
    return False


def _text(path: Path, most: int) -> bytes | None:
    """The beginning of a file; None when it is no text, of which no more is read than it takes to know that."""
    with path.open("rb") as stream:
        head = stream.read(min(_PROBE, most))
        return None if _is_binary(head) else head + stream.read(most - len(head))


def _is_binary(head: bytes) -> bool:
    invalid = len(head) - len(head.decode(errors="ignore").encode())
    # old text in an 8-bit encoding has some bytes that are not UTF-8; machine code and images have mostly such
    return b"\0" in head or invalid > 0.3 * len(head)


def _describe(folder: Path, config: DataConfig, size: int, read: int, binary: int, unreadable: int) -> str:
    words = f"{_size(size)} of {read} files below {folder} ({config.glob})"
    if binary or unreadable:
        words += f", {binary} binary and {unreadable} unreadable files skipped"
    if size >= config.max_bytes:
        words += f", cut at data.max_bytes = {config.max_bytes}"
    return words


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB" if count >= 1e3 else f"{count} bytes"
