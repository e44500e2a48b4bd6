"""Text on disk, told apart from what is none."""

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygpt_tui.engine.config import DataConfig
from tinygpt_tui.engine.corpus import Corpus, CorpusError, load_corpus

TEXT = b"def answer() -> int:\n    return 42\n" * 100


def corpus_of(path: Path, **keys: object) -> Corpus:
    return load_corpus(replace(DataConfig(path=str(path), glob="**/*"), **keys))


def complaint(path: Path, **keys: object) -> str:
    with pytest.raises(CorpusError) as raised:
        corpus_of(path, **keys)
    message = str(raised.value)
    assert "\n" not in message
    return message


def tree(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_the_default_corpus_is_python_s_own_library() -> None:
    corpus = load_corpus(DataConfig())
    assert len(corpus.train) + len(corpus.val) > 1_000_000
    assert b"import " in corpus.train.tobytes()
    assert "cut at data.max_bytes" in corpus.description or "files below" in corpus.description


@given(share=st.floats(0.01, 0.5), length=st.integers(7_000, 20_000))
def test_validation_is_the_tail_and_nothing_is_lost_or_seen_twice(
    tmp_path_factory: pytest.TempPathFactory, share: float, length: int
) -> None:
    text = bytes(32 + number % 90 for number in range(length))
    path = tmp_path_factory.getbasetemp() / "text.txt"
    path.write_bytes(text)
    corpus = corpus_of(path, validation_share=share)
    assert corpus.train.tobytes() + corpus.val.tobytes() == text
    assert abs(len(corpus.val) - share * length) <= 1


def test_the_same_folder_gives_the_same_text_wherever_it_lies(tmp_path: Path) -> None:
    files = {f"package{number % 3}/{number}.py": TEXT + b"# %d" % number for number in range(20)}
    one, other = (corpus_of(tree(tmp_path / name, files)) for name in ("one", "other"))
    assert one.train.tobytes() == other.train.tobytes()
    assert one.fingerprint == other.fingerprint


def test_a_changed_byte_or_another_split_changes_the_fingerprint(tmp_path: Path) -> None:
    path = tree(tmp_path, {"a.txt": TEXT}) / "a.txt"
    before = corpus_of(path).fingerprint
    assert corpus_of(path, validation_share=0.2).fingerprint != before
    path.write_bytes(TEXT[:-1] + b"!")
    assert corpus_of(path).fingerprint != before


def test_files_are_not_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    files = {f"{letter}.txt": letter.encode() * 200 for letter in "abcdefghij"}
    corpus = corpus_of(tree(tmp_path, files))
    text = (corpus.train.tobytes() + corpus.val.tobytes()).decode()
    order = [lines[0] for lines in text.split()]
    assert sorted(order) == list("abcdefghij") != order


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("**/*.py", {"a.py", "x/b.py", "x/y/c.py"}),
        ("*.py", {"a.py"}),
        ("x/**", {"x/b.py", "x/y/c.py", "x/n.md"}),
        ("**/y/*", {"x/y/c.py"}),
        ("*/?.[mp]*", {"x/b.py", "x/n.md"}),
    ],
)
def test_the_glob_chooses_files(tmp_path: Path, glob: str, expected: set[str]) -> None:
    names = ["a.py", "x/b.py", "x/y/c.py", "x/n.md", ".hidden/d.py", "x/.e.py"]
    corpus = corpus_of(tree(tmp_path, {name: name.encode().ljust(700, b" ") for name in names}), glob=glob)
    assert set((corpus.train.tobytes() + corpus.val.tobytes()).decode().split()) == expected


def test_reading_stops_at_the_cap_and_says_so(tmp_path: Path) -> None:
    folder = tree(tmp_path, {f"{number}.txt": TEXT for number in range(5)})
    for path in (folder, folder / "0.txt"):
        corpus = corpus_of(path, max_bytes=2000)
        assert len(corpus.train) + len(corpus.val) == 2000
        assert "cut at data.max_bytes = 2000" in corpus.description


def test_a_file_as_long_as_the_cap_is_not_called_cut(tmp_path: Path) -> None:
    tree(tmp_path, {"a.txt": TEXT[:2000]})
    assert "cut" not in corpus_of(tmp_path / "a.txt", max_bytes=2000).description


def test_binary_files_in_a_folder_are_skipped_and_counted(tmp_path: Path) -> None:
    corpus = corpus_of(tree(tmp_path, {"a.txt": TEXT, "b.png": b"\x89PNG\0" * 900, "c.bin": b"\xfe" * 900}))
    assert corpus.train.tobytes() + corpus.val.tobytes() == TEXT + b"\n"
    assert "2 binary and 0 unreadable files skipped" in corpus.description


def test_old_text_in_an_8_bit_encoding_is_text(tmp_path: Path) -> None:
    content = "Übung macht den Meister, früh übt sich\n".encode("latin-1") * 50
    corpus = corpus_of(tree(tmp_path, {"a.txt": content}) / "a.txt")
    assert corpus.train.tobytes() + corpus.val.tobytes() == content


def test_what_is_no_text_is_told_apart(tmp_path: Path) -> None:
    tree(tmp_path, {"empty.txt": b"", "small.txt": b"x" * 500, "image.png": b"\x89PNG\0" * 900})
    tree(tmp_path / "images", {"a.png": b"\0" * 900})
    tree(tmp_path / "blank", {"a.txt": b"", "b.txt": b""})
    assert "does not exist" in complaint(tmp_path / "nowhere")
    assert "does not exist" in complaint(tmp_path / "nowhere" / "else")
    assert "is empty" in complaint(tmp_path / "empty.txt")
    assert "is binary" in complaint(tmp_path / "image.png")
    assert "all text in it is binary" in complaint(tmp_path / "images")
    assert "are empty" in complaint(tmp_path / "blank")
    assert "no file that matches data.glob = '*.rs'" in complaint(tmp_path, glob="*.rs")
    assert "too small, 500 bytes; at least 650 are needed" in complaint(tmp_path / "small.txt")
    assert "is not a path" in complaint(Path("a\0b"))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that even root cannot read")
def test_a_file_that_cannot_be_read_is_not_called_missing() -> None:
    assert "cannot be read" in complaint(Path("/proc/self/mem"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_an_error_alone_and_skipped_in_a_folder(tmp_path: Path) -> None:
    tree(tmp_path, {"a.txt": TEXT, "secret.txt": TEXT})
    (tmp_path / "secret.txt").chmod(0)
    assert "check its permissions" in complaint(tmp_path / "secret.txt")
    assert "1 unreadable" in corpus_of(tmp_path).description


def test_pipes_and_sockets_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    os.mkfifo("pipe.txt")
    (tmp_path / "link.txt").symlink_to("pipe.txt")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.txt")
        assert "neither a file nor a folder" in complaint(tmp_path / "pipe.txt")
        assert "no file that matches" in complaint(tmp_path)


def test_links_that_lead_in_circles_do_no_harm(tmp_path: Path) -> None:
    tree(tmp_path, {"a.txt": TEXT})
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self").symlink_to("self")
    corpus = corpus_of(tmp_path)
    assert corpus.train.tobytes() + corpus.val.tobytes() == TEXT + b"\n"


def test_a_longer_context_needs_more_text(tmp_path: Path) -> None:
    path = tree(tmp_path, {"a.txt": b"x" * 5000}) / "a.txt"
    config = DataConfig(path=str(path))
    assert len(load_corpus(config, context=256).val) > 256
    with pytest.raises(CorpusError, match="one context of 1024 tokens"):
        load_corpus(config, context=1024)
