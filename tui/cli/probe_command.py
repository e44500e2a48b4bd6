"""The command that asks probes of a run: a line each, as soon as it is answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..text import visible, visible_json
from .options import PROGRAM, OneOf, RunName, runs_option
from .progress_line import clear_progress, show_progress
from .suggestions import run_path

if TYPE_CHECKING:
    from ...engine.experiments.probes import ProbeAnswer, ProbeWork

_COLOURS = {"yes": "green", "no": "red", "cannot tell": "yellow"}


def _probe_names(incomplete: str) -> list[str]:
    from ...engine.experiments.probes import PROBES

    return list(PROBES)


@click.command("probe")
@click.argument("run", type=RunName())
@click.argument("names", nargs=-1, type=OneOf("probe", _probe_names), metavar="[PROBE]...")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a probe.")
@runs_option
def probe_run(run: str, names: tuple[str, ...], as_json: bool, runs: str | None) -> int:
    """Ask a debugging checklist of a copy of a run; the run itself is only read.

    \b
    finite       are the loss and all gradients finite; if not, which module made the first that is not
    first-loss   is the first loss that of guessing, ln V
    lr           is the learning rate what the schedule gives
    data         do targets follow inputs, does held-out text lie in the training text; a decoded batch
    gradients    does every parameter get a gradient
    mask         do later tokens leave earlier logits alone
    numeric      do the gradients agree with differences of the loss
    overfit      can the model overfit one batch
    capacity     is the model large enough: do neither two layers more nor twice the width help

    Without a name all are asked. Each prints yes, no or cannot tell, its numbers, and what to do where it is no. The
    last two train, for seconds to minutes; Ctrl-C ends it, and the answers so far stay.

    Exit status: 0 where no probe is answered with no, 1 where one is, 2 for bad input, 130 after Ctrl-C.
    """
    import asyncio

    from ...engine.experiments.probes import PROBES

    for name in names:
        if name not in PROBES:
            raise click.UsageError(f"there is no probe {name!r}; there are {', '.join(PROBES)}")
    path, asked = run_path(runs, run), list(dict.fromkeys(names)) or list(PROBES)
    told: list[ProbeAnswer] = []
    try:
        asyncio.run(_ask(path, asked, told, as_json=as_json))
    except KeyboardInterrupt:
        clear_progress()
        click.echo(f"{PROGRAM}: interrupted, without an answer to {', '.join(asked[len(told) :])}", err=True)
        return 130
    finally:
        clear_progress()
    return int(any(answer.answer == "no" for answer in told))


async def _ask(path: Path, names: Sequence[str], told: list[ProbeAnswer], *, as_json: bool) -> None:
    """`told` gets the answers as they come, so that those before an interruption are known."""
    from contextlib import aclosing

    from ...engine.experiments.probing import probe
    from ..experiments.probe_text import probe_progress

    def show(work: ProbeWork | None = None) -> None:
        show_progress(f"{names[len(told)]}, probe {len(told) + 1} of {len(names)}: {probe_progress(work)}")

    show()
    async with aclosing(probe(path, names, show)) as answers:
        async for answer in answers:
            told.append(answer)
            clear_progress()
            click.echo(_json_line(answer) if as_json else _line(answer))
            if len(told) < len(names):
                show()


def _line(answer: ProbeAnswer) -> str:
    word = click.style(f"{answer.answer:<11}", fg=_COLOURS[answer.answer], bold=answer.answer == "no")
    remedy = f"; to do: {visible(answer.remedy)}" if answer.remedy else ""
    return f"{word} {answer.probe:<10} {visible(answer.evidence)}{remedy}"


def _json_line(answer: ProbeAnswer) -> str:
    from msgspec import json as msgspec_json

    from ...engine.events import encode
    from ...engine.experiments.probes import PROBES

    fields = msgspec_json.decode(encode(answer))
    return visible_json(json.dumps({"probe": answer.probe, "question": PROBES[answer.probe].question, **fields}))
