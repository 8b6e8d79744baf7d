"""The words of a report, in the language of its reader. English stands in the code and is the key of the catalogue.

What comes from the store as text (remarks, verdicts, warnings) is English too, with numbers in it: `told` looks it up with
its numbers taken out. What no catalogue knows stays English; it is never guessed.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import resources

from clusterctl.errors import InputError
from clusterctl.terminal import clean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ENGLISH = "en"
LANGUAGES = (ENGLISH, "zh")
MAX_SENTENCE = 600
ISOLATE, ISOLATE_END = "\u2068", "\u2069"
"""Around a name within a sentence: letters that run right to left reorder nothing beyond it."""
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_COMMAND = re.compile(r"`(clusterctl [^`]*)`")
_UNISOLATED = {ord(ISOLATE): None, ord(ISOLATE_END): None}


@cache
def data_file(name: str) -> dict[str, dict[str, str]]:
    """A file of texts that comes with the package, by its sections."""
    file = resources.files("clusterctl.analytics") / "data" / name
    sections: dict[str, dict[str, str]] = tomllib.loads(file.read_text(encoding="utf-8"))
    return sections


def catalogue(lang: str) -> dict[str, str]:
    """English to `lang`; empty for English itself."""
    if lang == ENGLISH:
        return {}
    return {english: text for section in data_file(f"words_{lang}.toml").values() for english, text in section.items()}


class Words:
    """Says things in one language. Raises InputError for one that there is no catalogue for."""

    def __init__(self, lang: str = ENGLISH) -> None:
        if lang not in LANGUAGES:
            raise InputError(f"no such language: {lang[:16]!r}", hint=f"one of: {', '.join(LANGUAGES)}")
        self.lang = lang
        self._catalogue = catalogue(lang)

    def __call__(self, english: str, /, **values: object) -> str:
        """That sentence, its places filled in."""
        return self._catalogue.get(english, english).format(**values)

    def told(self, text: str) -> str:
        """Text out of the report: bounded, harmless, and translated where the catalogue has it."""
        safe = clean(text, MAX_SENTENCE)
        if not self._catalogue:
            return _quoted(safe)
        whole = self._with_numbers(safe)
        if whole is None and "; " in safe:
            parts = [(part, self._with_numbers(part)) for part in safe.split("; ")]
            if any(known for _part, known in parts):
                return self("; ").join(known or part for part, known in parts)
        return whole or _quoted(safe)

    def _with_numbers(self, text: str) -> str | None:
        if text in self._catalogue:
            return self._catalogue[text]
        numbers = _NUMBER.findall(text)
        places = iter(range(len(numbers)))
        template = _NUMBER.sub(lambda _match: f"{{{next(places)}}}", text.replace("{", "{{").replace("}", "}}"))
        known = self._catalogue.get(template) if numbers else None
        return None if known is None else known.format(*numbers)


def _quoted(text: str) -> str:
    """Commands stand between back quotes in a terminal's messages; a page has real quotes."""
    return _COMMAND.sub(r"“\1”", text)


def named(name: str, limit: int = 60) -> str:
    """A name from the cluster, to stand in a sentence."""
    return f"{ISOLATE}{clean(name, limit)}{ISOLATE_END}"


def unisolated(text: str) -> str:
    """For formats that have no use for the marks of `named`."""
    return text.translate(_UNISOLATED)
