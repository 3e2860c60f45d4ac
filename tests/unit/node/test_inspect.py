"""What a receiver makes of a release through somebody else: the very item consented to, or no."""

import pytest
from msgspec.structs import replace

from relto.model import Form, Holding, Label
from relto.model.message import RefusalCode
from relto.node import AskConsent, By, Hold
from relto.node.inspect import Accepted, Objection, inspect
from tests.support_node import ADMIN, Three
from tests.unit.node.test_corners import LARGE, counsel

MEANT = Label(
    scheme="usa", level="confidential", categories=("orcon",), releasable_to=("JPN", "KOR")
)


def passed_on() -> Three:
    """USA's item, passed on by JPN with USA's consent; its package is on its way to KOR."""
    three = Three()
    holding = Holding(
        id="launch-1",
        title="a launch",
        originator="USA",
        label=MEANT,
        topics=("dprk.missile.launch",),
        form=Form.DOCUMENT,
        digest="0" * 64,
        size_bytes=0,
        held_at=three.clock.at,
    )
    three["USA"].hold(Hold(holding=holding, by=By(officer="r", role="registrar")), LARGE)
    three.ask("c-1", by="JPN", holder="USA")
    three.settle()
    three.approve("USA", "c-1")
    three.settle()
    (parcel,) = three["JPN"].wanted("USA")
    whole = three["USA"].read_package("JPN", parcel.digest, offset=0, size=parcel.size_bytes)
    three["JPN"].write_package("USA", parcel.digest, offset=0, piece=whole)
    three.settle()
    three.ask("c-2", by="KOR", holder="JPN")
    three.settle()
    three["JPN"].command(AskConsent(case="c-2", by=ADMIN))
    three.settle()
    three.approve("USA", "c-2")
    three.settle()
    three.approve("JPN", "c-2")
    three.settle()
    assert three.state("KOR", "c-2") == "arrived"
    return three


@pytest.fixture(scope="module")
def three() -> Three:
    return passed_on()


@pytest.mark.parametrize(
    ("changes", "is_accepted"),
    [
        ({}, True),
        ({"releasable_to": ("KOR",)}, True),
        ({"level": "secret"}, True),
        ({"level": "unclassified"}, False),
        ({"level": "no-such"}, False),
        ({"categories": ()}, False),
        ({"releasable_to": None}, False),
        ({"releasable_to": ("JPN", "KOR", "GBR")}, False),
    ],
    ids=str,
)
def test_a_label_may_restrict_more_than_the_consent_and_never_less(three, changes, is_accepted):
    """EX-46."""
    node = three["KOR"].node
    file = node.state.open["c-2"]
    arrived = file.arrived
    (item,) = arrived.message.items
    label = replace(MEANT, **changes)
    message = replace(arrived.message, items=(replace(item, label=label),))
    found = inspect(
        node.state,
        counsel(three, "KOR"),
        replace(file, arrived=replace(arrived, message=message)),
    )
    if is_accepted:
        assert isinstance(found, Accepted)
    else:
        assert isinstance(found, Objection)
        assert found.code is RefusalCode.BAD_EVIDENCE
        assert "label is lower" in found.detail
