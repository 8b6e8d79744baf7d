"""The page that `clusterctl xid explain` prints."""

from __future__ import annotations

from clusterctl.catalog.explain import Decoded, Explanation
from clusterctl.terminal import Sheet, clean


def show(found: Explanation) -> None:
    """Print it: the answer first, then the evidence."""
    sheet = Sheet()
    sheet.title(f"{found.kind.upper()} {found.code}  {found.meaning}")
    sheet.facts([(name, value) for name, value in _answer(found) if value])
    if found.decoded:
        sheet.title("Sub-code in its words")
        sheet.facts(_sub_code(found.decoded))
    if found.site_reason:
        sheet.title("This site judges otherwise")
        sheet.table(["column", "shipped", "here"], [[*change] for change in found.site])
        sheet.line(f" because: {clean(found.site_reason, 400)}")
    if found.other_ranges:
        sheet.title("The same number for other drivers")
        sheet.table(["drivers", "name", "meaning"], [[*other] for other in found.other_ranges])
    if found.disagreements:
        sheet.title("Where sources disagree")
        sheet.table(["source", "says"], [[*said] for said in found.disagreements])
    sheet.title("Sources")
    sheet.table(["source", "what", "date"], [[*source] for source in found.sources])
    sheet.line(f" catalogue {found.catalog_version}", style="dim")


def _answer(found: Explanation) -> list[tuple[str, str]]:
    asked = f" (asked for {clean(found.driver, 40)})" if found.driver else ""
    outside = "" if found.driver_in_range else "; that driver is outside, this is the nearest row"
    applies = "NVSwitch of " if found.kind == "sxid" else ""
    return [
        ("do now", found.action),
        ("counts as fault", found.counts),
        ("class", found.incident_class),
        ("note", found.follower),
        ("words", found.undecoded),
        ("applies to", applies + ", ".join(found.architectures) if found.architectures else ""),
        ("NVIDIA says", _buckets(found.nvidia_immediate, found.nvidia_investigate)),
        ("tools say", ", ".join(f"{tool} {said.partition(':')[0]}" for tool, said in _verdicts(found))),
        ("with Xid 154", found.xid154_linkage),
        ("drivers", found.drivers + asked + outside),
        ("seen since", found.first_driver),
        ("name", found.mnemonic),
    ]


def _verdicts(found: Explanation) -> list[tuple[str, str]]:
    """Tools that give a verdict; a list of possible causes is none."""
    return [
        (tool, said) for tool, said in found.opinions.items() if not said.partition(":")[0].isupper() or tool == "dcgm"
    ]


def _sub_code(decoded: Decoded) -> list[tuple[str, str]]:
    fault = {"conditional": "only with a second sign", "degradation": "no, a degradation"}
    layout = "before driver 575" if decoded.layout == "v1" else "from driver 575 on"
    return [
        ("meaning", decoded.meaning),
        ("unit", f"{decoded.name}, sub-code {decoded.sub_code}, layout {layout}"),
        ("hardware fault", "yes" if decoded.hardware_fault else fault.get(decoded.judged, "no")),
        ("NVIDIA says", _buckets(decoded.nvidia_action, decoded.nvidia_investigate)),
    ]


def _buckets(now: str, later: str) -> str:
    return " then ".join(dict.fromkeys(part for part in (now, later) if part))
