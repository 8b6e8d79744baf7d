"""JSON that a terminal shows cannot steer it, and means the same."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from clusterctl.terminal import harmless


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_no_text_steers_and_every_text_comes_back(text: str) -> None:
    written = harmless(json.dumps({"name": text}, ensure_ascii=False))
    assert json.loads(written) == {"name": text}
    assert not [char for char in written if unicodedata.category(char) == "Cc"]


def test_what_reorders_or_hides_is_written_out() -> None:
    assert harmless('"\x9b31m\u202e\u2066\ufeff中文é"') == '"\\u009b31m\\u202e\\u2066\\ufeff中文é"'
