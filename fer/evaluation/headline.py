"""A model's report -> the one line that lists and captions show, with its protocol."""

from collections.abc import Mapping


def headline(report: Mapping) -> str:
    """Say how well a model did on FER2013's PrivateTest, or that nobody has measured it.

    Args:
        report: the content of the model's `report.json`; may be empty.
    """
    for evaluation in report.get("evaluations", ()):
        stamp, plain, flip = evaluation["stamp"], evaluation["plain"], evaluation["flip"]
        if (stamp["data"], stamp["split"]) == ("fer2013", "PrivateTest"):
            low, high = (f"{100 * bound:.1f}" for bound in plain["accuracy_95"])
            return (
                f"{100 * plain['accuracy']:.1f} % right on FER2013 PrivateTest (95 % interval {low} to {high}, "
                f"{plain['n']:,} faces, no averaging; {100 * flip['accuracy']:.1f} % with the mirrored face averaged in)"
            )
    return "Not measured yet: run `python -m fer evaluate` on FER2013."
