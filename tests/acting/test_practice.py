"""The rules of the acting practice: prompts, scores, phases and progress, on readings that are known beforehand."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from fer.acting import practice as acting
from fer.acting.drawn_face import draw_face
from fer.acting.practice import BURST_S, COUNTDOWN_S, MOST_REFUSALS, NEUTRAL, RESULT_S, STALL_S, Attempt, Practice
from fer.emotions import EMOTIONS, EMOTIONS_WITH_CONTEMPT
from fer.results import Face

FRAME_S = 0.1
BURST_AT_S = COUNTDOWN_S
END_S = COUNTDOWN_S + BURST_S


def reading(classes: Sequence[str] = EMOTIONS, **shares: float) -> Face:
    """A face read with these probabilities; what is left goes to neutral."""
    probabilities = np.array([shares.get(name, 0.0) for name in classes])
    probabilities[list(classes).index(NEUTRAL)] += 1 - probabilities.sum()
    return Face((10, 10, 50, 50), (10, 10, 50, 50), 0.9, probabilities, tuple(classes))


def tried(expression: str, score: float, round_number: int = 1) -> Attempt:
    return Attempt(round_number, expression, score, score / 100, 0.0, expression)


def play(practice: Practice, face: Face | None, start_s: float = 0.0) -> float:
    """Go through a countdown and a burst that show one face, and stay there; returns when the burst was over."""
    practice.ready()
    for time_s in np.arange(start_s, start_s + END_S + 5 * FRAME_S, FRAME_S):
        practice.watch(face, float(time_s))
    practice.pause()
    return float(time_s)


def after_neutral(neutral: Face, *asked: str) -> Practice:
    """A practice whose neutral face was taken, at the prompt after it."""
    practice = Practice(neutral.classes)
    practice.begin((NEUTRAL, *asked))
    practice.take(neutral)
    practice.next()
    return practice


class TestScore:
    @pytest.mark.parametrize(
        ("probability", "neutral_probability", "score"),
        [
            (0.0, 0.0, 0),
            (1.0, 0.0, 100),
            (0.4, 0.0, 40),
            (0.4, 0.4, 0),
            (0.3, 0.4, 0),
            (0.7, 0.4, 50),
            (1.0, 0.4, 100),
            (1.0, 1.0, 0),
        ],
        ids=[
            "nothing",
            "certain",
            "from zero",
            "as neutral",
            "less than neutral",
            "half the way",
            "all the way",
            "no way left",
        ],
    )
    def test_it_is_the_share_of_the_way_to_certainty(
        self, probability: float, neutral_probability: float, score: float
    ) -> None:
        assert acting.score(probability, neutral_probability) == pytest.approx(score)


class TestPrompts:
    @pytest.mark.parametrize("name", EMOTIONS_WITH_CONTEMPT)
    def test_every_expression_has_a_hint(self, name: str) -> None:
        hint = acting.HINTS[name]
        assert hint.brows
        assert hint.eyes
        assert hint.mouth
        assert (name == NEUTRAL) == (hint.action_units == ())
        assert name == NEUTRAL or hint.source in acting.SOURCES
        assert ("@keyframes" in draw_face(hint.action_units)) == (name != NEUTRAL), "what is asked for moves"
        assert list(hint.action_units) == sorted(set(hint.action_units))

    def test_prompts_are_sentences(self) -> None:
        assert [acting.prompt_words(name) for name in ("surprise", "fear", NEUTRAL)] == [
            "Look surprised",
            "Look afraid",
            "Look neutral",
        ]

    @pytest.mark.parametrize("classes", [EMOTIONS, EMOTIONS_WITH_CONTEMPT], ids=["seven", "with contempt"])
    def test_a_round_asks_for_everything_once_and_neutral_first(self, classes: tuple[str, ...]) -> None:
        rounds = [acting.shuffled_round(classes, seed) for seed in range(20)]
        assert all(one[0] == NEUTRAL and sorted(one) == sorted(classes) for one in rounds)
        assert len(set(rounds)) > 10
        assert rounds[3] == acting.shuffled_round(classes, 3)

    def test_no_prompt_comes_twice_in_a_row(self) -> None:
        prompts = [name for seed in range(50) for name in acting.shuffled_round(EMOTIONS, seed)]
        assert all(one != other for one, other in pairwise(prompts))


class TestPractice:
    def test_before_a_round_nothing_happens(self) -> None:
        practice = Practice(EMOTIONS)
        for act in (practice.ready, practice.pause, practice.again, practice.next, lambda: practice.take(reading())):
            act()
            assert practice.watch(reading(happy=1.0), 0.0) is False
        state = practice.state()
        assert (state.phase, state.expression, state.position, state.total) == ("idle", None, 0, 0)
        assert (state.attempts, state.attempt, state.round_attempts, dict(state.neutral)) == ((), None, (), {})

    @pytest.mark.parametrize(
        ("classes", "expressions", "error"),
        [
            ((), (), "known expressions"),
            (("happy", "sad"), (), "known expressions"),
            ((NEUTRAL, "bored"), (), "known expressions"),
            (EMOTIONS, (), "begins with neutral"),
            (EMOTIONS, ("happy", NEUTRAL), "begins with neutral"),
            (EMOTIONS, (NEUTRAL, "contempt"), "classes alone"),
        ],
        ids=["no classes", "no neutral", "unknown class", "no prompts", "neutral too late", "unknown prompt"],
    )
    def test_what_cannot_be_practised_is_refused(
        self, classes: tuple[str, ...], expressions: tuple[str, ...], error: str
    ) -> None:
        with pytest.raises(ValueError, match=error):
            Practice(classes).begin(expressions)

    @pytest.mark.parametrize(
        ("at_s", "phase", "remaining_s"),
        [
            (0.0, "countdown", COUNTDOWN_S),
            (BURST_AT_S - 0.5, "countdown", 0.5),
            (BURST_AT_S, "burst", BURST_S),
            (END_S - 0.5, "burst", 0.5),
            (END_S, "result", RESULT_S),
        ],
        ids=["first frame", "before the burst", "burst begins", "burst runs", "burst is over"],
    )
    def test_the_stream_s_clock_leads_through_the_phases(self, at_s: float, phase: str, remaining_s: float) -> None:
        practice = Practice(EMOTIONS)
        practice.begin((NEUTRAL, "happy"))
        practice.ready()
        start_s = 70.0
        for offset_s in [*np.arange(0, at_s, 0.25), at_s]:
            practice.watch(reading(), start_s + offset_s)
        state = practice.state()
        assert (state.phase, state.remaining_s) == (phase, pytest.approx(remaining_s))

    def test_before_the_first_frame_the_whole_countdown_is_left(self) -> None:
        practice = Practice(EMOTIONS)
        practice.begin((NEUTRAL, "happy"))
        practice.watch(reading(), 5.0)
        practice.ready()
        assert (practice.state().phase, practice.state().remaining_s) == ("countdown", COUNTDOWN_S)
        practice.watch(reading(), 5.0 + 10 * STALL_S)
        assert not practice.state().stalled, "the stream stood still before the countdown"

    @pytest.mark.parametrize(
        ("next_s", "phase"),
        [
            (END_S - 1 + STALL_S - 0.01, "result"),
            (END_S - 1 + STALL_S, "countdown"),
            (0.0, "countdown"),
        ],
        ids=["a short gap", "a gap as long as a burst", "a stream that began anew"],
    )
    def test_a_burst_that_may_have_passed_unseen_is_repeated(self, next_s: float, phase: str) -> None:
        practice = after_neutral(reading(), "happy")
        practice.ready()
        for time_s in np.arange(0, END_S - 1 + FRAME_S / 2, FRAME_S):
            practice.watch(reading(happy=0.9), float(time_s))
        practice.watch(reading(), next_s)
        assert (practice.state().phase, practice.state().stalled) == (phase, phase == "countdown")
        if phase == "countdown":
            assert practice.state().remaining_s == COUNTDOWN_S
            play(practice, reading(), next_s + FRAME_S)
            assert practice.state().attempt.score == 0, "what was seen before the gap is forgotten"

    def test_a_slow_stream_has_its_burst_too(self) -> None:
        practice = after_neutral(reading(), "happy")
        practice.ready()
        seen = [practice.watch(reading(happy=0.6), time_s) for time_s in (0.0, 3.9, 7.8)]
        assert seen == [False, True, False]
        assert practice.state().attempt.score == pytest.approx(60, abs=0.01)

    def test_the_best_frame_of_the_burst_counts(self) -> None:
        practice = after_neutral(reading(), "happy")
        practice.ready()
        frames = [
            (0.0, reading(happy=0.99), False),
            (COUNTDOWN_S - 0.1, reading(happy=0.99), False),
            (COUNTDOWN_S, reading(happy=0.2), True),
            (COUNTDOWN_S + 0.3, None, False),
            (COUNTDOWN_S + 0.5, reading(happy=0.6, sad=0.3), True),
            (COUNTDOWN_S + 1.0, reading(happy=0.5), False),
            (COUNTDOWN_S + 1.5, reading(happy=0.6), False),
            (END_S, reading(happy=0.98), False),
        ]
        for before, (at_s, face, is_best) in zip([0.0, *[f[0] for f in frames]], frames, strict=False):
            for time_s in np.arange(before + FRAME_S, at_s - FRAME_S / 2, FRAME_S):
                practice.watch(None, float(time_s))
            assert practice.watch(face, at_s) is is_best
        attempt = practice.state().attempt
        assert (attempt.expression, attempt.read_as) == ("happy", "happy")
        assert attempt.probability == pytest.approx(0.6)
        assert attempt.score == pytest.approx(60, abs=0.01)

    def test_a_score_counts_from_the_most_that_the_neutral_face_reached(self) -> None:
        practice = Practice(EMOTIONS)
        practice.begin((NEUTRAL, "sad"))
        practice.ready()
        for time_s, face in [(0, None), (1.5, None), (3, reading(sad=0.2)), (3.5, reading(sad=0.5)), (4, reading())]:
            practice.watch(face, time_s)
        practice.watch(None, END_S)
        neutral = practice.state()
        assert neutral.attempt.score == pytest.approx(100)
        assert neutral.neutral["sad"] == pytest.approx(0.5)
        practice.next()
        play(practice, reading(sad=0.75), END_S + FRAME_S)
        assert practice.state().attempt.score == pytest.approx(50, abs=0.01)
        assert practice.state().attempt.neutral_probability == pytest.approx(0.5)

    def test_who_keeps_still_scores_nothing(self) -> None:
        still = reading(angry=0.2, sad=0.3)
        practice = after_neutral(still, "sad")
        play(practice, still)
        assert practice.state().attempt.score == 0

    def test_neutral_is_scored_by_its_probability_alone(self) -> None:
        practice = Practice(EMOTIONS)
        practice.begin((NEUTRAL, "sad"))
        practice.take(reading(sad=0.5))
        attempt = practice.state().attempt
        assert (attempt.score, attempt.neutral_probability) == (pytest.approx(50), 0.0)
        assert attempt.read_as == "sad"

    def test_the_prompt_stays_until_the_player_goes_on(self) -> None:
        practice = after_neutral(reading(), "happy", "sad")
        end_s = play(practice, reading(happy=0.8))
        for time_s in np.arange(end_s, end_s + 60, FRAME_S):
            practice.watch(reading(sad=0.9), float(time_s))
        state = practice.state()
        assert (state.phase, state.expression, state.attempt.expression) == ("result", "happy", "happy")
        practice.next()
        assert (practice.state().phase, practice.state().expression) == ("prompt", "sad")

    def test_a_second_click_does_no_harm(self) -> None:
        practice = after_neutral(reading(), "happy", "sad")
        practice.next()
        practice.again()
        assert practice.state().expression == "happy"
        practice.ready()
        practice.watch(reading(), 0.0)
        practice.watch(reading(), 1.0)
        practice.ready()
        practice.next()
        practice.take(reading(happy=1.0))
        assert (practice.state().phase, practice.state().remaining_s) == ("countdown", COUNTDOWN_S - 1.0)

    def test_a_burst_without_a_face_is_no_try(self) -> None:
        practice = after_neutral(reading(), "happy")
        end_s = play(practice, None)
        state = practice.state()
        assert (state.phase, state.attempt, len(state.attempts)) == ("missed", None, 1)
        practice.next()
        assert practice.state().phase == "missed"
        practice.again()
        play(practice, reading(happy=0.8), end_s)
        assert practice.state().attempt.expression == "happy"

    @pytest.mark.parametrize("until_s", [1.0, COUNTDOWN_S + 1], ids=["countdown", "burst"])
    def test_a_countdown_can_be_called_off(self, until_s: float) -> None:
        practice = after_neutral(reading(), "happy")
        practice.ready()
        for time_s in np.arange(0, until_s + FRAME_S / 2, FRAME_S):
            practice.watch(reading(happy=0.9), float(time_s))
        practice.pause()
        assert (practice.state().phase, practice.state().remaining_s) == ("prompt", 0)
        play(practice, reading(), until_s)
        assert practice.state().attempt.score == 0

    def test_a_photo_without_a_face_is_no_try(self) -> None:
        practice = after_neutral(reading(), "happy")
        assert practice.take(None) is False
        assert (practice.state().phase, len(practice.state().attempts)) == ("missed", 1)
        practice.again()
        assert practice.take(reading(happy=0.8)) is True
        assert practice.take(reading(happy=0.9)) is False
        assert practice.state().attempt.probability == pytest.approx(0.8)

    def test_another_try_of_the_same_prompt(self) -> None:
        practice = after_neutral(reading(), "happy")
        turns = [practice.state().turn]
        for share in (0.8, 0.4):
            practice.take(reading(happy=share))
            practice.again()
            turns.append(practice.state().turn)
        assert [round(a.score) for a in practice.state().attempts] == [100, 80, 40]
        assert len(set(turns)) == 3
        assert (practice.state().phase, practice.state().expression) == ("prompt", "happy")

    def test_another_neutral_face_replaces_the_first(self) -> None:
        practice = Practice(EMOTIONS)
        practice.begin((NEUTRAL, "sad"))
        practice.take(reading(sad=0.4))
        practice.again()
        practice.take(reading(sad=0.1))
        practice.next()
        practice.take(reading(sad=0.1))
        assert practice.state().attempt.score == 0
        assert practice.state().attempt.neutral_probability == pytest.approx(0.1)

    def test_prompts_follow_by_themselves_and_a_face_that_is_not_at_rest_is_taken_again(self) -> None:
        practice = Practice(EMOTIONS)
        practice.begin((NEUTRAL, "happy"))
        practice.ready()
        shown, phases, near = [reading(sad=0.7), None, reading(), reading(happy=0.8)], [], []
        for time_s in np.arange(0, 60, FRAME_S):
            state = practice.state()
            if not phases or phases[-1][:2] != (state.phase, state.turn):
                phases.append((state.phase, state.turn, state.refused_as))
            if state.phase == "done":
                break
            near.append(state.nearness)
            practice.watch(shown[state.turn - phases[0][1]], float(time_s))
        stands = ["refused", "missed", "result", "result"]
        assert [phase for phase, *_ in phases] == [p for end in stands for p in ("countdown", "burst", end)] + ["done"]
        assert phases[2][2] == ("sad", pytest.approx(0.7))
        assert time_s == pytest.approx(4 * (END_S + RESULT_S), abs=1)
        assert [round(a.score) for a in state.attempts] == [100, 80]
        assert {None if one is None else round(one) for one in near} == {None, 30, 100, 80}

    def test_a_face_that_is_always_read_so_is_taken_in_the_end(self) -> None:
        practice = Practice(EMOTIONS)
        practice.begin((NEUTRAL, "sad"))
        for _ in range(MOST_REFUSALS):
            practice.take(reading(sad=0.9))
            assert (practice.state().phase, practice.state().attempts) == ("refused", ())
            practice.again()
        practice.take(reading(sad=0.9))
        assert practice.state().attempt.score == pytest.approx(10)

    def test_a_round_of_seven_ends_after_the_last_prompt(self) -> None:
        practice = Practice(EMOTIONS)
        practice.begin(acting.shuffled_round(EMOTIONS, 1))
        seen = []
        for position in range(1, 8):
            state = practice.state()
            assert (state.phase, state.position, state.total) == ("prompt", position, 7)
            seen.append(state.expression)
            practice.take(reading(**({} if state.expression == NEUTRAL else {state.expression: 0.7})))
            practice.next()
        state = practice.state()
        assert (state.phase, state.expression, state.position) == ("done", None, 7)
        assert [a.expression for a in state.round_attempts] == seen
        assert sorted(seen) == sorted(EMOTIONS)
        practice.next()
        assert practice.state().phase == "done"

    def test_a_second_round_takes_its_own_neutral_face_and_keeps_the_progress(self) -> None:
        practice = after_neutral(reading(), "happy")
        practice.take(reading(happy=0.7))
        practice.begin((NEUTRAL, "happy"))
        assert dict(practice.state().neutral) == {}
        assert len(practice.state().attempts) == 2
        practice.take(reading())
        assert [a.round for a in practice.state().attempts] == [1, 1, 2]
        assert [a.expression for a in practice.state().round_attempts] == [NEUTRAL]

    @pytest.mark.parametrize("phase", ["idle", "prompt", "countdown", "result", "missed"])
    def test_a_round_can_be_given_up(self, phase: str) -> None:
        practice = Practice(EMOTIONS)
        if phase != "idle":
            practice.begin((NEUTRAL, "happy"))
        if phase == "countdown":
            practice.ready()
        elif phase in ("result", "missed"):
            practice.take(reading(happy=0.2) if phase == "result" else None)
        assert practice.state().phase == phase
        practice.leave()
        state = practice.state()
        assert (state.phase, state.expression) == ("idle", None)
        assert len(state.attempts) == (phase == "result"), "tries that were scored stay"
        practice.begin((NEUTRAL, "sad"))
        assert practice.state().phase == "prompt"

    def test_readings_of_another_model_are_refused(self) -> None:
        practice = Practice(EMOTIONS)
        practice.begin((NEUTRAL, "happy"))
        with pytest.raises(ValueError, match="is for the classes"):
            practice.take(reading(EMOTIONS_WITH_CONTEMPT))


class TestProgress:
    @pytest.mark.parametrize(
        ("scores", "length"),
        [([], 0), ([49.9], 0), ([50], 1), ([80, 10, 60, 70], 2), ([80, 60, 10], 0)],
        ids=["no try", "below", "just good", "after a bad one", "ended"],
    )
    def test_a_streak_is_what_went_well_without_a_break(self, scores: list[float], length: int) -> None:
        assert acting.streak([tried("happy", score) for score in scores]) == length

    def test_progress_without_a_try(self) -> None:
        assert acting.progress([], ("happy",)) == [acting.Progress("happy", 0, None, None)]

    def test_progress_by_expression(self) -> None:
        attempts = [tried("sad", 20), tried("happy", 70), tried("sad", 10, 2)]
        assert acting.progress(attempts, ("happy", "sad")) == [
            acting.Progress("happy", 1, 70, 70),
            acting.Progress("sad", 2, 20, 10),
        ]

    @pytest.mark.parametrize("attempts", [[], [tried("happy", 100 / 3)]], ids=["empty", "one"])
    def test_the_table_has_its_types(self, attempts: list[Attempt]) -> None:
        table = acting.to_table(attempts)
        assert table.dtypes.astype(str).to_dict() == {
            "round": "int64",
            "expression": "str",
            "score": "float64",
            "probability": "float64",
            "neutral_probability": "float64",
            "read_as": "str",
        }
        assert table.to_dict("records") == [attempt.to_record() for attempt in attempts]
        assert table["score"].tolist() == [33.3333] * len(attempts)

    def test_the_neutral_face_was_compared_with_nothing(self) -> None:
        table = acting.to_table([tried(NEUTRAL, 90), tried("happy", 50)])
        assert table["neutral_probability"].isna().tolist() == [True, False]
