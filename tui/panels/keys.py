"""Every key of the run screen, with what it does: the footer, the help and the palette derive from these."""

from textual.binding import Binding, BindingType
from textual.keys import format_key

from .layout import PANELS, panel_keys

FOOTER = ("space", "W", "r", "s", "f", "a", "question_mark", "m", "slash", "left", "plus", "l", "e", "i", "p")
"""The order in which the footer shows keys; a narrow screen cuts off the last ones."""


def _shown(key: str, action: str, word: str, id: str, tooltip: str, display: str | None = None) -> Binding:
    """A key that the footer has room for."""
    return Binding(key, action, word, id=id, tooltip=tooltip, key_display=display)


def _quiet(key: str, action: str, word: str, id: str, tooltip: str) -> Binding:
    """A key for the help and the palette."""
    return Binding(key, action, word, show=False, id=id, tooltip=tooltip)


RUN_KEYS: list[BindingType] = [
    _shown("space", "send('pause')", "pause", "run.pause", "Stop training after this step, until you say so"),
    _shown("space", "send('resume')", "go on", "run.go_on", "Train again"),
    _shown(
        "space",
        "leave('resume_from_checkpoint')",
        "resume",
        "run.take_up",
        "Take the run up again from its last checkpoint",
    ),
    _quiet(
        "u",
        "leave('go_back')",
        "go back",
        "run.go_back",
        "Go back to a checkpoint, also with another lr; later steps go",
    ),
    _shown("space", "train_on", "train on", "run.train_on", "Train this run on, for as many steps as you say"),
    _shown("s", "send('step')", "step", "run.step", "One step, then pause"),
    _quiet("S", "ask('steps')", "steps", "run.steps", "So many steps, then pause"),
    _shown("f", "send('fix')", "fix", "run.fix", "Apply the first remedy of the first open finding"),
    _shown(
        "m",
        "ask('change')",
        "change",
        "run.change",
        "Change lr and other settings while it trains",
    ),
    _quiet("left_square_bracket", "send('lr_half')", "lr half", "run.lr_half", "Halve the learning rate"),
    _quiet("right_square_bracket", "send('lr_double')", "lr double", "run.lr_double", "Double the learning rate"),
    _quiet("equals_sign", "ask('lr')", "lr", "run.lr", "Set the learning rate of the next step"),
    _quiet("w", "ask('speed')", "watch", "run.speed", "Limit the speed, to watch; or full speed again"),
    _shown(
        "W",
        "send('full_speed')",
        "full speed",
        "run.full_speed",
        "Train on at full speed, and never stop at what the lesson shows",
    ),
    _quiet("v", "send('evaluate')", "evaluate", "run.evaluate", "Measure val_loss now"),
    _quiet("g", "ask('sample')", "generate", "run.sample", "Let it write after a prompt of yours"),
    _quiet("c", "send('checkpoint')", "checkpoint", "run.checkpoint", "Save a checkpoint now"),
    _quiet("x", "send('stop')", "stop", "run.stop", "End the run, with a checkpoint where it saves one"),
    _shown(
        "r", "leave('restart_ended')", "restart", "run.again", "A new run of this configuration, with the same seed"
    ),
    _quiet("r", "leave('restart')", "restart", "run.restart", "A new run of this configuration, with the same seed"),
    _quiet("R", "leave('reseed')", "reseed", "run.reseed", "A new run of this configuration, with the next seed"),
    _quiet("C", "compare", "compare with another run …", "run.compare", "Other runs beside this one, in the loss plot"),
    _quiet(
        "C",
        "choose_run",
        "runs of this log …",
        "run.choose_run",
        "Another run of this log, or several over each other",
    ),
    _quiet("U", "compare_no_more", "compare no more", "run.compare_no_more", "Take the other runs out of the plot"),
    _quiet("k", "leave('fork')", "fork", "run.fork", "A new run from the step at the cursor, with a fix or a change"),
    _quiet("F", "leave('prove')", "prove", "run.prove", "Try every fix of the finding on forks, and see which helps"),
    _quiet("Q", "probe", "probe", "run.probe", "Ask a debugging checklist of a copy: gradients, mask, data, lr ..."),
    _quiet("T", "leave('lr_range')", "LR range test", "run.lr_range", "Raise the lr on a copy until the loss diverges"),
    _shown(
        "slash",
        "choose_metrics",
        "metrics",
        "run.metrics",
        "Which metrics are shown: words, globs, /regex/",
    ),
    _quiet("X", "export", "export", "run.export", "Write the run to a file: table, report or picture"),
    _shown("p", "leave('home')", "presets", "run.home", "Back to where it was opened, such as the presets and runs"),
    _quiet("q,ctrl+c", "leave('quit')", "quit", "run.quit", "Quit; asks what becomes of a run that trains"),
    _quiet("escape", "back", "back", "run.back", "Out of an explanation, of full screen, of a report"),
]

