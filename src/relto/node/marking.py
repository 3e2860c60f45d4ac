"""The words on an item, for one recipient: phrases from the schemes, never typed here."""

from relto.law import Law
from relto.model.label import Label
from relto.units import PartyCode


def render(
    law: Law,
    *,
    originator: PartyCode,
    label: Label,
    marked: Label | None,
    marked_by: PartyCode | None,
    is_exercise: bool,
) -> tuple[str, ...]:
    """Render a marking: the originator's own words first, then those of whoever has marked it.

    Args:
        law: For the schemes' phrases.
        originator: Its code stands beside its words (Japan-ROK 2016, Art. 4(2)).
        label: The originator's label.
        marked: The equivalent in another party's scheme; `None` when there is none yet.
        marked_by: Whose equivalent it is.
        is_exercise: The first line then says so.

    Returns:
        One line each. A level or caveat without a phrase shows its id: nothing is left out.

    Source: docs/spec/exchange.md EX-18.
    """
    lines = ["EXERCISE"] if is_exercise else []
    lines.append(f"{originator} {_phrase(law, label)}")
    if marked is not None and marked_by is not None:
        lines.append(f"{marked_by} {_phrase(law, marked)}")
    if is_exercise:
        lines.append("EXERCISE")
    return tuple(lines)


def _phrase(law: Law, label: Label) -> str:
    """One label in its scheme's words."""
    scheme = law.library.schemes.get(label.scheme)
    level = None if scheme is None else scheme.level(label.level)
    words = [label.level if level is None else level.marking]
    for one in label.categories:
        category = None if scheme is None else scheme.category(one)
        words.append(one if category is None else category.marking)
    return " ".join(words)
