"""Packages hold what their release says, or nothing of them is used (EX-23)."""

import random

import pytest

from relto.codec import CONTEXT
from relto.codec.payload import payload_head
from relto.driver.cabinet import Cabinet
from relto.driver.packer import Packer, UnfitError
from relto.limits import PACKAGE_INLINE_BYTES_MAX
from relto.model import Label, PackageContext
from relto.model.message import PackageRef
from relto.node import OpenOrder, SealOrder
from relto.ports import BlobMissingError, World
from relto.seal import PackageError, digest, digest_bytes, seal_package
from relto.sim.store import MemoryBlobs, MemoryStore
from relto.sim.twins import SeededEntropy, TwinKeys, TwinSealer
from tests.support_node import OCTOBER, Hand

KEYS = TwinKeys(random.Random(1))
LABEL = Label(scheme="jpn", level="hi")


def packer(party: str = "KOR") -> tuple[Packer, MemoryStore, Cabinet]:
    store, blobs = MemoryStore(), MemoryBlobs()
    cabinet = Cabinet(blobs)
    world = World(
        store=store,
        blobs=blobs,
        clock=Hand(OCTOBER),
        entropy=SeededEntropy(random.Random(2)),
        signer=KEYS,
        sealer=TwinSealer(),
        opener=KEYS,
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
    key = bytes(range(32))
    package = seal_package(payload, content_key=key, context=context)
    reference = PackageRef(
        digest=digest(package),
        size_bytes=len(package),
        sealed_key=TwinSealer().seal(key, recipient=KEYS.keys.sealing, info=context),
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
