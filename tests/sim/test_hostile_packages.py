"""Partners that name in a release what is no package of theirs; contents that two items share."""

from msgspec.structs import replace

from relto.model.message import RefusalCode, Released
from relto.node import Destroy
from relto.seal import digest
from tests.sim.test_hostile_partners import codes
from tests.sim.test_sealed_past import fetch_all, is_anywhere, labels_only
from tests.support_node import ADMIN, Three, lie

OWN = b"what only we know"


def naming(three: Three, party: str, content: bytes) -> None:
    """Let a party name the digest of a content as the package of whatever it releases."""

    def change(release: Released) -> Released:
        named = (
            replace(
                item,
                package=replace(item.package, digest=digest(content), size_bytes=len(content)),
            )
            for item in release.items
        )
        return replace(release, items=tuple(named))

    lie(three, party, change)


def test_a_partner_cannot_have_our_content_destroyed_by_calling_it_its_package() -> None:
    """EX-23, FL-40: small ones and large ones, our own and what came from it."""
    large = OWN * 9_000
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", content=b"seen" * 30_000)
    three.hold("KOR", "own-1", content=OWN)
    three.hold("KOR", "own-2", content=large)
    three.ask("c-0")
    three.settle()
    fetch_all(three, "JPN", "KOR")
    three.settle()
    assert three.state("KOR", "c-0") == "receipted"
    contents = (OWN, large, b"seen" * 30_000)
    for number, content in enumerate(contents, start=1):
        naming(three, "JPN", content)
        three.ask(f"c-{number}")
        three.settle()
    assert codes(three, "KOR") == [RefusalCode.BAD_PACKAGE] * 3
    for content in contents:
        assert three["KOR"].is_here(digest(content))


def test_an_intermediary_hands_on_no_content_of_its_own_as_a_package() -> None:
    """EX-43: it would give away in clear what a partner only has to know the digest of."""
    three = labels_only()
    three.hold("JPN", "launch-1")
    three.hold("USA", "own-1", topics=("rus.cyber",), content=OWN)
    naming(three, "JPN", OWN)
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    assert codes(three, "USA") == [RefusalCode.BAD_PACKAGE]
    assert three.state("KOR", "c-1") == "refused"
    assert three["USA"].is_here(digest(OWN))
    assert not is_anywhere(three, "KOR", OWN)


def test_content_that_is_held_twice_goes_with_the_last_of_the_two() -> None:
    """EX-27: the certificate is for an item; what came again in another case is still held."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", content=OWN)
    for case in ("c-1", "c-2"):
        three.ask(case)
        three.settle()
    for case, is_here in (("c-1", True), ("c-2", False)):
        gone = Destroy(case=case, holding="launch-1", method="shredded", by=ADMIN)
        three["KOR"].command(gone)
        three.settle()
        assert three["KOR"].is_here(digest(OWN)) is is_here


def test_what_an_officer_destroys_goes_though_it_looks_like_a_package() -> None:
    """EX-27."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", content=b"RELTOPK1" + OWN)
    three.ask("c-1")
    three.settle()
    three["KOR"].command(Destroy(case="c-1", holding="launch-1", method="shredded", by=ADMIN))
    assert not three["KOR"].is_here(digest(b"RELTOPK1" + OWN))
