"""What a stream showed: when nobody was found, and samples as a table."""

import pytest

from fer.recording import MOST_APART_S, EmptySpans, Look, Sample, count_labels, counted_as, samples_table

SOMEBODY = (Sample(0.0, 1, (1.0,), (0.0, 0.0, 10.0, 10.0), 0.9),)


@pytest.mark.parametrize(
    ("looks", "spans"),
    [
        pytest.param([], (), id="no look"),
        pytest.param([(0.0, SOMEBODY), (0.5, SOMEBODY)], (), id="somebody"),
        pytest.param([(0.0, ()), (0.5, ()), (1.0, SOMEBODY)], ((0.0, 0.5),), id="nobody, then somebody"),
        pytest.param([(0.0, ()), (0.5, SOMEBODY), (1.0, ())], ((0.0, 0.0), (1.0, 1.0)), id="somebody for a moment"),
        pytest.param([(0.0, ()), (MOST_APART_S, ())], ((0.0, MOST_APART_S),), id="as far apart as looks may be"),
        pytest.param([(0.0, ()), (1.5, ())], ((0.0, 0.0), (1.5, 1.5)), id="nobody looked between"),
    ],
)
def test_nobody_found_and_nobody_looking_differ(
    looks: list[tuple[float, tuple[Sample, ...]]], spans: tuple[tuple[float, float], ...]
) -> None:
    found = EmptySpans()
    for time_s, samples in looks:
        found.add(Look(time_s, samples))
    assert found.spans() == spans


class TestSamplesTable:
    CLASSES = ("happy", "sad")

    @pytest.mark.parametrize(
        "samples", [[], [Sample(1.5, 2, (0.25, 0.75), (1.0, 2.0, 3.0, 4.0), 0.5)]], ids=["empty", "one"]
    )
    def test_columns_and_types(self, samples: list[Sample]) -> None:
        table = samples_table(samples, self.CLASSES)
        assert len(table) == len(samples)
        assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
            "time_s": "float64",
            "person": "int64",
            "emotion": "str",
            "label": "str",
            "confidence": "float64",
            "x": "float64",
            "y": "float64",
            "w": "float64",
            "h": "float64",
            "detector_score": "float64",
            "happy": "float64",
            "sad": "float64",
        }

    def test_one_row_a_person_and_moment(self) -> None:
        samples = [
            Sample(0.0, 1, (0.5, 0.5), (1.0, 2.0, 3.0, 4.0), 0.9, True),
            Sample(0.0, 2, (0.25, 0.75), (5.0, 6.0, 7.0, 8.0), 0.8, False),
            Sample(0.1, 1, (0.9, 0.1), (1.5, 2.0, 3.0, 4.0), 0.7, False),
        ]
        assert samples_table(samples, self.CLASSES).to_numpy().tolist() == [
            [0.0, 1, "happy", "unsure", 0.5, 1.0, 2.0, 3.0, 4.0, 0.9, 0.5, 0.5],
            [0.0, 2, "sad", "sad", 0.75, 5.0, 6.0, 7.0, 8.0, 0.8, 0.25, 0.75],
            [0.1, 1, "happy", "happy", 0.9, 1.5, 2.0, 3.0, 4.0, 0.7, 0.9, 0.1],
        ]

    @pytest.mark.parametrize(
        ("doubts", "counts"),
        [
            pytest.param((), {"happy": 0, "sad": 0, "unsure": 0}, id="nothing"),
            pytest.param((True, False), {"happy": 0, "sad": 1, "unsure": 1}, id="noted"),
            pytest.param((None, None), {"happy": 1, "sad": 1}, id="not noted"),
            pytest.param((True, None), {"happy": 1, "sad": 1}, id="noted in part"),
        ],
    )
    def test_doubt_counts_as_such_where_it_was_noted(self, doubts: tuple, counts: dict[str, int]) -> None:
        shares = ((0.6, 0.4), (0.1, 0.9))
        samples = [
            Sample(0.0, 1, own, (1.0, 2.0, 3.0, 4.0), 0.9, doubt) for own, doubt in zip(shares, doubts, strict=False)
        ]
        assert count_labels(samples, self.CLASSES) == counts
        counted = counted_as(samples_table(samples, self.CLASSES)).value_counts()
        assert {name: counted.get(name, 0) for name in counts} == counts

    @pytest.mark.parametrize("classes", [(), ("happy",), ("happy", "sad", "fear")], ids=["none", "one", "three"])
    def test_refuses_other_classes(self, classes: tuple[str, ...]) -> None:
        with pytest.raises(ValueError, match=f"A sample has 2 probabilities, but there are {len(classes)} classes"):
            samples_table([Sample(0.0, 1, (0.5, 0.5), (0.0, 0.0, 10.0, 10.0), 0.9)], classes)
