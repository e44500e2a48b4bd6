"""The colours: two calm themes, a colour-blind-safe pair, one for sixteen colours, and the names that plots paint with.

A plot reads `app.theme_variables[name]`, always `#rrggbb`, for these names; every theme has all of them, Textual's own
ones through `curve_variables`:

    curve-train       smoothed training loss; gradient norm and other single lines use curve-gradient, curve-lr
    curve-raw         the raw loss behind it, faint
    curve-val         validation loss
    curve-lr          the learning rate done so far        curve-plan      the plan ahead
    curve-preview     what a change would make of it       curve-gradient  gradient norm
    curve-level       reference lines: ln V, clip level    curve-axis      axes, ticks, labels
    curve-cursor      the reading cursor                   curve-phase     borders of training phases
    mark-finding  mark-change  mark-checkpoint  mark-nan
    heat-1 ... heat-5  a heat map, from low to high
    compared-a ... compared-h  the runs of a comparison, which letters tell apart as well
    state-running  state-paused  state-ended  state-failed  state-faint

Colour is never the only sign: whoever uses one of these also uses a glyph, a word or a line style.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.theme import Theme

DEFAULT = "dusk"
FEW_COLOURS = "sixteen"
"""For a terminal that has no more."""


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The few colours that a theme is made of."""

    background: str
    surface: str
    panel: str
    border: str
    text: str
    muted: str
    faint: str
    train: str
    val: str
    lr: str
    gradient: str
    raw: str
    preview: str
    warning: str
    error: str
    success: str
    heat: tuple[str, str, str, str, str]


DUSK = Palette(
    background="#11141b",
    surface="#161a23",
    panel="#1e2430",
    border="#313a4a",
    text="#d5dae4",
    muted="#8d97aa",
    faint="#5a6477",
    train="#7fb2ea",
    val="#edb871",
    lr="#8ecba0",
    gradient="#bda1e6",
    raw="#3c526f",
    preview="#e7d27c",
    warning="#e6b35c",
    error="#ee7f7c",
    success="#8ecba0",
    heat=("#1f3350", "#2f5f86", "#4a97a3", "#a8c587", "#f2dc8b"),
)

DAWN = Palette(
    background="#f6f4ef",
    surface="#fbfaf7",
    panel="#eae6dd",
    border="#cbc5b8",
    text="#2c313c",
    muted="#636a78",
    faint="#9a9ca3",
    train="#2b69ad",
    val="#b05f10",
    lr="#2f7d4f",
    gradient="#7547b0",
    raw="#b3c8df",
    preview="#8a7200",
    warning="#a86400",
    error="#b8353a",
    success="#2f7d4f",
    heat=("#dbe6f0", "#a6c8de", "#5f9fbf", "#2c6f93", "#12405e"),
)

# Okabe and Ito's eight colours, told apart with every common colour blindness; the light theme darkens the yellow
CLEAR_NIGHT = Palette(
    background="#101214",
    surface="#16191c",
    panel="#202428",
    border="#3a4046",
    text="#e4e6e8",
    muted="#9aa1a8",
    faint="#666d74",
    train="#56b4e9",
    val="#e69f00",
    lr="#009e73",
    gradient="#cc79a7",
    raw="#2f566d",
    preview="#f0e442",
    warning="#f0e442",
    error="#d55e00",
    success="#009e73",
    heat=("#0d2b3f", "#0072b2", "#56b4e9", "#b8d9a0", "#f0e442"),
)

CLEAR_DAY = Palette(
    background="#f7f7f5",
    surface="#ffffff",
    panel="#e9eae8",
    border="#c4c8c6",
    text="#22272b",
    muted="#5b6369",
    faint="#979da2",
    train="#0072b2",
    val="#b35900",
    lr="#00785a",
    gradient="#a5487b",
    raw="#aacfe4",
    preview="#7d7000",
    warning="#8f6a00",
    error="#c44601",
    success="#00785a",
    heat=("#e6eef3", "#a9d3ea", "#56b4e9", "#0072b2", "#003f63"),
)

