"""One quantity, measured, next to its budget; and the table of many."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measurement:
    """One quantity against its budget.

    Attributes:
        name: what was measured.
        unit: "ms", "s", "MB" and the like.
        budget: the most it may be, at the median; None where none was set.
        values: every single reading; empty where it could not be measured.
        note: how it was measured, or why it was not.
        at_least: the more the better: the budget is the least it may be.
    """

    name: str
    unit: str
    budget: float | None
    values: tuple[float, ...]
    note: str
    at_least: bool = False

    @property
    def p50(self) -> float | None:
        return float(np.percentile(self.values, 50)) if self.values else None

    @property
    def p95(self) -> float | None:
        """What 95 % of the readings keep: they lie below it, or above where more is better."""
        return float(np.percentile(self.values, 5 if self.at_least else 95)) if self.values else None

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the budget; None where there is none, or nothing was measured."""
        if self.p50 is None or self.budget is None:
            return None
        return self.p50 >= self.budget if self.at_least else self.p50 <= self.budget

    def to_record(self) -> dict:
        """The measurement as plain numbers and strings."""
        return {
            "name": self.name,
            "unit": self.unit,
            "budget": self.budget,
            "at_least": self.at_least,
            "p50": self.p50,
            "p95": self.p95,
            "n": len(self.values),
            "met": self.met,
            "note": self.note,
        }


def render(measurements: Sequence[Measurement]) -> str:
    """Lay measurements out as a table for a terminal."""
    rows = [("what", "p50", "p95", "budget", "kept", "n", "how")]
    for m in measurements:
        seen = ("-", "-") if m.p50 is None else (f"{m.p50:.4g} {m.unit}", f"{m.p95:.4g} {m.unit}")
        kept = {None: "-", True: "yes", False: "no"}[m.met]
        least = "at least " if m.at_least else ""
        budget = "-" if m.budget is None else f"{least}{m.budget:g} {m.unit}"
        rows.append((m.name, *seen, budget, kept, str(len(m.values)), m.note))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    return "\n".join("  ".join([*(row[i].ljust(widths[i]) for i in range(6)), row[6]]) for row in rows)
