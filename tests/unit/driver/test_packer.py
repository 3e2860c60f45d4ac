"""Packages hold what their release says, or nothing of them is used (EX-23)."""

import random

import pytest
from msgspec.structs import replace

from relto.codec import CONTEXT
from relto.codec.payload import payload_head
from relto.driver.cabinet import Cabinet
from relto.driver.packer import Packer, UnfitError
from relto.limits import PACKAGE_INLINE_BYTES_MAX
from relto.model import Label, PackageContext
from relto.model.message import PackageRef
from relto.node import OpenOrder, SealOrder
from relto.ports import BlobMissingError, World
from relto.seal import (
    KEY_SALT_BYTES,
    Opener,
    PackageError,
    derive_content_key,
    digest,
    digest_bytes,
    seal_package,
)
from relto.sim.store import MemoryBlobs, MemoryStore
from relto.sim.twins import SeededEntropy, TwinKeys, TwinSealer
from tests.support_node import OCTOBER, Hand

KEYS = TwinKeys(random.Random(1))
LABEL = Label(scheme="jpn", level="hi")


def packer(party: str = "KOR", *, opener: Opener = KEYS) -> tuple[Packer, MemoryStore, Cabinet]:
    store, blobs = MemoryStore(), MemoryBlobs()
    cabinet = Cabinet(blobs)
    world = World(
        store=store,
        blobs=blobs,
        clock=Hand(OCTOBER),
        entropy=SeededEntropy(random.Random(2)),
        signer=KEYS,
        sealer=TwinSealer(),
        opener=opener,
    )
    return Packer(world=world, cabinet=cabinet, party=party, is_exercise=False), store, cabinet


def order_for(payload: bytes, *, said: bytes) -> tuple[OpenOrder, bytes]:
    """A package of `payload` whose release says that it holds `said`."""
    context = digest_bytes(
        CONTEXT.encode(
            PackageContext(
                version=1,
                source="JPN",
                target="KOR",
                instrument="a-b-2016",
                originator="JPN",
                label=LABEL,
                holding="launch-1",
                case="c-1",
                content=digest(said),
                content_bytes=len(said),
            )
        )
    )
    secret, salt = bytes(range(32)), bytes(range(32, 64))
    key = derive_content_key(secret, salt=salt, context=context)
    package = seal_package(payload, content_key=key, context=context)
    info = b"relto/secret/1\nJPN\nKOR\noperational\n"
    reference = PackageRef(
        digest=digest(package),
        size_bytes=len(package),
        sealed_key=TwinSealer().seal(secret, recipient=KEYS.keys.sealing, info=info) + salt,
        source="JPN",
        recipient="KOR",
        instrument="a-b-2016",
    )
    return (
        OpenOrder(
            holding="launch-1",
            originator="JPN",
            label=LABEL,
            content=digest(said),
            content_bytes=len(said),
            package=reference,
        ),
        package,
    )


GOOD = payload_head(title="a launch", content_bytes=3) + b"abc"
SHORT = payload_head(title="a launch", content_bytes=9) + b"abc"


@pytest.mark.parametrize(
    ("payload", "said"), [(GOOD + b"more", GOOD), (GOOD[:-1] + b"x", GOOD), (SHORT, SHORT)]
)
def test_a_package_that_holds_something_else_is_not_used(payload: bytes, said: bytes) -> None:
    opener, store, _ = packer()
    order, package = order_for(payload, said=said)
    with store.transaction() as tx, pytest.raises(UnfitError):
        opener.open(tx, order, case="c-1", inline=package)


def test_a_package_opens_in_its_own_case_only() -> None:
    opener, store, _ = packer()
    order, package = order_for(GOOD, said=GOOD)
    with store.transaction() as tx:
        with pytest.raises(PackageError):
            opener.open(tx, order, case="c-2", inline=package)
        inside, _ = opener.open(tx, order, case="c-1", inline=package)
        assert (inside.title, inside.size_bytes) == ("a launch", 3)


