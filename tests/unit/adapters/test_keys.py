"""Keys on disk and in use."""

import os
import random
import ssl
import stat

import pytest

from relto.adapters.keys import (
    KeysExistError,
    KeysMissingError,
    KeysUnsafeError,
    NodeKeys,
    OsEntropy,
    valid_until,
)
from relto.adapters.keys.keys import EntropyError
from relto.journal import sign_card, verify_card, verify_successor
from relto.model import NodeCard
from relto.seal import (
    SEALED_SECRET_BYTES,
    PackageError,
    PublicKeyError,
    SignatureError,
    check_ed25519,
    check_mldsa65,
    check_sealing_key,
)
from relto.sim.twins import TwinKeys, TwinSealer
from tests.support_journal import AT

SECRET = bytes(range(32))


@pytest.fixture
def keys(tmp_path):
    return NodeKeys.create(tmp_path / "keys", party="JPN", now=AT)


@pytest.fixture(params=["real", "seeded"])
def pair(request, tmp_path):
    """Two parties' keys and a sealer, real ones or the simulator's twins: one contract for both."""
    if request.param == "seeded":
        return TwinKeys(random.Random(1)), TwinKeys(random.Random(2)), TwinSealer()
    jpn, kor = (NodeKeys.create(tmp_path / name, party=name, now=AT) for name in ("JPN", "KOR"))
    return jpn, kor, jpn


def test_signatures_verify_with_the_public_keys(pair):
    jpn, kor, _ = pair
    check_ed25519(jpn.keys.ed25519, signature=jpn.sign(b"m"), message=b"m")
    signature = jpn.sign_durable(b"m", context=b"c")
    check_mldsa65(jpn.keys.mldsa65, signature=signature, message=b"m", context=b"c")
    with pytest.raises(SignatureError):
        check_ed25519(kor.keys.ed25519, signature=jpn.sign(b"m"), message=b"m")
    with pytest.raises(SignatureError):
        check_mldsa65(jpn.keys.mldsa65, signature=signature, message=b"m", context=b"d")


def test_only_the_recipient_opens_and_only_in_the_same_context(pair):
    """PK-4."""
    jpn, kor, sealer = pair
    check_sealing_key(kor.keys.sealing)
    sealed = sealer.seal(SECRET, recipient=kor.keys.sealing, info=b"context")
    assert len(sealed) == SEALED_SECRET_BYTES
    assert kor.open(sealed, info=b"context") == SECRET
    for opener, data, info in (
        (jpn, sealed, b"context"),
        (kor, sealed, b"another"),
        (kor, sealed[:-1], b"context"),
        (kor, b"", b"context"),
        (kor, bytes(SEALED_SECRET_BYTES), b"context"),
        (kor, bytes([sealed[0] ^ 1]) + sealed[1:], b"context"),
    ):
        with pytest.raises(PackageError):
            opener.open(data, info=info)


def test_keys_are_the_same_after_loading(keys, tmp_path):
    loaded = NodeKeys.load(tmp_path / "keys")
    assert loaded.keys == keys.keys
    assert loaded.certificate == keys.certificate
    assert loaded.serial == 1


