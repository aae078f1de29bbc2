"""Figures: what was measured, of what, against which goal; printed as JSON lines and as a table."""

import json
import operator
import sys
from dataclasses import asdict, dataclass, field

_COMPARE = {">=": operator.ge, "<=": operator.le, "=": operator.eq}


@dataclass
class Figure:
    """`of`: what a ratio is a ratio of, or how it was measured. `goal`: text such as ">= 3", None where none is set."""

    name: str
    value: float
    unit: str
    of: str
    goal: str | None = None
    met: bool | None = None

    def __post_init__(self) -> None:
        if self.goal is not None:
            sign, wanted = self.goal.split()
            self.met = _COMPARE[sign](self.value, float(wanted))


@dataclass
class Board:
    """All figures of a run, and what there is to say beside them."""

    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Say it beside the figures, at once and below the table: on standard error, where no line is a figure."""
        self.notes.append(text)
        print(text, file=sys.stderr, flush=True)

    def add(self, figure: Figure) -> None:
        """Keep it, and print its line at once."""
        figure.value = round(figure.value, 3)
        self.figures.append(figure)
        print(json.dumps(asdict(figure)), flush=True)

    def table(self) -> str:
        """All of them, for a person."""
        rows = [("figure", "value", "unit", "of", "goal", "met")]
        rows += [
            (f.name, f"{f.value:,.2f}", f.unit, f.of, f.goal or "", {None: "", True: "yes", False: "NO"}[f.met])
            for f in self.figures
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(6)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, "", *self.notes])