# the colours that every terminal has: nothing is rounded to grey where there are sixteen
SIXTEEN = Palette(
    background="#000000",
    surface="#000000",
    panel="#000080",
    border="#808080",
    text="#ffffff",
    muted="#c0c0c0",
    faint="#808080",
    train="#00ffff",
    val="#ffff00",
    lr="#00ff00",
    gradient="#ff00ff",
    raw="#008080",
    preview="#ffff00",
    warning="#ffff00",
    error="#ff0000",
    success="#00ff00",
    heat=("#0000ff", "#008080", "#00ff00", "#ffff00", "#ff0000"),
)


def curve_variables(palette: Palette) -> dict[str, str]:
    """The names of the docstring above, in the colours of a palette."""
    heat = {f"heat-{level}": colour for level, colour in enumerate(palette.heat, 1)}
    compared = (
        *(palette.train, palette.gradient, palette.lr, palette.preview),
        *(palette.error, palette.val, palette.muted, palette.text),
    )
    runs = {f"compared-{letter}": colour for letter, colour in zip("abcdefgh", compared, strict=True)}
    return (
        heat
        | runs
        | {
            "curve-train": palette.train,
            "curve-raw": palette.raw,
            "curve-val": palette.val,
            "curve-lr": palette.lr,
            "curve-plan": palette.muted,
            "curve-preview": palette.preview,
            "curve-gradient": palette.gradient,
            "curve-level": palette.faint,
            "curve-axis": palette.faint,
            "curve-cursor": palette.text,
            "curve-phase": palette.border,
            "mark-finding": palette.error,
            "mark-change": palette.preview,
            "mark-checkpoint": palette.muted,
            "mark-nan": palette.error,
            "state-running": palette.success,
            "state-paused": palette.warning,
            "state-ended": palette.muted,
            "state-failed": palette.error,
            "state-faint": palette.faint,
        }
    )


def fallback_variables(*, dark: bool) -> dict[str, str]:
    """For a theme that is not ours."""
    return curve_variables(DUSK if dark else DAWN)


def _theme(name: str, palette: Palette, *, dark: bool) -> Theme:
    return Theme(
        name=name,
        dark=dark,
        primary=palette.train,
        secondary=palette.muted,
        accent=palette.val,
        success=palette.success,
        warning=palette.warning,
        error=palette.error,
        foreground=palette.text,
        background=palette.background,
        surface=palette.surface,
        panel=palette.panel,
        variables=curve_variables(palette)
        | {
            "border": palette.train,
            "border-blurred": palette.border,
            "block-cursor-background": palette.panel,
            "block-cursor-foreground": palette.text,
            "block-cursor-text-style": "bold",
            "block-cursor-blurred-background": palette.panel,
            "block-cursor-blurred-foreground": palette.text,
            "footer-background": palette.background,
            "footer-key-foreground": palette.val,
            "footer-description-foreground": palette.muted,
            "input-selection-background": f"{palette.train} 35%",
            "scrollbar": palette.border,
            "scrollbar-background": palette.background,
            "scrollbar-corner-color": palette.background,
        },
    )


_DESCRIPTIONS = {
    "dusk": "dark and calm; the usual one",
    "dawn": "light and calm",
    "clear-night": "dark, with clear text; colours to tell apart whatever colours one sees",
    "clear-day": "light, with clear text; colours to tell apart whatever colours one sees",
    FEW_COLOURS: "for terminals with sixteen colours, and remote ones that round colours to grey",
}
"""What each of THEMES is for."""


def described(theme: Theme) -> str:
    """What a theme is for; of one that is not ours, whether it is dark or light."""
    return _DESCRIPTIONS.get(theme.name, f"one of Textual's, {'dark' if theme.dark else 'light'}")


THEMES = (
    _theme("dusk", DUSK, dark=True),
    _theme("dawn", DAWN, dark=False),
    _theme("clear-night", CLEAR_NIGHT, dark=True),
    _theme("clear-day", CLEAR_DAY, dark=False),
    _theme(FEW_COLOURS, SIXTEEN, dark=True),
)
