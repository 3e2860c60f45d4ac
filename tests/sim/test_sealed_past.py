"""Where an intermediary may see labels only, the package is sealed past it (EX-43)."""

import pytest

from relto.adapters.lawfiles import digest_of
from relto.model.message import RefusalCode
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION, LAPSE
from tests.support_node import ADMIN, FILES, OCTOBER, Three

SECRET = b"the words that only Seoul may read"
LARGE = SECRET * 4_000


def labels_only(*, parties: tuple[str, ...] = ("JPN", "KOR", "USA")) -> Three:
    """The packaged law, but the hub of the arrangement sees labels only."""
    name = "instruments/tisa-2014.toml"
    changed = FILES[name].replace(b'sees = "content"', b'sees = "labels"')
    assert changed != FILES[name]
    files = {**FILES, name: changed}
    three = Three(at=OCTOBER, known=BEFORE_SUSPENSION, parties=parties)
    for party in three.sites:
        three[party].adopt_law(files, digest=digest_of(files), by=ADMIN, known=BEFORE_SUSPENSION)
    three.set_clock(LAPSE)
    return three


def fetch_all(three: Three, source: str, target: str) -> None:
    for parcel in three[target].wanted(source):
        whole = three[source].read_package(target, parcel.digest, offset=0, size=parcel.size_bytes)
        three[target].write_package(source, parcel.digest, offset=0, piece=whole)


def is_anywhere(three: Three, party: str, words: bytes) -> bool:
    """Look for words in everything that a site keeps."""
    site = three.sites[party]
    values = [*site.disk.values.values(), *site.blobs._whole.values(), *site.blobs._parts.values()]
    bodies = [
        body.content
        for entries in site.disk.logs.values()
        for entry in entries
        for body in entry.bodies
        if body is not None
    ]
    return any(words in one for one in (*values, *bodies))


@pytest.mark.parametrize("content", [SECRET, LARGE])
def test_the_intermediary_hands_on_what_it_cannot_open(content: bytes) -> None:
    """EX-43."""
    three = labels_only()
    three.hold("JPN", "launch-1", content=content)
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    fetch_all(three, "JPN", "USA")
    three.settle()
    assert three.state("USA", "c-1") == "queued"
    assert not is_anywhere(three, "USA", SECRET)
    assert not is_anywhere(three, "USA", b"title of launch-1")
    three.approve("USA", "c-1")
    three.settle()
    fetch_all(three, "USA", "KOR")
    three.settle()
    assert [three.state(one, "c-1") for one in ("KOR", "USA", "JPN")] == ["receipted"] * 3
    stock = three["KOR"].node.state.item("jpn.launch-1")
    assert stock.holding.title == "title of launch-1"
    assert three["KOR"].content(stock.holding.digest) == content
    release = three["KOR"].story("c-1").file.arrived.message
    assert (release.items[0].package.source, release.items[0].package.recipient) == ("JPN", "KOR")
    assert release.items[0].markings[1:3] == ("JPN 秘", "USA CONFIDENTIAL")
    for site in three.sites.values():
        digest = site.driver.node.state.digest()
        assert site.start().node.state.digest() == digest


def test_a_final_recipient_that_is_no_partner_of_the_holder_gets_nothing() -> None:
    """EX-43: the holder would have to seal for somebody whose card it never compared."""
    three = labels_only()
    three.hold("JPN", "launch-1", content=SECRET)
    del three["JPN"].node.state.peers["KOR"]
    three.ask("c-1")
    for source, target in (("KOR", "USA"), ("USA", "JPN"), ("USA", "JPN"), ("USA", "KOR")):
        three.exchange(source, target)
    three.exchange("KOR", "USA")
    assert three["KOR"].story("c-1").file.refused.code is RefusalCode.NO_LINK
