"""What is fuzzed: a name, and what to do with any bytes. A target raises when a promise is broken, and only then.

To add one: a function here, a line in `TARGETS`, and if it helps a few inputs under corpus/NAME/ (a file is an input; in a
file that ends in .lines each line is one)."""

from __future__ import annotations

import json
from collections.abc import Callable

from clusterctl import wire
from clusterctl.agent.kmsg.events import MAX_BUCKETS, MAX_WINDOWS, UNCOUNTED, Coalescer
from clusterctl.agent.kmsg.files import LineReader, place
from clusterctl.agent.kmsg.grammar import parse
from clusterctl.agent.kmsg.journal import journal_line, json_entry
from clusterctl.agent.kmsg.line import LogLine, as_text, raw_record
from clusterctl.agent.kmsg.parsed import PCI_FORM, Parsed
from clusterctl.agent.kmsg.row import MAX_TEXT, event_row
from clusterctl.schema import EVENT
from tests.support import fuzz_comm, fuzz_jobs, fuzz_probes

NOW_MS = 1_780_000_000_000
SEVERITIES = frozenset({"info", "warn", "fail"})


def promised(condition: bool, what: str) -> None:
    """Holds with `python -O` too."""
    if not condition:
        raise AssertionError(what)


def check(parsed: Parsed | None) -> None:
    """What every parsed line keeps to."""
    if parsed is None:
        return
    promised(bool(parsed.kind), "a kind")
    promised(parsed.severity in SEVERITIES, "a severity")
    promised(not parsed.pci or PCI_FORM.fullmatch(parsed.pci) is not None, f"an address: {parsed.pci!r}")
    promised(parsed.pid is None or 0 <= parsed.pid < 10**9, "a process id")
    promised(len(parsed.code) <= 64, "a short code")
    promised(all(isinstance(value, str) for value in parsed.fields.values()), "details that are text")


def travels(rows: list[object]) -> None:
    """Rows are bounded, and come out of the wire as they went in."""
    data = wire.encode(EVENT, rows, cluster="c", host="h", boot_id="b", seq=1, sent_ms=NOW_MS)  # type: ignore[arg-type]
    promised(wire.decode(data).rows == rows, "the same rows")
    for row in rows:
        promised(len(row.text) <= MAX_TEXT and len(row.fields) <= MAX_TEXT, "bounded text")  # type: ignore[attr-defined]


def kmsg_parse(data: bytes) -> None:
    """A message of the kernel."""
    check(parse(as_text(data)))


def kmsg_record(data: bytes) -> None:
    """A record of /dev/kmsg."""
    record = raw_record(as_text(data))
    if record is not None:
        promised(
            0 <= record.facility < 1_250 and record.seq >= 0 and record.monotonic_us >= 0, "numbers in their range"
        )
        check(parse(record.text))


def kmsg_lines(data: bytes) -> None:
    """A file of any kind."""
    reader = LineReader(NOW_MS)
    lines = []
    for number, raw in enumerate(data.splitlines(keepends=True), start=1):
        lines += reader.feed(number, raw)
    lines += reader.end(len(data))
    for line in place(lines, NOW_MS, None):
        promised(line.ts_source in ("wall", "estimated"), "a source of the time")
        parsed = parse(line.text)
        check(parsed)
        if parsed is not None:
            travels([event_row(line, parsed, source="kmsg")])


def kmsg_json(data: bytes) -> None:
    """A line of `journalctl -o json`; and the same bytes as the message of one, as text and as a list of bytes."""
    text = as_text(data)
    for line in (
        text,
        json.dumps({"MESSAGE": text}),
        json.dumps({"MESSAGE": list(data[:128]), "_TRANSPORT": text[:64]}),
    ):
        fields = json_entry(line)
        promised(line is text or fields is not None, "an entry")
        if fields is not None:
            promised(all(isinstance(value, str) for value in fields.values()), "fields that are text")
            check(parse(journal_line(1, fields).text))


def kmsg_rows(data: bytes) -> None:
    """Messages, one a line, through the coalescer to rows: every line is in some count."""
    coalescer = Coalescer("kmsg")
    texts = [as_text(line) for line in data.split(b"\n")]
    rows: list[object] = []
    for number, text in enumerate(texts):
        rows += coalescer.take([LogLine(text, number, NOW_MS + (len(text) * 37 % 5_000), "kernel")])
    promised(len(coalescer.saved().windows) <= MAX_WINDOWS + MAX_BUCKETS + 64, "bounded windows")
    rows += coalescer.flush()
    travels(rows)
    found = [parsed for parsed in map(parse, texts) if parsed is not None and parsed.kind not in UNCOUNTED]
    facts = sum(parsed.kind in ("gpu_uuid", "gpu_serial") for parsed in found)
    counted = sum(row.count for row in rows)  # type: ignore[attr-defined]
    promised(len(found) - facts <= counted <= len(found), "every line in some count, once")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "kmsg_parse": kmsg_parse,
    "kmsg_record": kmsg_record,
    "kmsg_lines": kmsg_lines,
    "kmsg_json": kmsg_json,
    "kmsg_rows": kmsg_rows,
    "job_mark": fuzz_jobs.fuzz_mark,
    "job_cgroup": fuzz_jobs.fuzz_cgroup,
    "job_environ": fuzz_jobs.fuzz_environ,
    "optics": fuzz_probes.fuzz_optics,
    "netlink": fuzz_probes.fuzz_netlink,
    "host_text": fuzz_probes.fuzz_host_text,
    "mountinfo": fuzz_probes.fuzz_mountinfo,
    "port_rate": fuzz_probes.fuzz_rate,
    "comm_trace": fuzz_comm.fuzz_trace,
    "comm_inspector": fuzz_comm.fuzz_inspector,
    "comm_plugin": fuzz_comm.fuzz_plugin,
    "comm_flight": fuzz_comm.fuzz_flight,
    "comm_debug": fuzz_comm.fuzz_debug,
    "comm_handover": fuzz_comm.fuzz_handover,
    "comm_summary": fuzz_comm.fuzz_summary,
}
