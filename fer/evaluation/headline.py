"""A model's report -> the one line that lists and captions show, with its protocol."""

from fer.evaluation.report import TEST_SPLIT, Report


def headline(report: Report) -> str:
    """Say how well a model did on FER2013's PrivateTest, or that nobody has measured it."""
    found = report.find("fer2013", TEST_SPLIT)
    if found is None:
        return "Not measured yet: run `python -m fer evaluate` on FER2013."
    low, high = (f"{100 * bound:.1f}" for bound in found.plain.accuracy_95)
    return (
        f"{100 * found.plain.accuracy:.1f} % right on FER2013 {TEST_SPLIT} (95 % interval {low} to {high}, "
        f"{found.plain.n:,} faces); {100 * found.flip.accuracy:.1f} % with the mirrored face averaged in"
    )
