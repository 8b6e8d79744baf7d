"""Everything that the catalogue can say about one code, for people and for programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from clusterctl.catalog.code import FOLLOWERS, Code, Weight
from clusterctl.catalog.judge import action_of, refined, sub_code_of
from clusterctl.catalog.nvlink5 import CODES, SubCode, fields_in
from clusterctl.catalog.overrides import JUDGED
from clusterctl.catalog.sources import dated, disagreements, opinions
from clusterctl.catalog.table import Catalogue
from clusterctl.errors import InputError

_NAMED = re.compile(r"\s*(?P<kind>s?xid)?[\s:#]{0,4}0{0,4}(?P<code>\d{1,5})\s*", re.ASCII | re.IGNORECASE)
_LINE = re.compile(r"\b(?P<kind>S?Xid) \([^)]{1,60}\): 0{0,4}(?P<code>\d{1,5})\b", re.ASCII)
_RECOVERY = re.compile(r"recovery action changed from 0x[0-9a-fA-F]{1,2}\b.{0,80}? to 0x(?P<action>[0-9a-fA-F]{1,2})\b")
NEXT = (
    "`clusterctl xid list` shows the codes that are known; of any other, read the whole line and ask NVIDIA's catalogue"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A code as a person gave it."""

    kind: str
    code: str
    fields: Mapping[str, str]
    """Unit, word and words, or the action of a 154, where a whole line was given."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The sub-code in the words of an Xid 144 to 150."""

    name: str
    meaning: str
    sub_code: int
    reason: int
    layout: str
    nvidia_action: str
    nvidia_investigate: str
    hardware_fault: bool
    judged: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code as one driver means it and this site judges it."""

    kind: str
    code: str
    driver: str
    """The driver that was asked about; empty means the newest."""
    drivers: str
    driver_in_range: bool
    mnemonic: str
    meaning: str
    incident_class: str
    counts: str
    """yes, no, or what it takes, with the reason."""
    action: str
    architectures: tuple[str, ...]
    follower: str
    nvidia_immediate: str
    nvidia_investigate: str
    xid154_linkage: str
    first_driver: str
    other_ranges: tuple[tuple[str, str, str], ...]
    """Drivers, name and meaning of the same number elsewhere."""
    decoded: Decoded | None
    undecoded: str
    """Why the words did not help; empty where they did or none were needed."""
    opinions: Mapping[str, str]
    disagreements: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str, str], ...]
    site_reason: str
    site: tuple[tuple[str, str, str], ...]
    """Column, shipped value, the site's value."""
    catalog_version: str


def asked(text: str, kind: str = "") -> Asked:
    """`79`, `XID 79`, `sxid:12028`, or a whole kernel line. Raises InputError for anything else."""
    line = _LINE.search(text[:2_000])
    found = line or _NAMED.fullmatch(text[:40] if len(text) <= 40 else "")
    if found is None:
        raise InputError(f"{text[:80]!r} is no Xid or SXid", hint="give 79, 'XID 79', sxid:12028, or the kernel's line")
    chosen = kind or (found["kind"] or "").lower() or ("sxid" if len(found["code"]) == 5 else "xid")
    fields = fields_in(text) if line else {}
    recovery = _RECOVERY.search(text[:2_000]) if line else None
    return Asked(chosen, found["code"], {**fields, **recovery.groupdict()} if recovery else fields)


