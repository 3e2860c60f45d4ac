"""Which of the large packages is worked on next (EX-53), and which is doubted (EX-59)."""

import random

import pytest

from relto.driver.cabinet import Cabinet
from relto.driver.packer import Packer
from relto.driver.workshop import Workshop
from relto.model import Precedence
from relto.ports import World
from relto.seal import digest
from relto.sim.store import MemoryBlobs, MemoryStore
from relto.sim.twins import SeededEntropy, TwinKeys, TwinSealer
from tests.support_node import OCTOBER, Hand


def workshop() -> Workshop:
    keys, blobs = TwinKeys(random.Random(1)), MemoryBlobs()
    world = World(
        store=MemoryStore(),
        blobs=blobs,
        clock=Hand(OCTOBER),
        entropy=SeededEntropy(random.Random(2)),
        signer=keys,
        sealer=TwinSealer(),
        opener=keys,
    )
    cabinet = Cabinet(blobs)
    packer = Packer(world=world, cabinet=cabinet, party="JPN", is_exercise=False)
    return Workshop(packer=packer, cabinet=cabinet, keeps=lambda _: False)


def taken(shop: Workshop) -> list[str]:
    """Whose packages are worked on, in order."""
    found = []
    while (job := shop.take(lambda _: True)) is not None:
        found.append(job.partner)
    return found


def put(shop: Workshop, partner: str, *names: str, precedence: Precedence) -> None:
    for name in names:
        address = digest(name.encode())
        shop.check(address, size_bytes=1, partner=partner, precedence=precedence)


def test_partners_take_turns_however_much_one_of_them_sends() -> None:
    """EX-53."""
    shop = workshop()
    put(shop, "KOR", "a", "b", "c", "d", precedence=Precedence.ROUTINE)
    put(shop, "USA", "e", "f", precedence=Precedence.ROUTINE)
    assert taken(shop) == ["KOR", "USA", "KOR", "USA", "KOR", "KOR"]
    put(shop, "KOR", "g", precedence=Precedence.ROUTINE)
    put(shop, "USA", "h", precedence=Precedence.ROUTINE)
    assert taken(shop) == ["USA", "KOR"]


def test_what_is_urgent_goes_before_whose_turn_it_is() -> None:
    """EX-53."""
    shop = workshop()
    put(shop, "USA", "a", precedence=Precedence.ROUTINE)
    put(shop, "KOR", "b", "c", precedence=Precedence.FLASH)
    assert taken(shop) == ["KOR", "KOR", "USA"]


def test_what_partners_were_given_is_remembered_of_so_many_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """EX-59: the one that was fetched from longest ago is forgotten, and looked at later."""
    monkeypatch.setattr("relto.driver.workshop.REMEMBERED_MAX", 2)
    shop = workshop()
    one, two, three = (digest(name) for name in (b"1", b"2", b"3"))
    for address in (one, two, one, three):
        shop.gave(address, partner="KOR", count=1)
    assert not shop.is_doubted(two, partner="KOR", size_bytes=1)
    assert not shop.is_doubted(one, partner="USA", size_bytes=1)
    assert shop.is_doubted(one, partner="KOR", size_bytes=2)
    assert not shop.is_doubted(one, partner="KOR", size_bytes=2)
    assert shop.is_doubted(three, partner="KOR", size_bytes=1)
