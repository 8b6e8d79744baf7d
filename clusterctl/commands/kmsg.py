"""`clusterctl kmsg`: what the lines of a kernel log mean, one JSON object each, without a store."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, BinaryIO

import typer

from clusterctl.commands.common import FINDINGS, OK
from clusterctl.errors import InputError
from clusterctl.terminal import clean

NAME = "kmsg"
app = typer.Typer(no_args_is_help=True, help="Kernel logs, line by line.")


@app.callback()
def kernel_log() -> None:
    """What the lines of a kernel log mean."""


@app.command()
def parse(
    file: Annotated[str, typer.Argument(help="The log, or - for standard input.")],
    all: Annotated[
        bool, typer.Option("--all", help="Print lines that say nothing known too, as kind 'other'.")
    ] = False,
    any_facility: Annotated[
        bool, typer.Option("--any-facility", help="Believe lines that user space wrote; for drills.")
    ] = False,
) -> None:
    """One JSON object for each line that says something known: line, kind, code, pci, pid, process, severity, fields, text.

    Reads raw /dev/kmsg records, dmesg and syslog text, and journal exports (-o export or -o json), told apart line by line,
    of any length: journalctl -kf -o json | clusterctl kmsg parse -

    What user space wrote is left out: records of another facility, syslog lines with a process id, journal entries that did
    not come from the kernel. Kinds, codes and severities: docs/kernel-log.md.

    Exit codes: 0 nothing that failed, 1 a line of severity fail, 2 the file cannot be read."""
    try:
        source = sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: SIM115 - closed below
    except (OSError, ValueError) as error:
        raise InputError(f"{clean(file)}: {getattr(error, 'strerror', None) or error}") from error
    said = _Said()
    try:
        with source:
            _print(source, said, every=all, any_facility=any_facility)
    except BrokenPipeError:
        # the reader has enough; without this the interpreter complains when it flushes at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        raise InputError(f"{clean(file)}: {error.strerror or error}") from error
    raise typer.Exit(FINDINGS if said.failure else OK)


@dataclass
class _Said:
    """Whether a line spoke of a failure."""

    failure: bool = False


def _print(source: BinaryIO, said: _Said, *, every: bool, any_facility: bool) -> None:
    """Print what the lines say."""
    from clusterctl.agent.kmsg.grammar import parse as parsed
    from clusterctl.agent.kmsg.parsed import Parsed
    from clusterctl.agent.kmsg.row import MAX_TEXT

    other = Parsed("other", "", "info")
    live = source.isatty() or not source.seekable()
    out = sys.stdout
    for number, facility, text in _lines(source):
        if facility and not any_facility:
            continue
        found = parsed(text)
        if found is None:
            if not every:
                continue
            found = other
        said.failure = said.failure or found.severity == "fail"
        record = {
            "line": number,
            "kind": found.kind,
            "code": found.code,
            "pci": found.pci,
            "pid": found.pid,
            "process": found.process,
            "severity": found.severity,
            "fields": found.fields,
            "text": text[:MAX_TEXT],
        }
        out.write(json.dumps(record) + "\n")
        if live:
            out.flush()
    out.flush()


def _lines(source: BinaryIO) -> Iterator[tuple[int, int, str]]:
    """Number, facility and text of every kernel line, in constant memory."""
    from clusterctl.agent.kmsg.files import LineReader, raw_lines

    reader = LineReader(0, stamps=False)
    number = 0
    for number, raw in enumerate(raw_lines(source), start=1):
        for line in reader.feed(number, raw):
            yield line.number, line.facility, line.text
    for line in reader.end(number):
        yield line.number, line.facility, line.text
