"""The outcomes of many fleets as one table of measures, each beside what it should be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.stats import beta

from tests.accuracy.fleet import SIGNIFICANT, Outcome
from tests.accuracy.fleets import CLUSTERED, EVEN, MIXED, WEAK


@dataclass(frozen=True, slots=True)
class Measure:
    """A share with its exact 95 % interval, and between what it should lie."""

    name: str
    hits: int
    trials: int
    least: float | None = None
    most: float | None = None

    @property
    def share(self) -> float | None:
        """Missing where nothing was tried."""
        return self.hits / self.trials if self.trials else None

    @property
    def limits(self) -> tuple[float, float]:
        """Clopper-Pearson."""
        low = 0.0 if self.hits == 0 else float(beta.ppf(0.025, self.hits, self.trials - self.hits + 1))
        high = 1.0 if self.hits == self.trials else float(beta.ppf(0.975, self.hits + 1, self.trials - self.hits))
        return low, high

    @property
    def good(self) -> bool | None:
        """Whether the share is where it should be; None where nothing is asked of it, or nothing was tried."""
        if self.share is None or (self.least is None and self.most is None):
            return None
        return (self.least is None or self.share >= self.least) and (self.most is None or self.share <= self.most)

    @property
    def excluded(self) -> bool:
        """Whether chance does not explain that it is not: what a few seeds can say."""
        low, high = self.limits
        return self.good is False and (
            (self.least is not None and high < self.least) or (self.most is not None and low > self.most)
        )

    def line(self) -> str:
        """For people."""
        if self.share is None:
            return f"{self.name:<58} nothing tried"
        low, high = self.limits
        wanted = {(True, True): "", (False, True): f">= {self.least}", (True, False): f"<= {self.most}"}.get(
            (self.least is None, self.most is None), f"{self.least} to {self.most}"
        )
        word = {True: "ok", False: "NOT", None: ""}[self.good]
        counts = f"{self.hits:,}/{self.trials:,}"
        return f"{self.name:<58} {self.share:7.4f}  {low:.4f} to {high:.4f}  {counts:>15}  {wanted:<14} {word}"


def measures(outcomes: Sequence[Outcome]) -> list[Measure]:
    """All of them."""
    found = []
    for kind in (MIXED, EVEN, CLUSTERED, WEAK):
        mine = [one for one in outcomes if one.kind == kind]
        if mine:
            found += [*_incidents(kind, mine), *_rates(kind, mine), *_units(kind, mine)]
    return found


def _incidents(kind: str, mine: Sequence[Outcome]) -> Iterable[Measure]:
    matched, missed, extra = (sum(sum(counts(one).values()) for one in mine) for counts in
                              (lambda one: one.matched, lambda one: one.missed, lambda one: one.extra))  # fmt: skip
    yield Measure(f"{kind}: incident precision", matched, matched + extra, least=0.98)
    yield Measure(f"{kind}: incident recall", matched, matched + missed, least=0.98)
    right = sum(one.faults_matched for one in mine)
    yield Measure(
        f"{kind}: faults among what the headline counts", right, sum(one.faults_found for one in mine), least=0.97
    )
    yield Measure(f"{kind}: faults that the headline counts", right, sum(one.faults_true for one in mine), least=0.97)


def _rates(kind: str, mine: Sequence[Outcome]) -> Iterable[Measure]:
    if kind == MIXED:
        return
    asked = kind == EVEN
    yield Measure(
        f"{kind}: plain interval holds the true rate", sum(one.covered_plain for one in mine), len(mine),
        0.93 if asked else None, 0.97 if asked else None,
    )  # fmt: skip
    used = [one for one in mine if one.binding or asked]
    least, most = (None, None) if kind == WEAK else (0.93, 0.97)
    where = "in use" if asked else "where scaled"
    yield Measure(
        f"{kind}: interval {where} holds the true rate", sum(one.covered for one in used), len(used), least, most
    )
    if not asked:
        yield Measure(f"{kind}: interval in use holds the true rate", sum(one.covered for one in mine), len(mine))
    told = sum(one.binding for one in mine)
    yield Measure(f"{kind}: scaled interval binding", told, len(mine),
                  0.9 if kind == CLUSTERED else None, 0.02 if asked else None)  # fmt: skip


def _units(kind: str, mine: Sequence[Outcome]) -> Iterable[Measure]:
    if kind in (CLUSTERED, WEAK):
        return
    if kind == EVEN:
        yield Measure("even: fleets without lemons in which a node is flagged", sum(one.flagged_wrongly > 0 for one in mine),
                      len(mine), most=0.05)  # fmt: skip
        yield Measure("even: equal batches called different", sum(one.batch_p < SIGNIFICANT for one in mine), len(mine),
                      most=0.05)  # fmt: skip
        return
    flagged = sum(one.lemons_found + one.flagged_wrongly for one in mine)
    yield Measure("mixed: lemons found (40 times the rate)", sum(one.lemons_found for one in mine),
                  sum(one.lemons for one in mine))  # fmt: skip
    yield Measure(
        "mixed: flagged nodes that are no worse than others",
        sum(one.flagged_wrongly for one in mine),
        flagged,
        most=0.05,
    )
    yield Measure("mixed: batch of twice the rate told", sum(one.batch_p < SIGNIFICANT for one in mine), len(mine))


def details(outcomes: Sequence[Outcome]) -> list[str]:
    """Where the rest goes: by mechanism and by cause."""
    lines = []
    for kind in dict.fromkeys(one.kind for one in outcomes):
        mine = [one for one in outcomes if one.kind == kind]
        for name in ("matched", "missed", "extra", "blind"):
            total: Counter[str] = sum((getattr(one, name) for one in mine), Counter())
            told = ", ".join(f"{count:,} {what}" for what, count in total.most_common(12)) or "none"
            lines.append(f"{kind}: {name} {sum(total.values()):,}: {told}")
        verdicts: Counter[tuple[str, str]] = sum((one.verdicts for one in mine), Counter())
        by_class: dict[str, list[str]] = {}
        for (cls, verdict), count in sorted(verdicts.items()):
            by_class.setdefault(cls, []).append(f"{count:,} {verdict}")
        lines += [f"{kind}: {cls}: {', '.join(told)}" for cls, told in by_class.items()]
        planned = sum(one.planned_true for one in mine), sum(one.planned_found for one in mine)
        true, found = (sum(getattr(one, name) for one in mine) / len(mine) for name in ("rate_true", "rate_found"))
        lines.append(
            f"{kind}: planned work {planned[0]:,} true, {planned[1]:,} found; mean rate {true:.4f} set, {found:.4f} found"
        )
    return lines
