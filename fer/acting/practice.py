"""Prompts, readings and time -> an acting practice: whose turn it is, the score of every try, the progress.

Time comes in with the readings, so the same readings always give the same practice. Keeps numbers, never pixels. Knows
nothing about cameras, threads or pages.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from fer.emotions import EMOTIONS_WITH_CONTEMPT, emotion
from fer.errors import known
from fer.results import Face

if TYPE_CHECKING:
    import pandas as pd

NEUTRAL = "neutral"

COUNTDOWN_S = 3.0
BURST_S = 2.0
RESULT_S = 3.0
"""How long a result stands where prompts follow by themselves."""

STALL_S = COUNTDOWN_S + BURST_S
"""After a gap of this length between two frames the countdown begins anew: the player may have looked away."""

GOOD_SCORE = 50.0
"""From this score on a try lengthens the streak."""

REFUSED_ABOVE = 0.5
"""A neutral face that is read as something else with more than this, in any frame, is refused: it would leave little or
nothing to score there."""

MOST_REFUSALS = 2
"""How often in a row a neutral face is refused. Then it is taken as it is: some faces at rest are read so."""

Phase = Literal["idle", "prompt", "countdown", "burst", "missed", "refused", "result", "done"]
"""idle: no round yet. prompt: it is shown, nothing runs. countdown, burst: what they say. missed: the burst held no
face. refused: the neutral face was none. result: the score stands. done: the round is over."""


@dataclass(frozen=True)
class Hint:
    """What a face does when it shows an expression, in the terms of FACS (Ekman and Friesen 1978).

    Attributes:
        brows, eyes, mouth: what each part does, in words.
        action_units: the FACS action units of those movements; empty for a face at rest.
        source: who observed them; "" where nothing moves.
    """

    brows: str
    eyes: str
    mouth: str
    action_units: tuple[int, ...] = ()
    source: str = ""


DU = "Du, Tao and Martinez 2014, Table 1"
LUCEY = "Lucey et al. 2010"

SOURCES: Mapping[str, str] = MappingProxyType(
    {DU: "https://doi.org/10.1073/pnas.1322355111", LUCEY: "https://doi.org/10.1109/CVPRW.2010.5543262"}
)
"""Where the hints come from. Du and others coded 230 people who posed each expression: the units named here were seen
in more than 70 % of them or, among those seen in at least half, complete the picture (disgust: brows, 31 %)."""

HINTS: Mapping[str, Hint] = MappingProxyType(
    {
        "angry": Hint(
            "lowered and drawn together", "lids tightened", "lips pressed together, chin pushed up", (4, 7, 17, 24), DU
        ),
        "disgust": Hint(
            "slightly lowered",
            "narrowed by a wrinkled nose",
            "upper lip raised, chin pushed up",
            (4, 9, 10, 17),
            DU,
        ),
        "fear": Hint(
            "raised and drawn together",
            "upper lids raised",
            "lips stretched sideways and parted",
            (1, 2, 4, 5, 20, 25),
            DU,
        ),
        "happy": Hint("relaxed", "narrowed by raised cheeks", "corners drawn up, lips parted", (6, 12, 25), DU),
        "sad": Hint(
            "drawn together, inner ends raised",
            "narrowed by raised cheeks",
            "corners pulled down, chin pushed up",
            (1, 4, 6, 15, 17),
            DU,
        ),
        "surprise": Hint("raised high", "wide open, upper lids raised", "open, jaw dropped", (1, 2, 5, 25, 26), DU),
        "neutral": Hint("relaxed", "open, looking at the camera", "closed, relaxed"),
        "contempt": Hint("relaxed", "relaxed", "one corner tightened inwards", (14,), LUCEY),
    }
)


def prompt_words(expression: str) -> str:
    """The prompt of an expression, as in "Look surprised"."""
    return f"Look {emotion(expression).adjective}"


def score(probability: float, neutral_probability: float) -> float:
    """Say how far a face went from the player's own neutral face towards what the model is sure of.

    Both ends are the model's calibrated probabilities, so nothing has to be fitted for the score itself: it is the
    share of the way from the one to certainty that was covered.

    Args:
        probability: of the prompted class, the most that one frame of the burst reached, in [0, 1].
        neutral_probability: the most that the same class reached while the player looked neutral, in [0, 1]; the most
            and not the mean, because that is what it is compared with: somebody who keeps still scores about 0.

    Returns:
        From 0 (no further than the neutral face) to 100 (the model is certain); 0 where the neutral face was already
        read as the class with certainty.
    """
    way = 1.0 - neutral_probability
    return 0.0 if way <= 0 else 100.0 * max(0.0, probability - neutral_probability) / way


def shuffled_round(classes: Sequence[str], seed: int) -> tuple[str, ...]:
    """Put every class into one round: neutral first, since the others are scored against it, the rest shuffled.

    Rounds that follow each other never repeat a prompt at once, because neutral stands between them.
    """
    others = [name for name in classes if name != NEUTRAL]
    random.Random(seed).shuffle(others)
    return (NEUTRAL, *others)


@dataclass(frozen=True)
class Attempt:
    """One try that was scored.

    Attributes:
        round: its number, from 1.
        expression: what was asked for.
        score: from 0 to 100, see `score`; for neutral 100 times its probability, for there is nothing to compare with.
        probability: of the expression, in the best frame.
        neutral_probability: the most that the expression reached in the player's neutral face; 0 for neutral itself.
        read_as: the most probable class of the best frame.
    """

    round: int
    expression: str
    score: float
    probability: float
    neutral_probability: float
    read_as: str

    def to_record(self) -> dict:
        """The try as the downloads have it: plain numbers and strings, probabilities in [0, 1]."""
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Progress:
    """How often an expression was tried, and how well; scores are None while it was not."""

    expression: str
    tries: int
    best: float | None
    last: float | None


def streak(attempts: Sequence[Attempt]) -> int:
    """How many of the last tries in a row reached `GOOD_SCORE`."""
    length = 0
    for attempt in reversed(attempts):
        if attempt.score < GOOD_SCORE:
            break
        length += 1
    return length


def progress(attempts: Sequence[Attempt], classes: Sequence[str]) -> list[Progress]:
    """Sum the tries up by expression, in the order of the classes."""
    scores = {name: [a.score for a in attempts if a.expression == name] for name in classes}
    return [
        Progress(name, len(of_name), max(of_name, default=None), of_name[-1] if of_name else None)
        for name, of_name in scores.items()
    ]


def to_table(attempts: Sequence[Attempt]) -> "pd.DataFrame":
    """Lay tries out as one row each, with the columns of `Attempt`; right types also where there are none.

    Those of the neutral face were compared with no neutral face.
    """
    import pandas as pd

    words, numbers = ("expression", "read_as"), ("score", "probability", "neutral_probability")
    types = {"round": "int64", **dict.fromkeys(words, "str"), **dict.fromkeys(numbers, "float64")}
    columns = [field.name for field in fields(Attempt)]
    table = pd.DataFrame([attempt.to_record() for attempt in attempts], columns=columns).astype(types)
    table.loc[table["expression"] == NEUTRAL, "neutral_probability"] = float("nan")
    return table


@dataclass(frozen=True)
class PracticeState:
    """A practice at one moment.

    Attributes:
        phase: see `Phase`.
        expression: what is asked for; None in idle and done.
        position: of the prompt in its round, from 1; 0 in idle.
        total: prompts in the round.
        turn: changes whenever a prompt is shown, also when it is shown again.
        remaining_s: what is left of the countdown, of the burst, or until what comes of it makes room by itself,
            seconds; 0 in other phases.
        flows: prompts follow by themselves.
        nearness: the score of the last frame as if it were the best one, from 0 to 100; None where no face was in it
            or nothing is asked for.
        refused_as: what the neutral face was read as that is refused, and the most it reached; None in other phases.
        stalled: the countdown began anew because frames were missing.
        attempts: every scored try so far.
        neutral: the most that every class reached in the neutral face of this round, in the order of the classes;
            empty before that was taken.
    """

    phase: Phase
    expression: str | None
    position: int
    total: int
    turn: int
    remaining_s: float
    flows: bool
    nearness: float | None
    refused_as: tuple[str, float] | None
    stalled: bool
    attempts: tuple[Attempt, ...]
    neutral: Mapping[str, float]

    @property
    def asked(self) -> str:
        """What is asked for, in a phase in which something is."""
        return known(self.expression)

    @property
    def attempt(self) -> Attempt | None:
        """The try whose result stands; None in other phases."""
        return self.attempts[-1] if self.phase == "result" else None

    @property
    def round_attempts(self) -> tuple[Attempt, ...]:
        """The tries of the round that runs or was last."""
        return tuple(a for a in self.attempts if a.round == self.attempts[-1].round)


class Practice:
    """The rules of the practice: prompt, countdown, burst, result, and on.

    From `ready` on the frames lead through the round by themselves, until `pause`; with photos the player does. What a
    phase does not allow changes nothing, so that a second click or a late one does no harm. Not for several threads at
    once.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        """Prepare a practice.

        Args:
            classes: of the model whose readings will come in, neutral among them.

        Raises:
            ValueError: a class is no known expression, or neutral is missing.
        """
        if NEUTRAL not in classes or not set(classes) <= set(EMOTIONS_WITH_CONTEMPT):
            raise ValueError(f"A practice needs known expressions and neutral among them, but got {classes}.")
        self._classes = tuple(classes)
        self._phase: Phase = "idle"
        self._round: tuple[str, ...] = ()
        self._rounds = 0
        self._position = 0
        self._turn = 0
        self._attempts: list[Attempt] = []
        self._neutral: np.ndarray | None = None
        self._seen_s: float | None = None
        self._started_s: float | None = None
        self._burst_s: float | None = None
        self._over_s: float | None = None
        self._flows = False
        self._nearness: float | None = None
        self._refusals = 0
        self._stalled = False
        self._best: Face | None = None
        self._most = np.zeros(len(self._classes))

    def begin(self, expressions: Sequence[str]) -> None:
        """Start a round, also in the middle of another.

        Args:
            expressions: what to ask for, in this order, as from `shuffled_round`.

        Raises:
            ValueError: the first is not neutral, or one is no class.
        """
        if not expressions or expressions[0] != NEUTRAL or not set(expressions) <= set(self._classes):
            raise ValueError(f"A round begins with neutral and holds classes alone, but is {expressions}.")
        self._round = tuple(expressions)
        self._rounds += 1
        self._position = self._refusals = 0
        self._neutral = None
        self._flows = False
        self._show()

    def ready(self) -> None:
        """The player is ready: the countdown begins with the next frame, and prompts follow by themselves."""
        if self._phase == "prompt":
            self._flows = True
            self._show()

    def pause(self) -> None:
        """Let nothing follow by itself any more: a countdown or a burst is called off, what came of one stands."""
        self._flows = False
        if self._phase in ("countdown", "burst"):
            self._show()

    def again(self) -> None:
        """Show the same prompt once more; a try that was scored stays."""
        if self._phase not in ("idle", "prompt", "done"):
            self._show()

    def next(self) -> None:
        """Go on to the next prompt, or end the round after the last."""
        if self._phase != "result":
            return
        self._position += 1
        if self._position < len(self._round):
            self._show()
        else:
            self._phase = "done"

    def leave(self) -> None:
        """Give the round up; tries that were scored stay."""
        self._phase = "idle"

    def watch(self, face: Face | None, time_s: float) -> bool:
        """Take in one frame of a stream.

        Args:
            face: the player's reading without smoothing; None where no face was found.
            time_s: when the frame was taken, on the stream's clock.

        Returns:
            Whether it is the best frame of the burst so far. A picture kept for it may go when another one is.
        """
        stalled = self._seen_s is not None and not 0 <= time_s - self._seen_s < STALL_S
        self._seen_s = time_s
        self._nearness = None if face is None else self._near(face)
        if self._phase in ("result", "refused", "missed"):
            self._stand(time_s)
        if self._phase not in ("countdown", "burst"):
            return False
        if stalled and self._started_s is not None:
            self._phase = "countdown"
            self._restart()
            self._stalled = True
        if self._started_s is None:
            self._started_s = time_s
        if time_s - self._started_s < COUNTDOWN_S:
            return False
        if self._burst_s is None:  # with the first frame and not with the clock, or slow streams might miss it
            self._phase, self._burst_s = "burst", time_s
        if time_s - self._burst_s >= BURST_S:
            self._finish()
            self._over_s = time_s
            return False
        return face is not None and self._consider(face)

    def take(self, face: Face | None) -> bool:
        """Take in a photo in place of a burst.

        Args:
            face: the player's reading; None where no face was found.

        Returns:
            Whether it was looked at; what came of it is the phase.
        """
        if self._phase != "prompt":
            return False
        self._restart()
        is_scored = face is not None and self._consider(face)
        self._finish()
        return is_scored

    def state(self) -> PracticeState:
        """What stands at this moment."""
        begun_s, length_s = {
            "countdown": (self._started_s, COUNTDOWN_S),
            "burst": (self._burst_s, BURST_S),
            **dict.fromkeys(("result", "refused", "missed"), (self._over_s, RESULT_S if self._flows else 0.0)),
        }.get(self._phase, (None, 0.0))
        elapsed_s = 0.0 if begun_s is None or self._seen_s is None else self._seen_s - begun_s
        neutral = () if self._neutral is None else map(float, self._neutral)
        return PracticeState(
            phase=self._phase,
            expression=None if self._phase in ("idle", "done") else self._round[self._position],
            position=min(self._position + 1, len(self._round)),
            total=len(self._round),
            turn=self._turn,
            remaining_s=max(0.0, length_s - elapsed_s),
            flows=self._flows,
            nearness=self._nearness,
            refused_as=self._not_neutral() if self._phase == "refused" else None,
            stalled=self._stalled,
            attempts=tuple(self._attempts),
            neutral=MappingProxyType(dict(zip(self._classes, neutral, strict=False))),
        )

    def _show(self) -> None:
        self._phase = "countdown" if self._flows else "prompt"
        self._turn += 1
        self._restart()

    def _stand(self, time_s: float) -> None:
        """Let what came of a burst make room when it has stood long enough, or when the stream's clock began anew."""
        if not self._flows or (self._over_s is not None and 0 <= time_s - self._over_s < RESULT_S):
            return
        if self._phase == "result":
            self.next()
        else:
            self.again()

    def _restart(self) -> None:
        self._started_s = self._burst_s = self._over_s = self._nearness = None
        self._stalled = False
        self._best = None
        self._most = np.zeros(len(self._classes))

    def _near(self, face: Face) -> float | None:
        if self._phase in ("idle", "done") or face.classes != self._classes:
            return None
        asked = self._classes.index(self._round[self._position])
        return score(float(face.probabilities[asked]), self._before(asked))

    def _before(self, asked: int) -> float:
        """The most that a class reached in the neutral face; 0 for neutral itself, which is compared with nothing."""
        return 0.0 if self._neutral is None or self._classes[asked] == NEUTRAL else float(self._neutral[asked])

    def _not_neutral(self) -> tuple[str, float]:
        """What a neutral face was read as beside neutral, and the most it reached."""
        others = [(float(most), name) for most, name in zip(self._most, self._classes, strict=True) if name != NEUTRAL]
        most, name = max(others)
        return name, most

    def _consider(self, face: Face) -> bool:
        if face.classes != self._classes:
            raise ValueError(f"The practice is for the classes {self._classes}, but a reading has {face.classes}.")
        asked = self._classes.index(self._round[self._position])
        self._most = np.maximum(self._most, face.probabilities)
        if self._best is not None and self._best.probabilities[asked] >= face.probabilities[asked]:
            return False
        self._best = face
        return True

    def _finish(self) -> None:
        """Score the best frame; the first prompt's readings become what the others are compared with."""
        if self._best is None:
            self._phase = "missed"
            return
        expression = self._round[self._position]
        asked = self._classes.index(expression)
        if expression == NEUTRAL:
            if self._not_neutral()[1] > REFUSED_ABOVE and self._refusals < MOST_REFUSALS:
                self._refusals += 1
                self._phase = "refused"
                return
            self._refusals = 0
            self._neutral = self._most
        before = self._before(asked)
        reached = float(self._best.probabilities[asked])
        self._attempts.append(
            Attempt(self._rounds, expression, score(reached, before), reached, before, self._best.emotion)
        )
        self._phase = "result"
