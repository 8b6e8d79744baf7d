"""Published tables print percentages that their own counts do not give; say so instead of passing them on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

ROUNDING = 0.06
"""A percentage printed to one decimal may differ by 0.05 and a little."""


def printed_warnings(rows: Sequence[tuple[str, str, int, str]]) -> list[str]:
    """Warnings about (cause, category, count, printed percentage) rows whose printed share is not that of the counts."""
    known = [
        (cause, category, count, float(printed)) for cause, category, count, printed in rows if _is_number(printed)
    ]
    total = sum(count for _, _, count, _ in rows)
    if not known or not total:
        return []
    warnings = [
        f"{cause}: printed {printed:g} %, the counts give {100 * count / total:.1f} %"
        for cause, _, count, printed in known
        if abs(printed - 100 * count / total) > ROUNDING
    ]
    categories: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for _, category, count, printed in known:
        if category:
            categories[category].append((count, printed))
    for category, members in categories.items():
        printed = sum(share for _, share in members)
        counted = 100 * sum(count for count, _ in members) / total
        if len(members) > 1 and abs(printed - counted) > ROUNDING * len(members):
            warnings.append(f"{category} together: printed {printed:.1f} %, the counts give {counted:.1f} %")
    everything = sum(printed for *_, printed in known)
    if len(known) == len(rows) and abs(everything - 100) > ROUNDING * len(known):
        warnings.append(f"printed percentages sum to {everything:.1f}, not to 100")
    return warnings


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
