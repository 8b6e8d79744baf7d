"""Frames over a pipe, with a deadline for the whole of each."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.frames import LENGTH, read_frame_until, write_frame


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            continue  # the test has closed it


def framed(value: Any) -> bytes:
    buffer = BytesIO()
    write_frame(buffer, value)
    return buffer.getvalue()


@given(
    st.recursive(st.none() | st.integers(-(2**63), 2**63) | st.text(), lambda s: st.lists(s, max_size=4), max_leaves=20)
)
def test_what_goes_in_comes_out_in_whatever_pieces(value: Any) -> None:
    reader, writer = os.pipe()
    data = framed(value)

    def trickle() -> None:
        for at in range(0, len(data), 3):
            os.write(writer, data[at : at + 3])

    thread = threading.Thread(target=trickle)
    thread.start()
    assert read_frame_until(reader, 5.0) == value
    thread.join()
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("part", [0, 2, 4, 6])
def test_half_a_frame_is_no_answer_when_its_time_is_over(pipe: tuple[int, int], part: int) -> None:
    os.write(pipe[1], framed("an answer")[:part])
    began = time.monotonic()
    assert read_frame_until(pipe[0], 0.2) is None
    assert 0.15 < time.monotonic() - began < 1.0


def test_a_pipe_that_ends_is_told_from_one_that_waits(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], framed("an answer")[:5])
    os.close(pipe[1])
    with pytest.raises(EOFError):
        read_frame_until(pipe[0], 5.0)


def test_nonsense_is_refused_before_it_is_waited_for(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], LENGTH.pack(0xFFFF_FFFF))
    with pytest.raises(EOFError, match="refused"):
        read_frame_until(pipe[0], 5.0)
