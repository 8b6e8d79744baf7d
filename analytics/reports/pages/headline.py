"""The numbers at the top: fault rate, interruptions, time lost, coverage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import (
    basis_text,
    count_text,
    gpu_days_text,
    hours_text,
    number_text,
    rate_text,
    share_text,
    told_rate,
    verdict_text,
)
from clusterctl.analytics.reports.page import (
    ESSENTIAL,
    Badge,
    Card,
    Cards,
    Cell,
    Column,
    Facts,
    Grid,
    Note,
    Section,
    Span,
    Tone,
)
from clusterctl.analytics.reports.words import Words
from clusterctl.analytics.stats import ABOVE, BELOW, Rate, Verdict

TONES = {BELOW: Tone.GOOD, ABOVE: Tone.BAD}


def headline(cluster: model.ClusterReport, w: Words) -> Section:
    """Rates with what they stand on, verdicts, and the other numbers that everybody asks for."""
    notes = [Note(w.told(text), Tone.WARN) for text in cluster.warnings]
    blocks = [Cards(list(_cards(cluster, w))), *notes, _rates(cluster, w), Facts(_facts(cluster, w))]
    return Section("headline", w("Headline"), blocks)


def _cards(cluster: model.ClusterReport, w: Words) -> Iterator[Card]:
    faults, stops = cluster.faults, cluster.interruptions
    yield _rate_card(w, w("Faults per 1000 GPU-days"), binding(faults), faults.verdicts)
    yield _rate_card(w, w("Interruptions per 1000 GPU-days"), stops.per_1000_gpu_days, stops.verdicts)
    times = cluster.times
    if times.mtbf_gpu_hours.low is not None:
        yield _between(cluster, w)
    if stops.mtti_hours:
        notes = [
            w("{count} interruptions in {hours} h of evidence", count=count_text(w, stops.count), hours=number_text(
                cluster.window.evidence_hours))
        ]  # fmt: skip
        yield Card(w("Time to interruption, mean"), w("{hours} h", hours=number_text(stops.mtti_hours)), notes)
    if times.availability.planned_left_out is not None:
        with_planned = share_text(w, times.availability.planned_is_down)
        notes = [w("{share} with planned downtime as down", share=with_planned)]
        yield Card(w("Availability"), share_text(w, times.availability.planned_left_out), notes)
    if times.ettr.cumulative is not None:
        notes = [w("of {count} jobs, weighted by their GPUs", count=count_text(w, times.ettr.jobs))]
        yield Card(w("Effective training time (ETTR)"), share_text(w, times.ettr.cumulative), notes)
    if times.goodput.share is not None:
        notes = [w("of {hours} scheduled GPU-hours", hours=count_text(w, round(times.goodput.gpu_hours)))]
        yield Card(w("Goodput"), share_text(w, times.goodput.share), notes)
    yield _coverage_card(cluster.coverage, w)
    unowned = sum(incident.state == "open" for incident in cluster.open_incidents)
    if cluster.open_incidents:
        notes = [w("{count} nobody has acknowledged", count=count_text(w, unowned))]
        yield Card(w("Open incidents"), count_text(w, len(cluster.open_incidents)), notes)


def binding(faults: model.Faults) -> Rate:
    """The rate with the interval that the verdict uses: the wider one where faults are shown to come in clusters."""
    scaled = faults.dispersion.scaled
    return (
        scaled if faults.dispersion.binding and scaled is not None and told_rate(scaled) else faults.per_1000_gpu_days
    )


def _between(cluster: model.ClusterReport, w: Words) -> Card:
    hours, name = cluster.times.mtbf_gpu_hours, w("GPU-hours between faults")
    if hours.value is None or hours.low is None:
        return Card(name, hours_text(w, hours), [_stands_on(w, cluster.faults)])
    high = "∞" if hours.high is None else number_text(hours.high)
    interval = w("{low} to {high}", low=number_text(hours.low), high=high)
    notes = [w("95 %: {interval}", interval=interval), _stands_on(w, cluster.faults)]
    return Card(name, w("{hours} h", hours=number_text(hours.value)), notes)


def _rate_card(w: Words, name: str, rate: Rate, verdicts: Sequence[Verdict]) -> Card:
    value, interval = rate_text(w, rate)
    if not told_rate(rate):
        count = w("{count} counted; no exposure to divide by", count=count_text(w, rate.count))
        return Card(name, value, [count])
    stands_on = w(
        "{count} in {days} GPU-days, {basis}",
        count=count_text(w, rate.count),
        days=gpu_days_text(w, rate.gpu_days),
        basis=basis_text(w, rate.basis),
    )
    badges = [
        Badge(f"{verdict.target:g}: {w.told(verdict.verdict)}", TONES.get(verdict.verdict, Tone.WARN))
        for verdict in verdicts
    ]
    targets = tuple(verdict.target for verdict in verdicts)
    return Card(name, value, [w("95 %: {interval}", interval=interval), stands_on], badges, span_of(rate, targets))


def span_of(rate: Rate, marks: Sequence[float] = (), scale: float | None = None) -> Span | None:
    """The rate's interval on a scale that holds it and the marks."""
    if rate.value is None or rate.low is None or rate.high is None:
        return None
    most = scale if scale is not None else 1.05 * max(rate.high, *marks, 1e-12)
    return Span(rate.low, rate.value, rate.high, most, tuple(marks))


def _stands_on(w: Words, faults: model.Faults) -> str:
    return w(
        "{count} faults in {days} GPU-days in service",
        count=count_text(w, faults.count),
        days=gpu_days_text(w, faults.gpu_days.in_service),
    )


