"""What is wrong with law files: every problem found, each with its place, its reason and a hint."""

from msgspec import Struct

from relto.errors import LocalError


class Problem(Struct, frozen=True, kw_only=True):
    """One thing wrong with one file.

    Args:
        file: The name the file was handed in under.
        line: Counted from 1; 0 when it concerns the file as a whole.
        key: The path of keys, array places counted from 1: `equivalence[2].rows[1].levels.jpn`.
        reason: What is wrong.
        hint: What to do about it; never empty.
    """

    file: str
    line: int
    key: str
    reason: str
    hint: str

    def sentence(self) -> str:
        """Return the problem on one line, without its hint.

        Source: docs/spec/law.md LAW-60.
        """
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.reason}" if self.key else f"{place}: {self.reason}"


class LawFileError(LocalError):
    """Law files were refused as a whole; nothing of them was loaded.

    Args:
        problems: All that was found, sorted by file, line and key.
    """

    code = "local.law_file"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Name the first problem and count the others."""
        assert problems
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(first.sentence() + more, hint=first.hint)
        self.problems = problems


class UnknownInstrumentError(LocalError):
    """An instrument that the library does not hold."""

    code = "local.law_unknown_instrument"
    hint_default = "list the instruments with `relto law list`"
