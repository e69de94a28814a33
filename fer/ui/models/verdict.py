"""The answer of the Models page, before everything else: who reads whose faces how well, in words and one picture."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from fer.charts.models import readers_of_strangers
from fer.charts.parts import percent
from fer.datasets import DATASETS, FaceKind
from fer.errors import known
from fer.evaluation.installed import InstalledModel
from fer.evaluation.strangers import PROTOCOLS, TITLES, Protocol, StrangersRead, main_reading, strangers_read
from fer.pipeline import DEFAULT_MODEL
from fer.ui.shared import draw_chart
from fer.ui.style import plain

_ROWS: dict[Protocol, str] = {
    "votes": "{data} {split}, as most raters saw it",
    "labels": "{data} {split}, by its labels",
    "folds": "{data}, everyone",
    "everyone": "{data}, everyone",
    "held-out": "{data}, people held out",
}


def find_readings(models: Sequence[InstalledModel]) -> tuple[StrangersRead, ...]:
    """All stored figures of these models on faces that are new to them."""
    return strangers_read({model.name: model.report for model in models})


def say_verdict(read: Sequence[StrangersRead], models: Sequence[InstalledModel]) -> None:
    """Say who reads whose faces best; nothing where no model has figures on faces new to it."""
    if not read:
        return
    taught = {model.name: _kind_learned(model) for model in models}
    st.header(_headline(read, taught), anchor=False)
    for kind, title in TITLES.items():
        line = _line(read, taught, kind)
        if line:
            st.markdown(f"{title}: {line}")
    default = next((model.card for model in models if model.name == DEFAULT_MODEL), None)
    if default is not None:
        st.caption(plain(f"{default.name} reads unless you choose another. {default.purpose} {default.fails}"))


def draw_verdict(read: Sequence[StrangersRead]) -> None:
    """Draw the figures behind the verdict, with their intervals."""
    if not read:
        st.info("None of these models was measured on faces that it does not know.", icon=":material/query_stats:")
        return
    table = pd.DataFrame(
        [
            {
                "faces": TITLES[one.faces],
                "model": one.model,
                "rows": _rows_title(one),
                "macro_recall": one.macro_recall,
                "low": one.macro_recall_95[0],
                "high": one.macro_recall_95[1],
                "classes": one.classes,
                "n": one.cell.n,
                "is_served": one.protocol != "folds",
            }
            for kind, protocols in PROTOCOLS.items()
            for protocol in protocols
            for one in read
            if (one.faces, one.protocol) == (kind, protocol)
        ]
    )
    draw_chart(
        readers_of_strangers(table),
        key="strangers",
        alt="Macro recall with its 95 % interval. "
        + "; ".join(
            f"{row.model} on {row.rows} {percent(row.macro_recall)} ({percent(row.low)} to {percent(row.high)})"
            for row in table.itertuples()
        ),
    )
    st.caption(
        "*Macro recall*: of the faces of each expression the share that is found, averaged so that a rare expression "
        "counts as much as a frequent one. By guessing it would be one in seven. The line is its 95 % interval. "
        "*PrivateTest*: the faces that FER2013's makers put aside for one last measurement. Only faces are shown that "
        "neither a model nor what it was made from has learned from; single readings, not mirrored. "
        + _hollow(read)
        + _over(read)
        + "Point at a mark for the number of faces."
    )


def _hollow(read: Sequence[StrangersRead]) -> str:
    names = [one.model for one in read if one.protocol == "folds"]
    if not names:
        return ""
    return plain(
        f"Hollow: {' and '.join(names)} learned from most of these people, so networks that were trained alike, each "
        "without some of the people, read those. "
    )


def _over(read: Sequence[StrangersRead]) -> str:
    more = sorted({one.model for one in read if one.classes > 7})
    return plain(f"Of {' and '.join(more)} contempt counts too, where it was asked for. ") if more else ""


def _rows_title(one: StrangersRead) -> str:
    """What a figure was measured on, in words."""
    return _ROWS[one.protocol].format(data=DATASETS[one.cell.data].title, split=one.cell.split)


def _kind_learned(model: InstalledModel) -> FaceKind | None:
    """What kind of faces a model learned last; None where the data set is not known."""
    data = DATASETS.get(model.card.trained_on[0])
    return None if data is None else data.faces


def _contest(
    read: Sequence[StrangersRead], taught: dict[str, FaceKind | None], kind: FaceKind
) -> dict[FaceKind, StrangersRead]:
    """The best model of those that learned each kind of faces, on this kind, measured alike where that is possible."""
    of_kind = [one for one in read if one.faces == kind]
    learned = {name: its for name, its in taught.items() if its is not None}
    names = {one.model for one in of_kind} & set(learned)
    for protocol in PROTOCOLS[kind]:
        if names == {one.model for one in of_kind if one.protocol == protocol and one.model in names}:
            of_kind = [one for one in of_kind if one.protocol == protocol]
            break
    best: dict[FaceKind, StrangersRead] = {}
    for name in dict.fromkeys(one.model for one in of_kind if one.model in names):
        one = known(main_reading(of_kind, name, kind))
        held = best.get(learned[name])
        if held is None or one.macro_recall > held.macro_recall:
            best[learned[name]] = one
    return dict(sorted(best.items(), key=lambda item: -item[1].macro_recall))


def _headline(read: Sequence[StrangersRead], taught: dict[str, FaceKind | None]) -> str:
    """The verdict in one sentence."""
    winners = {
        kind: next(iter(contest)) for kind in TITLES if len(contest := _contest(read, taught, kind)) == len(TITLES)
    }
    if len(winners) < len(TITLES):
        return "How well strangers' faces are read"
    if all(winner == kind for kind, winner in winners.items()):
        return "Models read best the kind of faces that they learned from"
    if len(set(winners.values())) == 1:
        winner = winners["everyday"]
        return f"Models that learned from {_faces(winner)} read both kinds best"
    return "Models read best the kind of faces that they did not learn from"


def _faces(kind: FaceKind) -> str:
    return TITLES[kind][0].lower() + TITLES[kind][1:]


def _line(read: Sequence[StrangersRead], taught: dict[str, FaceKind | None], kind: FaceKind) -> str:
    """Who reads this kind of faces best, and how well those do that learned the other kind, as Markdown."""
    contest = list(_contest(read, taught, kind).items())
    if not contest:
        return ""
    _, first = contest[0]
    best = f"**{plain(first.model)}** finds {_found(first)} of each expression, on average"
    if len(contest) == 1:
        return best + "."
    learned, other = contest[1]
    close = first.macro_recall_95[0] <= other.macro_recall_95[1]
    return f"{best}; **{plain(other.model)}**, the best that learned {_faces(learned)}, {_found(other)}" + (
        ". Their intervals overlap, so this may be chance." if close else "."
    )


def _found(one: StrangersRead) -> str:
    low, high = one.macro_recall_95
    return f"{_share(one.macro_recall)} (95\u00a0% interval {100 * low:.0f} to {100 * high:.0f})"


def _share(share: float) -> str:
    return percent(share).replace(" ", "\u00a0")