def _coverage_card(coverage: model.Coverage, w: Words) -> Card:
    if coverage.share is None:
        return Card(w("Coverage"), w("unknown"), [w("nothing was watched; exposure as stated by an import")
                    if coverage.source == "imported" else w("nothing was watched")])  # fmt: skip
    notes = [
        w(
            "{done} of {expected} node-minutes watched",
            done=count_text(w, coverage.node_minutes),
            expected=count_text(w, coverage.node_minutes_expected),
        )
    ]
    return Card(w("Coverage"), share_text(w, coverage.share), notes)


def _rates(cluster: model.ClusterReport, w: Words) -> Grid | Note:
    faults, stops, lines = cluster.faults, cluster.interruptions, cluster.lines
    names = {"capacity": w("faults, of capacity"), "allocated": w("faults, of allocated")}
    bases = faults.by_basis or [faults.per_1000_gpu_days]
    listed: list[tuple[str, Rate]] = [(names.get(rate.basis, w("faults")), rate) for rate in bases]
    if binding(faults).high != faults.per_1000_gpu_days.high:
        listed.insert(0, (w("faults, in clusters: binding"), binding(faults)))
    listed += [
        (w("interruptions"), stops.per_1000_gpu_days),
        (w("interruptions incl. planned"), stops.including_planned.per_1000_gpu_days),
        (w("faults incl. software"), lines.including_software.per_1000_gpu_days),
        (w("faults incl. unattributed"), lines.including_unattributed.per_1000_gpu_days),
        (w("user"), lines.user.per_1000_gpu_days),
        (w("planned"), lines.planned.per_1000_gpu_days),
        (w("degradations"), lines.degradations.per_1000_gpu_days),
        (w("fail-slow"), lines.fail_slow.per_1000_gpu_days),
        (w("silent nodes"), lines.telemetry_gaps.per_1000_gpu_days),
    ]
    told = [(name, rate) for name, rate in listed if told_rate(rate) or rate.count]
    if not told:
        return Note(w("No rate: there is neither a fault nor an exposure to divide by."))
    scale = 1.05 * max([rate.high for _name, rate in listed[:4] if rate.high is not None] or [1.0])
    targets = tuple(verdict.target for verdict in faults.verdicts if verdict.target <= scale)
    return Grid(
        [*rate_columns(w, w("per 1000 GPU-days")), Column(w("basis"), keep=7), Column(w("interval"), keep=2)],
        [[*rate_cells(w, name, rate), basis_text(w, rate.basis), span_of(rate, targets, scale)] for name, rate in told],
    )


def rate_columns(w: Words, first: str) -> list[Column]:
    """Columns of `rate_cells`: a rate is never without any of them."""
    return [
        Column(first, keep=ESSENTIAL, wrap=True),
        Column(w("rate"), right=True, keep=ESSENTIAL),
        Column(w("95 % interval"), right=True, keep=ESSENTIAL),
        Column(w("count"), right=True, keep=ESSENTIAL),
        Column(w("GPU-days"), right=True, keep=ESSENTIAL),
    ]


def rate_cells(w: Words, name: str, rate: Rate) -> list[Cell]:
    """Name, rate, interval, count, exposure."""
    value, interval = rate_text(w, rate)
    return [name, value, interval, count_text(w, rate.count), gpu_days_text(w, rate.gpu_days)]


def _facts(cluster: model.ClusterReport, w: Words) -> list[tuple[str, str]]:
    faults, stops = cluster.faults, cluster.interruptions
    days = faults.gpu_days
    rows = [
        (w("against {target}", target=f"{verdict.target:g}"), verdict_text(w, verdict, days.in_service))
        for verdict in faults.verdicts
    ]
    rows.append(
        (
            w("exposure, GPU-days"),
            w(
                "in service {in_service}, capacity {capacity}, allocated {allocated}",
                in_service=gpu_days_text(w, days.in_service),
                capacity=gpu_days_text(w, days.capacity),
                allocated=gpu_days_text(w, days.allocated),
            ),
        )
    )
    if told_rate(stops.per_1000_node_days):
        value, interval = rate_text(w, stops.per_1000_node_days)
        text = w(
            "{rate} ({interval}) per 1000 node-days of {gpus} GPUs; {count} in {days} node-days",
            rate=value,
            interval=interval,
            gpus=stops.gpus_per_node,
            count=count_text(w, stops.per_1000_node_days.count),
            days=gpu_days_text(w, stops.per_1000_node_days.gpu_days),
        )
        rows.append((w("interruptions by node"), text))
    share = share_text(w, faults.unattributed_share)
    unattributed = count_text(w, faults.unattributed)
    if faults.unattributed_share is not None:
        unattributed = w("{count} ({share} of unexpected incidents)", count=unattributed, share=share)
    rows.append((w("unattributed"), unattributed))
    nameless = faults.count and not faults.concentration.distinct_nodes  # counts of an import, not that no node had one
    rows.append((w("nodes with a fault"), count_text(w, None if nameless else faults.concentration.distinct_nodes)))
    rows.append(
        (w("nodes affected, added up over incidents"), count_text(w, None if nameless else faults.nodes_affected))
    )
    rows.append((w("still open at the end"), w("{count}, counted", count=count_text(w, faults.still_open))))
    if faults.out_of_service:
        text = w("{count}, in the capacity rate alone", count=count_text(w, faults.out_of_service))
        rows.append((w("out of service already"), text))
    if faults.before_exposure:
        rows.append((w("outside exposure"), w("{count}, in no rate", count=count_text(w, faults.before_exposure))))
    rows.append((w("method"), w.told(binding(faults).method)))
    return rows
