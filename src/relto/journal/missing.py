"""What an extract does not show although something that it shows refers to it."""

from collections.abc import Sequence

from relto.journal.statement import Statement, spoken_of
from relto.model import LogId
from relto.units import PartyCode

_ANSWERS = frozenset({"referral", "release"})


def find_missing(statements: Sequence[Statement], *, made_by: PartyCode) -> tuple[str, ...]:
    """Name entries that the party that made an extract has, that belong to it, and are not in it.

    Whoever leaves something out may have left out what refers to it as well, so that nothing is
    named says nothing.

    Args:
        statements: What is shown.
        made_by: Whose extract it is.

    Source: docs/spec/journal.md JN-39.
    """
    shown = {one.place for one in statements}
    asked = {one.log for one in statements if one.entry.header.kind == "request"}
    told: dict[str, None] = {}
    for one in statements:
        log, said = one.log, _words(*one.place)
        for place in spoken_of(one):
            if place not in shown and made_by in {place[0].source, place[0].target}:
                told[f"{_words(*place)}, of which {said} speaks"] = None
        back = LogId(source=log.target, target=log.source)
        if one.entry.header.kind in _ANSWERS and back not in asked:
            told[f"the request of {log.target} that {said} answers"] = None
    return tuple(told)


def _words(log: LogId, number: int) -> str:
    return f"{log.source} > {log.target} {number}"
