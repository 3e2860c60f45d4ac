"""The register of what was received and given."""

import pytest
from msgspec.structs import replace

from relto.custody import (
    CUSTODY,
    CustodyState,
    NotInRegisterError,
    RegisterLine,
    Side,
    change,
    enter,
    owed,
)
from relto.model import ObligationKind
from tests.support_messages import AT, EXAMPLES, LABEL, OBLIGATION

RELEASE = EXAMPLES["release"]
KINDS = ("recall", "reclassified", "loss-reported", "destroyed")


def line(side: Side = Side.RECEIVED) -> RegisterLine:
    duty = replace(OBLIGATION, kind=ObligationKind.RECEIPT)
    release = replace(RELEASE, obligations=(OBLIGATION, duty))
    return enter(
        release.items[0], release, side=side, partner="KOR", case="c-1", marked=LABEL, at=AT
    )


def test_what_is_owed_is_what_came_with_the_release_but_the_receipt_given() -> None:
    """EX-24, EX-26."""
    assert owed(line()) == (OBLIGATION,)
    assert owed(line(Side.GIVEN)) == ()


@pytest.mark.parametrize("state", list(CustodyState))
@pytest.mark.parametrize("kind", KINDS)
def test_a_line_moves_as_the_table_says(state: CustodyState, kind: str) -> None:
    """EX-25."""
    before = replace(line(), state=state)
    after = CUSTODY[state].get(kind)
    if after is None:
        with pytest.raises(NotInRegisterError):
            change(before, EXAMPLES[kind], kind=kind, at=AT)
    else:
        assert change(before, EXAMPLES[kind], kind=kind, at=AT).state is after


def test_only_the_originators_word_changes_the_label() -> None:
    """EX-25."""
    new = replace(EXAMPLES["reclassified"], label=replace(LABEL, level="gokuhi"))
    assert change(line(), new, kind="reclassified", at=AT).label.level == "gokuhi"
    assert change(line(), EXAMPLES["recall"], kind="recall", at=AT).label == line().label


def test_nothing_is_owed_for_what_was_destroyed() -> None:
    """EX-26, EX-27."""
    gone = change(line(), EXAMPLES["destroyed"], kind="destroyed", at=AT)
    assert owed(gone) == ()
    assert gone.note == "shredded"
    assert change(line(), EXAMPLES["loss-reported"], kind="loss-reported", at=AT).note
