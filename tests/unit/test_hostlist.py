"""Slurm's short form of host names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.analytics.imports.hostlist import expand


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("n1", ["n1"]),
        ("node[001-004,7]", ["node001", "node002", "node003", "node004", "node7"]),
        ("rack[1-2]n[1-2]", ["rack1n1", "rack1n2", "rack2n1", "rack2n2"]),
        ("a[08-10]-ib,b", ["a08-ib", "a09-ib", "a10-ib", "b"]),
        ("a,a,b", ["a", "b"]),
        ("", []),
        ("gpu[099-101]", ["gpu099", "gpu100", "gpu101"]),
    ],
)
def test_names_as_slurm_writes_them(text: str, names: list[str]) -> None:
    assert expand(text) == names


@pytest.mark.parametrize(
    "text",
    ["n[1", "n]1", "n[[1]]", "n[2-1]", "n[a]", "n[1-999999999999]", "n[1-9999]x[1-9999]", "a b", "[1][2][3][4][5]"],
)
def test_what_is_no_list_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a|brackets|more than"):
        expand(text)


def test_a_short_text_cannot_make_a_long_list() -> None:
    with pytest.raises(ValueError, match="more than 100"):
        expand("a[1-60],b[1-60]", most=100)


@given(st.text(st.sampled_from("ab09[]-,. \n"), max_size=40))
def test_any_text_is_a_bounded_list_or_refused(text: str) -> None:
    try:
        names = expand(text, most=1_000)
    except ValueError:
        return
    assert len(names) <= 1_000
    assert len(set(names)) == len(names)


@given(st.lists(st.integers(0, 999), min_size=1, max_size=30, unique=True))
def test_what_slurm_would_fold_unfolds(numbers: list[int]) -> None:
    folded = "n[" + ",".join(f"{number:03d}" for number in numbers) + "]"
    assert expand(folded) == [f"n{number:03d}" for number in numbers]
