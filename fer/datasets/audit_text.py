"""An audit -> lines for a terminal.

Knows nothing about files or pages.
"""

from collections.abc import Mapping

from fer.datasets.audit import Audit, CopyFigures

_MAX_NAMED = 20


def render_audit(audit: Audit) -> str:
    """Lay an audit out as text, a few lines for each kind of finding."""
    figures, plain = audit.figures, audit.without_blank
    lines = [
        f"{audit.name}, {len(audit):,} rows, digest {audit.digest[:8]}",
        *_rows_beside(audit),
        "",
        f"Distinct pictures   {figures.distinct:,} of {figures.rows:,}",
        *_by("Exact copies", figures.copies),
        *_by("Near copies", audit.near_copies),
        *_by("Repeated in", figures.repeated),
        f"Conflicting labels  groups of copies: {figures.conflicting_groups:,}, rows: {figures.conflicting_rows:,}",
    ]
    if len(audit.blank):
        rows = audit.blank["row"].tolist()
        named = ", ".join(map(str, rows[:_MAX_NAMED])) + (", ..." if len(rows) > _MAX_NAMED else "")
        lines += [f"Blank pictures      {len(rows):,}: {named}", f"Without them        {_in_short(plain)}"]
    if audit.no_face is not None:
        lines += _by("No face (FER+)", audit.to_dict()["no_face_rows"])
    if audit.shared_subjects is not None:
        people = audit.shared_subjects["subject"].tolist()
        named = f": {', '.join(people[:_MAX_NAMED])}" + (", ..." if len(people) > _MAX_NAMED else "") if people else ""
        lines.append(f"People in 2+ splits {len(people):,}{named}")
    lines += ["", _table(audit)]
    if audit.differences is not None:
        lines += ["", *_differences(audit)]
    reasons = audit.rows_to_leave_out["reason"].value_counts()
    lines += ["", f"Rows to leave out   {len(audit.rows_to_leave_out):,}, so that every face comes once"]
    lines += [f"  {count:>6,}  {reason}" for reason, count in reasons.items()]
    return "\n".join(lines)


def _rows_beside(audit: Audit) -> list[str]:
    beside = []
    if audit.bad_rows:
        beside.append(f"Rows that cannot be read: {audit.bad_rows:,}")
    if audit.empty_classes:
        beside.append(f"No row at all: {', '.join(audit.empty_classes)}")
    return beside


def _by(title: str, counts: Mapping[str, int]) -> list[str]:
    return [f"{title if i == 0 else '':<20}{count:,} {where}" for i, (where, count) in enumerate(counts.items())]


def _in_short(figures: CopyFigures) -> str:
    across = [f"{count:,} {where}" for where, count in figures.copies.items()]
    return "; ".join([*across, f"conflicting groups: {figures.conflicting_groups:,}"])


def _table(audit: Audit) -> str:
    counts = audit.counts.assign(all=audit.counts.sum(axis=1))
    counts.loc["all"] = counts.sum()
    return counts.rename_axis(None).map("{:,}".format).to_string()


def _differences(audit: Audit) -> list[str]:
    if audit.differences is None or audit.differences.empty:
        return ["The counts are the published ones."]
    return ["The counts differ from the published ones:"] + [
        f"  {usage} {label}: {here:,} instead of {published:,}"
        for usage, label, published, here in audit.differences.itertuples(index=False)
    ]