PANEL_KEYS: list[BindingType] = [
    _shown("left", "see('look', -1)", "look", "look.left", "Move the reading cursor to earlier steps", "←→"),
    _quiet("right", "see('look', 1)", "look right", "look.right", "Move the reading cursor to later steps"),
    _quiet("shift+left", "see('look', -10)", "look far left", "look.far_left", "The cursor, ten times as far back"),
    _quiet("shift+right", "see('look', 10)", "look far right", "look.far_right", "The cursor, ten times as far on"),
    _shown("plus", "see('zoom', 1)", "zoom", "look.zoom_in", "Zoom in, around the cursor or the end", "+-"),
    _quiet("minus", "see('zoom', -1)", "zoom out", "look.zoom_out", "Zoom out"),
    _quiet("ctrl+left", "see('pan', -25)", "pan left", "look.pan_left", "Move the window to earlier steps"),
    _quiet("ctrl+right", "see('pan', 25)", "pan right", "look.pan_right", "Move the window to later steps"),
    _quiet("end", "see('follow_end')", "follow", "look.follow", "Follow the latest step"),
    _quiet("home", "see('show_all')", "whole run", "look.all", "Show the whole run"),
    _shown("l", "see('log_y')", "log", "look.log_y", "Values on a logarithmic axis, or a linear one"),
    _quiet("L", "see('log_x')", "log x", "look.log_x", "Steps on a logarithmic axis, or a linear one"),
    _quiet("t", "see('x_axis')", "x axis", "look.x_axis", "Steps, tokens or time along the x axis"),
    _shown("e", "see('smoother')", "smooth", "look.smoother", "Smooth the curves more"),
    _quiet("E", "see('rougher')", "rougher", "look.rougher", "Smooth the curves less"),
    _quiet("P", "see('perplexity')", "perplexity", "look.perplexity", "Perplexity instead of loss"),
    _shown("i", "explain", "explain", "panels.explain", "What this panel shows and what healthy looks like"),
    _quiet("z,enter", "full_screen", "full screen", "panels.full", "The focused panel in full screen, and back"),
    *(
        _quiet(key, f"full_screen('{panel.NAME}')", panel.NAME, f"panels.{panel.NAME}", f"{panel.TITLE} in full screen")
        for panel in PANELS
        for key in panel_keys(panel)
    ),
    _quiet("full_stop", "turn_page(1)", "next metrics", "panels.next_page", "The next page of metrics"),
    _quiet("comma", "turn_page(-1)", "earlier metrics", "panels.page_before", "The page of metrics before"),
    _shown("a", "act", "lesson", "panels.act", "The lesson: its question, its fixes as new runs, what to compare with"),
    _quiet("d", "hide", "hide", "panels.hide", "Hide the focused panel"),
    _quiet("D", "show_hidden", "show all", "panels.show", "Show all hidden panels again"),
    _quiet("b", "sample(1)", "earlier sample", "panels.earlier", "Back to an earlier sample"),
    _quiet("n", "sample(-1)", "next sample", "panels.later", "Forward to a later sample"),
    _quiet(
        "o",
        "quantity",
        "other quantity",
        "panels.quantity",
        "Layers: ratio or norm; gradient panel: weight norm, logit",
    ),
    _quiet("y", "copy", "copy", "panels.copy", "Copy the sample, or the reading of the focused panel"),
]


def key_of(id: str) -> str:
    """The key, as a person reads it, of the binding with this id."""
    for binding in (*RUN_KEYS, *PANEL_KEYS):
        if isinstance(binding, Binding) and binding.id == id:
            return format_key(binding.key.split(",")[0])
    raise KeyError(id)
