"""An originator's consent as signed evidence, wherever it is checked."""

import pytest
from msgspec.structs import replace

from relto.errors import PeerError
from relto.journal import (
    BadEvidenceError,
    UnknownKeyError,
    inclusion_proof,
    revoke,
    sign_head,
    verify_consent,
)
from relto.model import LogId
from relto.model.case import Consent
from relto.model.message import ConsentGiven, Proof
from tests.support_journal import AT, Log
from tests.unit.journal.test_extract import KEYS, ring, say


def proof_of(log, entry):
    log.state = sign_head(log.state, signer=KEYS["JPN"])
    body = entry.bodies[0]
    return Proof(
        source="JPN",
        target="USA",
        header=entry.raw,
        part="message",
        salt=body.salt,
        body=body.content,
        path=inclusion_proof(log.peaks, index=entry.header.number - 1, size=log.state.size),
        checkpoint=log.state.note,
    )


def consented(*, originator="JPN", is_exercise=False):
    """JPN's log to USA: something else, a consent, something else; and the proof of the consent."""
    log = Log(LogId(source="JPN", target="USA"), is_exercise=is_exercise)
    log.other = say(log, "referral", case="c-1")
    consent = Consent(originator=originator, recipient="KOR", holding="launch-1", given_at=AT)
    log.consent = say(log, "consent-given", ConsentGiven(consent=consent, approvals=()), case="c-1")
    say(log, "release", case="c-1")
    return log, proof_of(log, log.consent)


def check(proof, *, keys=None, is_exercise=False, is_live=True):
    return verify_consent(proof, ring=keys or ring("JPN"), is_exercise=is_exercise, is_live=is_live)


def test_a_consent_is_verified_with_its_authors_keys_alone():
    """JN-24, EX-21."""
    proven = check(consented()[1])
    assert (proven.header.log.origin, proven.header.number) == ("relto/JPN/USA", 2)
    assert proven.message.consent.recipient == "KOR"


def changed():
    log, good = consented()
    local = Log(LogId(source="JPN", target="KOR"), seed=3)
    say(local, "referral")
    return {
        "a body": replace(good, body=b"forged"),
        "a salt": replace(good, salt=bytes(32)),
        "a salt cut": replace(good, salt=good.salt[:-1]),
        "no salt": replace(good, salt=b""),
        "another part": replace(good, part="other"),
        "another reader": replace(good, target="KOR"),
        "another author": replace(good, source="USA"),
        "no path": replace(good, path=()),
        "a path too long": replace(good, path=(*good.path, bytes(32))),
        "another header": replace(good, header=log.other.raw),
        "no header": replace(good, header=b"{}"),
        "another head": replace(good, checkpoint=sign_head(local.state, signer=KEYS["JPN"]).note),
        "a head of others": replace(good, checkpoint=b"no note"),
        "no consent": proof_of(log, log.other),
        "a consent of another": consented(originator="USA")[1],
    }


@pytest.mark.parametrize("name", changed())
def test_a_changed_consent_proves_nothing(name):
    """JN-24, EX-21: whatever a partner writes, it is an error of its own and never ours."""
    with pytest.raises(PeerError):
        check(changed()[name])


def test_an_exercise_consent_never_passes_for_a_real_one():
    """JN-4, EX-21."""
    for is_exercise in (True, False):
        with pytest.raises(BadEvidenceError):
            check(consented(is_exercise=is_exercise)[1], is_exercise=not is_exercise)


def test_a_revoked_key_proves_nothing_that_arrives_and_still_what_was_held():
    """JN-29."""
    proof = consented()[1]
    revoked = revoke(ring("JPN"), serial=1, at=AT)
    with pytest.raises(UnknownKeyError):
        check(proof, keys=revoked)
    assert check(proof, keys=revoked, is_live=False)