@pytest.mark.parametrize("size", [0, 1, PACKAGE_INLINE_BYTES_MAX, PACKAGE_INLINE_BYTES_MAX + 1])
def test_what_is_sealed_opens_again_whatever_its_size(size: int) -> None:
    sealer, store, cabinet = packer("KOR")
    content = bytes(size)
    with store.transaction() as tx:
        order = SealOrder(
            holding="launch-1",
            title="a launch",
            blob=cabinet.put(tx, content),
            recipient="KOR",
            instrument="a-b-2016",
            originator="KOR",
            label=LABEL,
        )
        made = sealer.seal(tx, order, case="c-1", recipient_key=KEYS.keys.sealing)
        opened, _ = sealer.open(
            tx,
            OpenOrder(
                holding="launch-1",
                originator="KOR",
                label=LABEL,
                content=made.content,
                content_bytes=made.content_bytes,
                package=made.package,
            ),
            case="c-1",
            inline=None,
        )
        assert b"".join(cabinet.pieces(tx, opened.content)) == content
        cabinet.drop(tx, made.package.digest, is_content=False)
        cabinet.destroy(made.package.digest)
        assert not cabinet.is_here(tx, made.package.digest)
        with pytest.raises(BlobMissingError):
            cabinet.read(tx, made.package.digest, offset=0, count=1)


def sealed_keys(
    sealer: Packer, store: MemoryStore, cabinet: Cabinet, *items: tuple[int, str]
) -> list[bytes]:
    """Seal contents of these sizes, each for a recipient, in one turn; give the sealed keys."""
    made = []
    with store.transaction() as tx:
        for size, recipient in items:
            order = SealOrder(
                holding="launch-1",
                title="a launch",
                blob=cabinet.put(tx, bytes(size)),
                recipient=recipient,
                instrument="a-b-2016",
                originator="KOR",
                label=LABEL,
            )
            kept = tx if size <= PACKAGE_INLINE_BYTES_MAX else None
            made.append(sealer.seal(kept, order, case="c-1", recipient_key=KEYS.keys.sealing))
    sealer.forget()
    return [item.package.sealed_key for item in made]


def test_small_packages_of_one_turn_share_a_secret_and_no_content_key() -> None:
    """PK-4, PK-8: salts differ; another party, a large package, another turn have their own."""
    sealer, store, cabinet = packer("KOR")
    items = ((1, "KOR"), (1, "KOR"), (1, "USA"), (PACKAGE_INLINE_BYTES_MAX + 1, "KOR"))
    first, second, other, large = sealed_keys(sealer, store, cabinet, *items)
    (later,) = sealed_keys(sealer, store, cabinet, (1, "KOR"))
    assert first[:-KEY_SALT_BYTES] == second[:-KEY_SALT_BYTES]
    keys = (first, second, other, large, later)
    assert len({key[:-KEY_SALT_BYTES] for key in keys}) == 4
    assert len({key[-KEY_SALT_BYTES:] for key in keys}) == 5


class Counting:
    """An opener that counts."""

    def __init__(self) -> None:
        self.count = 0

    def open(self, sealed: bytes, *, info: bytes) -> bytes:
        self.count += 1
        return KEYS.open(sealed, info=info)


def test_a_secret_is_opened_once_in_a_turn_and_not_remembered_after_it() -> None:
    """PK-4."""
    counting = Counting()
    opener, store, _ = packer(opener=counting)
    order, package = order_for(GOOD, said=GOOD)
    with store.transaction() as tx:
        for _ in range(3):
            opener.open(tx, order, case="c-1", inline=package)
        # A salt of another's, or a context of another's, opens nothing, though the secret is known.
        wrong = order.package.sealed_key[:-1] + b"x"
        changed = replace(order, package=replace(order.package, sealed_key=wrong))
        for case, one in (("c-2", order), ("c-1", changed)):
            with pytest.raises(PackageError):
                opener.open(tx, one, case=case, inline=package)
    assert counting.count == 1
    opener.forget()
    with store.transaction() as tx:
        opener.open(tx, order, case="c-1", inline=package)
    assert counting.count == 2


@pytest.mark.parametrize("given", [b"", b"short", bytes(1_168), bytes(1_201)])
def test_a_sealed_key_of_another_length_is_refused(given: bytes) -> None:
    """PK-10."""
    opener, store, _ = packer()
    order, package = order_for(GOOD, said=GOOD)
    changed = replace(order, package=replace(order.package, sealed_key=given))
    with store.transaction() as tx, pytest.raises(PackageError, match=f"{len(given)} bytes"):
        opener.open(tx, changed, case="c-1", inline=package)
