"""What a key has touched, found in a journal (JN-34)."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from relto.driver.facts import fact_of
from relto.node import How, KeyUses
from relto.units import PartyCode
from tests.property.test_exchange import fact_of as example
from tests.sim.test_exchange_consent import waiting_for_consent
from tests.sim.test_keys import new_keys
from tests.support_messages import EXAMPLES
from tests.support_node import ADMIN, Three

Found = tuple[str, str, How]


def uses(three: Three, at: str, party: str, serial: int) -> list[Found]:
    """What a node finds in its own journal, log by log: `JPN/KOR`, kind, how."""
    return list(_uses(three, at, party, serial))


def _uses(three: Three, at: str, party: str, serial: int) -> Iterator[Found]:
    site = three.sites[at]
    own = {len(site.former) - place: keys for place, keys in enumerate(site.former)}
    own[len(site.former) + 1] = site.keys
    with site.store.transaction() as tx:
        seeker = KeyUses(
            me=PartyCode(at),
            party=PartyCode(party),
            serial=serial,
            keys=own[serial].keys if party == at else None,
            acknowledged={
                one.log.target: one.acknowledged for one in tx.logs() if one.log.source == at
            },
        )
        for placed in tx.since(0, limit=9_999):
            fact = fact_of(placed.entry)
            for how in seeker.see(fact):
                yield (f"{fact.source}/{fact.target}", fact.kind, how)
        for state in tx.logs():
            for how in seeker.heads(state):
                yield (f"{state.log.source}/{state.log.target}", "", how)


def announce(three: Three, party: str, *, serial: int = 2) -> None:
    card = new_keys(three, party, serial=serial)
    three[party].announce(card, by=ADMIN)


@pytest.fixture
def changed() -> Three:
    """JPN has changed its keys between two releases to KOR, and all have heard of it."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    announce(three, "JPN")
    three.settle()
    three.ask("c-2")
    three.settle()
    three.clock.at = three.clock.at.add(hours=24 * 30)
    three.ask("c-3")
    three.settle()
    return three


def test_fl_21_a_partners_card_is_found_in_what_it_signed_and_acknowledged(changed: Three) -> None:
    """FL-21: before the change for certain, through the overlap perhaps, after it no more."""
    first, second = (uses(changed, "KOR", "JPN", serial) for serial in (1, 2))
    assert first == [
        ("JPN/KOR", "release", How.SIGNED),
        ("JPN/KOR", "key-change", How.SIGNED),
        ("JPN/KOR", "release", How.MAYBE),
    ]
    assert second == [
        ("JPN/KOR", "release", How.MAYBE),
        ("JPN/KOR", "release", How.SIGNED),
        ("JPN/KOR", "", How.HEAD),
        ("KOR/JPN", "", How.ACKNOWLEDGED),
    ]


def test_fl_21_ones_own_card_is_found_in_what_one_signed_and_cosigned(changed: Three) -> None:
    """FL-21: in every log, from when its reader was told."""
    first, second = (uses(changed, "JPN", "JPN", serial) for serial in (1, 2))
    between = [one for one in first if one[0] == "JPN/KOR"]
    assert between == [
        ("JPN/KOR", "release", How.SIGNED),
        ("JPN/KOR", "key-change", How.SIGNED),
        ("JPN/KOR", "release", How.MAYBE),
    ]
    assert ("JPN/JPN", "law-adopted", How.SIGNED) in first
    assert [one for one in second if one[2] in {How.HEAD, How.ACKNOWLEDGED}] == [
        ("JPN/JPN", "", How.HEAD),
        ("JPN/KOR", "", How.HEAD),
        ("KOR/JPN", "", How.ACKNOWLEDGED),
    ]
    assert [one[1] for one in second if one[2] is How.SIGNED and one[0] == "JPN/KOR"] == ["release"]


def test_fl_21_packages_are_found_that_the_card_opens() -> None:
    """FL-21: sealed to it, and readable by whoever has its key."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    announce(three, "KOR")
    three.settle()
    three.ask("c-2")
    three.settle()
    # The holder knows which it sealed to; the reader only which it may have been.
    sealed = ("JPN/KOR", "release", How.SEALED_TO)
    for at, counts in (("JPN", (1, 1)), ("KOR", (2, 1))):
        found = [uses(three, at, "KOR", serial).count(sealed) for serial in (1, 2)]
        assert tuple(found) == counts


def test_fl_21_releases_are_found_that_rest_on_a_consent_which_the_card_proves() -> None:
    """FL-21: a consent travels with a head of its author."""
    three = waiting_for_consent()
    three.approve("JPN", "c-2")
    three.settle()
    three.approve("KOR", "c-2")
    three.settle()
    assert ("KOR/USA", "release", How.CONSENT) in uses(three, "USA", "JPN", 1)
    assert ("KOR/USA", "release", How.CONSENT) not in uses(three, "USA", "USA", 1)
    assert ("KOR/USA", "release", How.SEALED_TO) in uses(three, "USA", "USA", 1)


def test_a_partner_that_has_not_heard_of_the_change_is_written_to_under_any_earlier_card() -> None:
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    for serial in (2, 3):
        announce(three, "JPN", serial=serial)
    three.clock.at = three.clock.at.add(hours=24 * 60)
    three.ask("j-1", by="JPN", holder="KOR")
    for serial in (1, 2, 3):
        assert ("JPN/KOR", "request", How.MAYBE) in uses(three, "JPN", "JPN", serial)


def test_a_card_that_nobody_knows_has_touched_nothing() -> None:
    three = Three(parties=("JPN", "KOR"))
    three.ask("c-1")
    three.settle()
    assert uses(three, "JPN", "USA", 1) == []
    assert uses(three, "JPN", "KOR", 7) == []


def test_a_card_that_is_pinned_again_or_is_older_changes_nothing() -> None:
    seeker = KeyUses(me=PartyCode("JPN"), party=PartyCode("KOR"), serial=2)
    pinned = replace(EXAMPLES["peer-added"], party="KOR", serial=2)
    for serial in (2, 1, 2):
        own = {"kind": "peer-added", "source": "JPN", "target": "JPN"}
        assert seeker.see(example(replace(pinned, serial=serial), **own)) == ()
    said = example(EXAMPLES["receipt"], kind="receipt", source="KOR", target="JPN")
    assert seeker.see(said) == (How.SIGNED,)