def explain(site: Catalogue, wanted: Asked, driver: str = "") -> Explanation:
    """The explanation. Raises InputError where the catalogue has no such code."""
    row = site.lookup(wanted.kind, wanted.code, driver)
    base = site.as_shipped(wanted.kind, wanted.code, driver)
    if row is None or base is None:
        raise InputError(f"catalogue {site.version} has no {wanted.kind.upper()} {wanted.code}", hint=NEXT)
    is_xid = wanted.kind == "xid"
    found = sub_code_of(wanted.code, driver, wanted.fields, site) if is_xid else None
    return Explanation(
        kind=row.kind,
        code=row.code,
        driver=driver,
        drivers=row.drivers,
        driver_in_range=row.covers(driver),
        mnemonic=row.mnemonic,
        meaning=row.meaning,
        incident_class=row.incident_class,
        counts=_counts_decoded(row, found) or counts(row),
        action=action_of(row.kind, row.code, driver, wanted.fields, site),
        architectures=tuple(part.upper() for part in row.architectures.split("|") if part),
        follower=FOLLOWERS.get(row.code, "") if is_xid else "",
        nvidia_immediate=row.nvidia_immediate,
        nvidia_investigate=row.nvidia_investigate,
        xid154_linkage=row.xid154_linkage,
        first_driver=row.first_driver,
        other_ranges=tuple(
            (other.drivers, other.mnemonic, other.meaning)
            for other in site.rows[row.kind, row.code]
            if other.driver_from != row.driver_from
        ),
        decoded=_decoded(found) if found else None,
        undecoded=_undecoded(row, wanted, found),
        opinions=opinions(row),
        disagreements=tuple(disagreements(row)),
        sources=tuple(dated(row)),
        site_reason=row.site_reason,
        site=tuple((name, getattr(base, name), getattr(row, name)) for name in JUDGED if _differs(base, row, name)),
        catalog_version=site.version,
    )


def counts(row: Code) -> str:
    """Whether the code counts in the headline rate, and why."""
    sign = f": {row.second_sign}" if row.second_sign else ""
    if row.kind == "sxid" and not (row.site_reason and row.hw_fault_kpi != "if_line_says_fatal"):
        rare = "" if row.hw_fault_kpi == "if_line_says_fatal" else ", which is not expected of this one"
        return f"when its line says Fatal{rare}; the number alone does not decide"
    match row.weight:
        case Weight.FAULT:
            return "yes: a fault of driver or firmware" if row.incident_class == "driver" else "yes: a hardware fault"
        case Weight.DEGRADATION:
            return "no, on its own line: capability is lost while service goes on"
        case Weight.CONDITIONAL:
            return f"with a second sign{sign}. Alone it is unattributed"
        case Weight.USER if row.hw_fault_kpi == "conditional":
            return f"no, programs usually cause it. Look at the hardware on a second sign{sign}"
        case Weight.USER:
            return "no, programs usually cause it"
        case _:
            return "no: it says nothing by itself and joins what is open"


def _counts_decoded(row: Code, found: SubCode | None) -> str:
    """The same once the words are decoded; empty where they do not decide."""
    if found is None or row.site_reason or row.hw_fault_kpi != "conditional":
        return ""
    match refined(found):
        case Weight.FAULT:
            return "yes: its sub-code is a hardware fault"
        case Weight.DEGRADATION:
            return "no, on its own line: its sub-code is a loss of capability while service goes on"
        case Weight.CONDITIONAL:
            return "with a second sign: its sub-code takes the GPU away, and does not say that hardware is to blame"
        case _:
            return "no: its sub-code says nothing by itself and joins what is open"


def _differs(base: Code, row: Code, name: str) -> bool:
    return bool(getattr(base, name) != getattr(row, name))


def _decoded(found: SubCode) -> Decoded:
    return Decoded(
        name=found.name,
        meaning=found.row.meaning,
        sub_code=found.sub_code,
        reason=found.reason,
        layout=found.layout,
        nvidia_action=found.action,
        nvidia_investigate=found.row.nvidia_investigate,
        hardware_fault=found.hardware_fault,
        judged=found.row.hw_fault_kpi,
    )


def _undecoded(row: Code, wanted: Asked, found: SubCode | None) -> str:
    if row.kind != "xid" or row.code not in CODES or found is not None or not row.nvidia_immediate:
        return ""
    if not wanted.fields.get("words"):
        return "the words behind the code say more: give --words, or the whole line"
    return "no pattern fits these words for this driver"