def test_keys_are_for_their_owners_eyes_only(keys, tmp_path):
    directory = tmp_path / "keys"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    files = sorted(directory.iterdir())
    assert [path.name for path in files] == ["0001.crt", "0001.key", "0001.secrets"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    (directory / "0001.secrets").chmod(0o640)
    with pytest.raises(KeysUnsafeError):
        NodeKeys.load(directory)


def test_keys_are_never_overwritten(keys, tmp_path):
    with pytest.raises(KeysExistError):
        NodeKeys.create(tmp_path / "keys", party="JPN", now=AT)
    assert NodeKeys.load(tmp_path / "keys").keys == keys.keys


def test_an_unfinished_set_is_made_anew(keys, tmp_path):
    (tmp_path / "keys" / "0001.secrets").unlink()
    again = NodeKeys.create(tmp_path / "keys", party="JPN", now=AT)
    assert again.keys != keys.keys


@pytest.mark.parametrize("damage", ["empty", "cut", "other serial", "link", "absent"])
def test_damaged_keys_are_refused(keys, tmp_path, damage):
    path = tmp_path / "keys" / "0001.secrets"
    data = path.read_bytes()
    match damage:
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(data[:-1])
        case "other serial":
            path.rename(path.with_name("0002.secrets"))
        case "link":
            path.rename(path.with_name("elsewhere"))
            path.symlink_to("elsewhere")
        case "absent":
            path.unlink()
    with pytest.raises(KeysMissingError):
        NodeKeys.load(tmp_path / "keys")


def test_secrets_do_not_show_themselves(keys):
    shown = repr(keys._sets[0])
    assert "ed25519" not in shown
    assert "serial=1" in shown


def test_the_certificate_serves_both_ends_of_a_link(keys):
    for purpose in (ssl.Purpose.CLIENT_AUTH, ssl.Purpose.SERVER_AUTH):
        context = ssl.create_default_context(purpose)
        context.load_cert_chain(keys.tls_certificate_file, keys.tls_key_file)
    assert len(keys.certificate) < 1_000


def test_a_certificate_says_until_when_it_serves(keys):
    """LK-21: for three years, since nobody may be surprised that every link is down."""
    assert valid_until(keys.certificate) == AT.add(hours=24 * (3 * 366 - 1))
    assert valid_until(b"no certificate") is None


def test_fl_20_after_a_key_change_old_packages_still_open_and_new_keys_sign(keys, tmp_path):
    """JN-28: the new card is announced by the old keys and by the new."""
    newer = keys.rotate(party="JPN", now=AT)
    assert newer.serial == 2
    sealed = keys.seal(SECRET, recipient=keys.keys.sealing, info=b"i")
    assert newer.open(sealed, info=b"i") == SECRET
    assert NodeKeys.load(tmp_path / "keys").open(sealed, info=b"i") == SECRET
    assert NodeKeys.load(tmp_path / "keys").keys == newer.keys != keys.keys
    old = card_of(keys)
    data = sign_card(card_of(newer), signer=newer, predecessor=keys)
    assert verify_successor(data, current=old).card.serial == 2
    with pytest.raises(SignatureError):
        verify_successor(sign_card(card_of(newer), signer=newer), current=old)


def card_of(keys: NodeKeys) -> NodeCard:
    return NodeCard(
        protocol=1,
        party="JPN",
        serial=keys.serial,
        issued_at=AT,
        keys=keys.keys,
        certificate=keys.certificate,
    )


def test_a_real_card_verifies(keys):
    data = sign_card(card_of(keys), signer=keys)
    assert verify_card(data, is_exercise=False).card == card_of(keys)


def test_sealing_to_what_is_no_key_is_refused(keys):
    with pytest.raises(PublicKeyError):
        keys.seal(SECRET, recipient=b"short", info=b"i")


def test_fl_47_entropy_is_fresh_and_shares_nothing_with_a_fork():
    """PK-8."""
    entropy = OsEntropy()
    drawn = {entropy.draw(32) for _ in range(64)}
    assert len(drawn) == 64
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, OsEntropy().draw(32))
        os._exit(0)
    os.waitpid(child, 0)
    from_child = os.read(reader, 32)
    os.close(reader)
    os.close(writer)
    assert from_child not in drawn | {entropy.draw(32)}


def test_fl_47_no_entropy_is_an_error_and_not_a_zero(monkeypatch):
    def fails(count):
        raise NotImplementedError

    monkeypatch.setattr(os, "urandom", fails)
    with pytest.raises(EntropyError):
        OsEntropy().draw(32)
    monkeypatch.setattr(os, "urandom", bytes)
    with pytest.raises(EntropyError):
        OsEntropy().draw(32)
