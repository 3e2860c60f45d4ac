"""What an extract does not show although something that it shows refers to it."""

import pytest
from msgspec.structs import replace

from relto.journal import find_missing
from relto.model.message import Quarantined, RefusalCode
from tests.support_messages import EXAMPLES
from tests.unit.journal.test_order import Told


def told(*left_out):
    """KOR asks, JPN releases, KOR receipts and, of another entry, quarantines; some left out."""
    case = Told()
    case.say("KOR>JPN", EXAMPLES["request"])
    case.say("JPN>KOR", EXAMPLES["release"])
    case.say("KOR>JPN", replace(EXAMPLES["receipt"], number=1))
    case.say("JPN>KOR", EXAMPLES["recall"])
    case.say("KOR", Quarantined(source="JPN", number=2, code=RefusalCode.OUT_OF_PLACE))
    case.say("KOR>JPN", replace(EXAMPLES["refusal"], number=2))
    case.say("KOR>JPN", replace(EXAMPLES["refusal"], number=0))
    return [it for place, it in enumerate(case.statements) if place not in left_out]


@pytest.mark.parametrize(
    ("left_out", "missing"),
    [
        ((), ()),
        ((0,), ("the request of KOR that JPN > KOR 1 answers",)),
        ((1,), ("JPN > KOR 1, of which KOR > JPN 2 speaks",)),
        (
            (3,),
            (
                "JPN > KOR 2, of which KOR > KOR 1 speaks",
                "JPN > KOR 2, of which KOR > JPN 3 speaks",
            ),
        ),
        ((1, 2), ()),
        ((2,), ()),
    ],
)
def test_what_an_entry_speaks_of_and_is_not_shown_is_named(left_out, missing):
    """JN-39: and nothing is named where what speaks of it is left out too."""
    assert find_missing(told(*left_out), made_by="KOR") == missing


def test_what_only_others_have_is_not_missing():
    """JN-39: an extract shows the logs of the party that made it."""
    assert find_missing(told(1), made_by="USA") == ()
