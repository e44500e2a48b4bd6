"""A canvas of terminal cells: braille dots for curves, characters for the rest, and a colour role for every cell.

Lines of the loss and the lr are drawn by plotext (see plotext_curves). What changes with every step or is drawn cell by
cell stays here: bands, heat maps, small curves and all that stands around a curve.
"""

from dataclasses import dataclass
from enum import IntEnum, auto
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Dots = NDArray[np.bool_]

_BRAILLE = 0x2800
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint32)
_SPACE = ord(" ")


class ColorRole(IntEnum):
    """What a cell shows. Its colour is the theme variable of the same name, such as `curve-train`."""

    NONE = 0
    CURVE_RAW = auto()
    CURVE_TRAIN = auto()
    CURVE_VAL = auto()
    CURVE_LR = auto()
    CURVE_PLAN = auto()
    CURVE_PREVIEW = auto()
    CURVE_GRADIENT = auto()
    CURVE_LEVEL = auto()
    CURVE_AXIS = auto()
    CURVE_CURSOR = auto()
    CURVE_PHASE = auto()
    MARK_FINDING = auto()
    MARK_CHANGE = auto()
    MARK_CHECKPOINT = auto()
    MARK_NAN = auto()
    HEAT_1 = auto()
    HEAT_2 = auto()
    HEAT_3 = auto()
    HEAT_4 = auto()
    HEAT_5 = auto()
    COMPARED_A = auto()
    COMPARED_B = auto()
    COMPARED_C = auto()
    COMPARED_D = auto()
    COMPARED_E = auto()
    COMPARED_F = auto()
    COMPARED_G = auto()
    COMPARED_H = auto()

    @property
    def variable(self) -> str:
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, eq=False)
class Canvas:
    """`characters` holds code points and `roles` numbers of ColorRole, a row a line of the terminal."""

    characters: NDArray[np.uint32]
    roles: NDArray[np.uint8]

    @classmethod
    def blank(cls, width: int, height: int) -> "Canvas":
        shape = (max(height, 0), max(width, 0))
        return cls(np.full(shape, _SPACE, np.uint32), np.zeros(shape, np.uint8))

    @property
    def width(self) -> int:
        return self.characters.shape[1]

    @property
    def height(self) -> int:
        return self.characters.shape[0]

    def window(self, left: int, top: int, width: int, height: int) -> "Canvas":
        """A part of this sheet: what is drawn there is drawn here."""
        area = (slice(top, top + height), slice(left, left + width))
        return Canvas(self.characters[area], self.roles[area])

    @property
    def empty(self) -> Dots:
        """Cells that nothing was written to, not even the space between two words."""
        return (self.characters == _SPACE) & (self.roles == ColorRole.NONE)

    def put(self, column: int, row: int, text: str, role: ColorRole, *, only_if_empty: bool = False) -> bool:
        """Write text that fits; what would leave the sheet, or cover something it must not, is not written at all."""
        cells = (row, slice(column, column + len(text)))
        if not text or not (0 <= row < self.height and column >= 0 and column + len(text) <= self.width):
            return False
        if only_if_empty and not self.empty[cells].all():
            return False
        self.characters[cells] = [ord(character) for character in text]
        self.roles[cells] = role
        return True

    def fill(self, cells: Dots, character: str, role: ColorRole) -> None:
        self.characters[cells] = ord(character)
        self.roles[cells] = role

    def braille(self, dots: Dots, role: ColorRole) -> None:
        """Draw four rows and two columns of dots a cell; a cell that has any shows only these."""
        codes = np.tensordot(dots.reshape(self.height, 4, self.width, 2), _BITS, axes=((1, 3), (0, 1)))
        drawn = codes > 0
        self.characters[drawn] = _BRAILLE + codes[drawn]
        self.roles[drawn] = role

    def rows_unlike(self, other: "Canvas") -> list[int]:
        """The rows in which another sheet of the same height shows something else."""
        if self.width != other.width:
            return list(range(self.height))
        differ = (self.characters != other.characters) | (self.roles != other.roles)
        return np.flatnonzero(differ.any(axis=1)).tolist()

    def runs(self, row: int) -> list[tuple[str, ColorRole]]:
        """A row as pieces of text of one colour role."""
        text = self.characters[row].tobytes().decode("utf-32-le")
        roles = self.roles[row]
        borders = [0, *(np.flatnonzero(np.diff(roles)) + 1).tolist(), len(text)]
        return [(text[start:end], ColorRole(int(roles[start]))) for start, end in pairwise(borders) if end > start]

    def __str__(self) -> str:
        return "\n".join("".join(text for text, _ in self.runs(row)) for row in range(self.height))
