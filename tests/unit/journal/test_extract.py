"""Extracts: a case as evidence for a third person."""

import random

import pytest
from msgspec.structs import replace

from relto.codec import EXTRACT
from relto.codec.message import encode_message
from relto.errors import PeerError
from relto.journal import (
    BadEvidenceError,
    Draft,
    ExtractError,
    UnknownKeyError,
    UntrustedKeyError,
    WrongLogError,
    acknowledge,
    append,
    empty_log,
    extract_log,
    first_ring,
    inclusion_proof,
    make_batch,
    sign_card,
    sign_head,
    verify_acknowledgement,
    verify_batch,
    verify_card,
    verify_extract,
)
from relto.model import EXTRACT_VERSION, Body, Extract, ExtractedFile, LogId, NodeCard, Precedence
from relto.model.case import Consent
from relto.model.delegation import Delegation, Delegations
from relto.model.message import (
    ConsentGiven,
    DelegationsAdopted,
    FileRef,
    LawAdopted,
    LawRef,
    Proof,
    Released,
)
from relto.seal import digest, digest_of_files
from relto.sim.twins import TwinKeys
from tests.support_journal import AT, JPN_JPN, JPN_KOR, Log

KEYS = {party: TwinKeys(random.Random(party)) for party in ("JPN", "KOR", "USA")}
LAW = b'id = "law"\n'
LAW_REF = LawRef(digest=digest_of_files({"law.toml": LAW}))


def ring(party):
    return first_ring(party, KEYS[party].keys, begins_at=AT.subtract(hours=24))


def card(party, keys=None):
    keys = keys or KEYS[party]
    return sign_card(
        NodeCard(
            protocol=1, party=party, serial=1, issued_at=AT, keys=keys.keys, certificate=b"der"
        ),
        signer=keys,
    )


CARDS = {party: card(party) for party in KEYS}
TRUSTED = {party: verify_card(data, is_exercise=False).fingerprint for party, data in CARDS.items()}


def say(log: Log, kind, message=None, *, case=None, text=b"{}", at=AT):
    content = text if message is None else encode_message(message)
    draft = Draft(kind=kind, case=case, parts=(("message", content),))
    log.state, entry = append(log.state, draft, now=at, entropy=log.entropy)
    log.held.append(entry)
    return entry


class World:
    """What JPN's node holds after a case, and what it extracts."""

    def __init__(self, *, acknowledge_upto=None):
        self.local, self.out = Log(JPN_JPN), Log(JPN_KOR, seed=2)
        law = LawAdopted(
            law=LAW_REF, files=(FileRef(name="law.toml", digest=digest(LAW)),), by="administrator"
        )
        self.law = say(self.local, "law-adopted", law)
        say(self.local, "queued", case="c-other")
        self.step = say(self.local, "officer-step", case="c-1")
        say(self.out, "release", case="c-0")
        self.release = say(self.out, "release", case="c-1")
        if acknowledge_upto is not None:
            self.acknowledged(acknowledge_upto)
        say(self.out, "refusal", case="c-2")
        self.late = say(self.out, "recall", case="c-1")
        for log in (self.local, self.out):
            log.state = sign_head(log.state, signer=KEYS["JPN"])

    def acknowledged(self, upto):
        mirror = empty_log(JPN_KOR, is_exercise=False)
        batch = make_batch(self.out.state, self.out.held[:upto], signer=KEYS["JPN"])
        verified = verify_batch(
            batch, state=mirror, ring=ring("JPN"), read=lambda first, end: (), now=AT
        )
        mirror = acknowledge(verified, signer=KEYS["KOR"], party="KOR", now=AT)
        self.out.state = verify_acknowledgement(
            mirror.acknowledgement,
            state=self.out.state,
            partner=ring("KOR"),
            own=ring("JPN"),
            peaks=self.out.peaks,
        )

    def extract(self, *, with_late=True):
        out = [self.release, self.late] if with_late else [self.release]
        return Extract(
            version=EXTRACT_VERSION,
            case="c-1",
            made_by="JPN",
            made_at=AT,
            logs=(
                extract_log(self.local.state, [self.law, self.step], peaks=self.local.peaks),
                extract_log(self.out.state, out, peaks=self.out.peaks),
            ),
            cards=tuple(CARDS.values()),
            files=(ExtractedFile(name="law.toml", digest=digest(LAW)),),
        )


def verify(extract, *, files=None, trusted=None):
    return verify_extract(
        EXTRACT.decode(EXTRACT.encode(extract)),
        files={1: LAW} if files is None else files,
        trusted=list(TRUSTED.values()) if trusted is None else trusted,
    )


def test_an_extract_verifies_with_the_parties_cards_alone():
    """JN-22, JN-23."""
    verified = verify(World(acknowledge_upto=2).extract())
    kinds = [it.entry.header.kind for it in verified.statements]
    assert sorted(kinds) == ["law-adopted", "officer-step", "recall", "release"]
    sure = {it.entry.header.kind: it.is_acknowledged for it in verified.statements}
    assert sure == {"law-adopted": False, "officer-step": False, "release": True, "recall": False}
    assert verified.law == (LAW_REF.digest,)
    assert verified.fingerprints == {party: (TRUSTED[party],) for party in ("JPN", "KOR")}


def test_what_is_acknowledged_whole_is_shown_under_both_signatures():
    """JN-22."""
    world = World(acknowledge_upto=2)
    extract = world.extract(with_late=False)
    assert extract.logs[1].checkpoint == extract.logs[1].acknowledgement
    assert all(
        it.is_acknowledged for it in verify(extract).statements if it.entry.header.target == "KOR"
    )


def test_an_extract_of_what_nobody_acknowledged_verifies_and_says_so():
    """JN-22."""
    statements = verify(World().extract()).statements
    assert not any(it.is_acknowledged for it in statements)


def test_a_destroyed_body_leaves_the_rest_provable():
    """JN-6, JN-23: a part may also be left out of an extract."""
    extract = World().extract()
    local, out = extract.logs
    bare = replace(out.entries[0], bodies=(None,))
    shown = replace(extract, logs=(local, replace(out, entries=(bare, *out.entries[1:]))))
    gone = {
        it.entry.header.number: it.destroyed
        for it in verify(shown).statements
        if it.entry.header.target == "KOR"
    }
    assert gone == {2: ("message",), 4: ()}


def test_keys_that_nobody_vouched_for_prove_nothing():
    """JN-23: the extract carries cards, and still they count for nothing by themselves."""
    extract = World(acknowledge_upto=2).extract()
    with pytest.raises(UntrustedKeyError):
        verify(extract, trusted=[])
    with pytest.raises(UntrustedKeyError):
        verify(extract, trusted=[TRUSTED["KOR"]])
    with pytest.raises(UntrustedKeyError):
        verify(extract, trusted=[TRUSTED["JPN"]])
    verify(extract, trusted=[TRUSTED["JPN"], TRUSTED["KOR"]])


def test_a_card_that_an_impostor_made_does_not_help():
    """JN-23."""
    impostor = TwinKeys(random.Random("impostor"))
    forged = card("JPN", impostor)
    extract = replace(World().extract(), cards=(forged,))
    with pytest.raises(UntrustedKeyError):
        verify(extract)
    fingerprint = verify_card(forged, is_exercise=False).fingerprint
    with pytest.raises(UnknownKeyError):
        verify(extract, trusted=[fingerprint])


def tampered():
    """Every way to change an extract that its reader must notice."""
    extract = World(acknowledge_upto=2).extract()
    local, out = extract.logs
    first, late = out.entries
    body = first.bodies[0]
    header = first.header

    def logs(*logs):
        return replace(extract, logs=logs)

    def entries(*entries):
        return logs(local, replace(out, entries=entries))

    return {
        "a body": entries(replace(first, bodies=(replace(body, content=b"forged"),)), late),
        "a salt": entries(replace(first, bodies=(replace(body, salt=bytes(32)),)), late),
        "a header": entries(
            replace(first, header=header.replace(b'"release"', b'"refusal"')), late
        ),
        "a body added": entries(
            replace(first, bodies=(body, Body(salt=bytes(32), content=b""))), late
        ),
        "a proof cut": entries(replace(first, path=first.path[:-1]), late),
        "a proof of another": entries(replace(first, path=late.path), late),
        "entries swapped": entries(late, first),
        "an entry twice": entries(first, first),
        "an entry under another's proof": entries(replace(late, path=first.path)),
        "a log twice": logs(local, out, out),
        "an entry in another log": logs(replace(local, entries=(*local.entries, first)), out),
        "a checkpoint of another log": logs(local, replace(out, checkpoint=local.checkpoint)),
        "a checkpoint changed": logs(
            local, replace(out, checkpoint=out.checkpoint.replace(b"\n4\n", b"\n5\n"))
        ),
        "an acknowledgement of another log": logs(
            local, replace(out, acknowledgement=local.checkpoint)
        ),
        "an acknowledgement that is none": logs(
            local, replace(out, acknowledgement=out.checkpoint)
        ),
        "a consistency proof cut": logs(local, replace(out, consistency=())),
        "another case": replace(extract, case="c-2"),
        "another maker": replace(extract, made_by="USA"),
        "the law alone": logs(replace(local, entries=local.entries[:1])),
        "the other world": replace(extract, is_exercise=True),
        "no files": replace(extract, files=()),
        "another file": replace(
            extract, files=(ExtractedFile(name="law.toml", digest=digest(b"other")),)
        ),
        "a file under another name": replace(
            extract, files=(ExtractedFile(name="other.toml", digest=digest(LAW)),)
        ),
        "the law left out": logs(replace(local, entries=local.entries[1:]), out),
        "a card cut": replace(extract, cards=(extract.cards[0][:-1],)),
    }


@pytest.mark.parametrize("name", tampered())
def test_a_tampered_extract_is_not_verified(name):
    """JN-23: the bad input that `journal verify` must catch."""
    with pytest.raises(PeerError):
        verify(tampered()[name])


PLACES = {
    "a body": "`relto/JPN/KOR`: entry 2",
    "a header": "entry 2 of `relto/JPN/KOR`: inclusion proof",
    "a checkpoint changed": "head of `relto/JPN/KOR`: ",
    "an acknowledgement that is none": "acknowledgement of `relto/JPN/KOR`: ",
    "a consistency proof cut": "acknowledgement of `relto/JPN/KOR`: ",
    "a file under another name": "law file `other.toml`",
    "a card cut": "card 1 of the extract: ",
}


@pytest.mark.parametrize("name", PLACES)
def test_what_was_tampered_with_is_named(name):
    """JN-23: a third person must be able to say what does not hold."""
    with pytest.raises(PeerError) as caught:
        verify(tampered()[name])
    assert caught.value.message.startswith(PLACES[name])


def test_a_law_file_that_was_adopted_and_is_not_shown_is_named():
    """JN-22, JN-23."""
    with pytest.raises(ExtractError) as caught:
        verify(replace(World().extract(), files=()), files={})
    assert caught.value.message == "law file `law.toml`, which was adopted, is not shown"


def test_exercise_entries_never_pass_for_real_ones():
    """JN-4, JN-23: the cards are real, the extract says it is real, and the entries are not."""
    log = Log(JPN_KOR, is_exercise=True)
    entry = say(log, "release", case="c-1")
    log.state = sign_head(log.state, signer=KEYS["JPN"])
    extract = World().extract()
    shown = extract_log(log.state, [entry], peaks=log.peaks)
    with pytest.raises(WrongLogError):
        verify(replace(extract, logs=(extract.logs[0], shown)))


def test_a_file_that_is_not_what_was_adopted_is_noticed():
    """JN-23."""
    extract = World().extract()
    for files in ({}, {1: b"other"}, {2: LAW}, {1: LAW, 2: b"x"}, {1: LAW, 2: LAW}):
        with pytest.raises(ExtractError):
            verify(extract, files=files)


def release_of(world, **changes):
    """A release as JPN's node writes it, resting on a consent of USA."""
    from tests.support_messages import ITEM

    body = world.consent.bodies[0]
    proof = Proof(
        source="USA",
        target="JPN",
        header=world.consent.raw,
        part="message",
        salt=body.salt,
        body=body.content,
        path=inclusion_proof(world.usa.peaks, index=0, size=1),
        checkpoint=world.usa.state.note,
    )
    given = {"law": LAW_REF, "consents": (replace(proof, **changes.pop("proof", {})),), **changes}
    return Released(
        instrument="jpn-kor-gsomia-2016", precedence=Precedence.ROUTINE, items=(ITEM,), **given
    )


def released(**changes):
    world = World()
    world.usa = Log(LogId(source="USA", target="JPN"), seed=5)
    given = Consent(originator="USA", recipient="KOR", holding="launch-1", given_at=AT)
    world.consent = say(
        world.usa, "consent-given", ConsentGiven(consent=given, approvals=()), case="c-1"
    )
    world.usa.state = sign_head(world.usa.state, signer=KEYS["USA"])
    world.release = say(world.out, "release", release_of(world, **changes), case="c-1")
    world.out.state = sign_head(world.out.state, signer=KEYS["JPN"])
    return world.extract(with_late=False)


def test_a_release_is_verified_with_the_consents_and_the_law_it_rests_on():
    """JN-23, JN-24: evidence through an intermediary holds from end to end."""
    verified = verify(released())
    (statement,) = [it for it in verified.statements if it.entry.header.kind == "release"]
    assert isinstance(statement.message, Released)
    (proven,) = statement.basis.consents
    assert (proven.header.log.origin, proven.header.number) == ("relto/USA/JPN", 1)
    assert proven.message.consent.recipient == "KOR"
    assert statement.basis.law.header.kind == "law-adopted"
    assert set(verified.fingerprints) == {"JPN", "USA"}
    with pytest.raises(UntrustedKeyError):
        verify(released(), trusted=[TRUSTED["JPN"], TRUSTED["KOR"]])


def test_a_release_that_rests_on_a_forged_consent_or_on_law_not_shown_is_not_verified():
    """JN-23, JN-24."""
    with pytest.raises(BadEvidenceError) as caught:
        verify(released(proof={"body": b"forged"}))
    assert caught.value.message.startswith("consent of `USA` that entry 5 of `relto/JPN/KOR` rests")
    for other in (LawRef(digest=digest(b"other law")), replace(LAW_REF, known=AT)):
        with pytest.raises(ExtractError):
            verify(released(law=other))


def test_two_cards_of_one_party_count_both():
    """JN-23, JN-28: evidence from before and after a key change."""
    newer = TwinKeys(random.Random("newer"))
    changed = sign_card(
        NodeCard(
            protocol=1, party="JPN", serial=2, issued_at=AT, keys=newer.keys, certificate=b"der"
        ),
        signer=newer,
        predecessor=KEYS["JPN"],
    )
    fingerprint = verify_card(changed, is_exercise=False).fingerprint
    trusted = [*TRUSTED.values(), fingerprint]
    for cards in ((changed, *CARDS.values()), (*CARDS.values(), changed)):
        extract = replace(World().extract(), cards=cards)
        found = verify(extract, trusted=trusted).fingerprints["JPN"]
        assert found == (fingerprint, TRUSTED["JPN"])


# ---------------------------------------------------------------- what a release rests on


def standing(*ids):
    """Standing authorities as JPN adopts them."""
    return DelegationsAdopted(
        delegations=Delegations(
            holder="JPN",
            delegations=tuple(
                Delegation(
                    id=id,
                    recipients=("KOR",),
                    instruments=("jpn-kor-gsomia-2016",),
                    topics=("dprk",),
                    up_to="hi",
                    by="the minister",
                )
                for id in ids
            ),
        ),
        by="administrator",
    )


def delegated(*adopted, version=EXTRACT_VERSION, at=AT, release_at=AT):
    """JPN releases under delegation `first`; what it adopted is shown, one entry each."""
    from tests.support_messages import ITEM

    world = World()
    shown = [world.law]
    shown += [say(world.local, "delegations-adopted", message, at=at) for message in adopted]
    world.local.state = sign_head(world.local.state, signer=KEYS["JPN"])
    message = Released(
        instrument="jpn-kor-gsomia-2016",
        precedence=Precedence.ROUTINE,
        law=LAW_REF,
        delegation="first",
        items=(ITEM,),
    )
    world.release = say(world.out, "release", message, case="c-1", at=release_at)
    world.out.state = sign_head(world.out.state, signer=KEYS["JPN"])
    made = world.extract(with_late=False)
    logs = (extract_log(world.local.state, shown, peaks=world.local.peaks), made.logs[1])
    return replace(made, version=version, logs=logs)


def basis_of(extract):
    (found,) = [it.basis for it in verify(extract).statements if it.basis is not None]
    return found


def test_a_release_is_verified_with_the_delegation_that_it_names():
    """JN-22, JN-23: among those that stood then, also where they were adopted with it."""
    for adopted in (
        [standing("first")],
        [standing("other"), standing("other", "first")],
        [standing("first"), standing("other")],
        [standing("first"), standing("other"), standing()],
    ):
        basis = basis_of(delegated(*adopted))
        assert basis.delegation.id == "first"
        assert basis.authority.header.kind == "delegations-adopted"


LATER = AT.add(seconds=1)


@pytest.mark.parametrize(
    "extract",
    [
        pytest.param(delegated(), id="none is shown"),
        pytest.param(delegated(standing("other")), id="it is not among them"),
        pytest.param(delegated(standing("first"), at=LATER), id="adopted only later"),
        pytest.param(
            delegated(standing("first"), standing("other"), release_at=LATER), id="taken back"
        ),
    ],
)
def test_a_release_under_a_delegation_that_did_not_stand_is_not_verified(extract):
    """JN-23."""
    with pytest.raises(ExtractError) as caught:
        verify(extract)
    assert caught.value.message == (
        "entry 5 of `relto/JPN/KOR` rests on delegation `first`, which is not among the standing"
        " authorities shown for its time"
    )


def test_an_extract_from_before_delegations_travelled_is_verified_without_them():
    """JN-23, JN-38: evidence does not spoil; it says less."""
    basis = basis_of(delegated(version=1))
    assert basis.authority is None
    assert basis.delegation is None


def test_a_partners_release_is_verified_without_its_delegation_and_law():
    """JN-23: its own log is not here; what it says of them is."""
    from tests.support_messages import ITEM

    other = LawRef(digest=digest(b"other law"))
    log = Log(LogId(source="KOR", target="JPN"), seed=7)
    message = Released(
        instrument="jpn-kor-gsomia-2016",
        precedence=Precedence.ROUTINE,
        law=other,
        delegation="standing",
        items=(ITEM,),
    )
    entry = say(log, "release", message, case="c-1")
    log.state = sign_head(log.state, signer=KEYS["KOR"])
    made = World().extract()
    basis = basis_of(
        replace(made, logs=(*made.logs, extract_log(log.state, [entry], peaks=log.peaks)))
    )
    assert (basis.law, basis.authority, basis.delegation) == (None, None, None)


def test_an_originators_own_consent_before_its_release_is_shown_with_it():
    """JN-23, EX-17."""
    from tests.support_messages import ITEM

    world = World()
    consents = [
        Consent(originator=originator, recipient="USA", holding=holding, given_at=AT)
        for originator, holding in (("JPN", "launch-1"), ("JPN", "other"), ("USA", "launch-1"))
    ]
    said = [
        say(world.out, "consent-given", ConsentGiven(consent=one, approvals=()), case="c-1")
        for one in consents
    ]
    message = Released(
        instrument="tisa-2014",
        onward="USA",
        precedence=Precedence.ROUTINE,
        law=LAW_REF,
        items=(replace(ITEM, originator="JPN"),),
    )
    said.append(say(world.out, "release", message, case="c-1"))
    said.append(
        say(world.out, "consent-given", ConsentGiven(consent=consents[0], approvals=()), case="c-1")
    )
    world.out.state = sign_head(world.out.state, signer=KEYS["JPN"])
    made = world.extract()
    logs = (made.logs[0], extract_log(world.out.state, said, peaks=world.out.peaks))
    (proven,) = basis_of(replace(made, logs=logs)).consents
    assert proven.header.number == said[0].header.number


def test_law_whose_digest_is_not_that_of_its_files_is_not_verified():
    """JN-23, LAW-9: a party cannot show other files under the digest that its releases name."""
    world = World()
    forged = LawAdopted(
        law=LawRef(digest=digest(b"the law as agreed")),
        files=(FileRef(name="law.toml", digest=digest(LAW)),),
        by="administrator",
    )
    world.law = say(world.local, "law-adopted", forged)
    world.local.state = sign_head(world.local.state, signer=KEYS["JPN"])
    made = world.extract()
    local = extract_log(world.local.state, [world.step, world.law], peaks=world.local.peaks)
    with pytest.raises(ExtractError) as caught:
        verify(replace(made, logs=(local, made.logs[1])))
    assert caught.value.message.endswith("is not the law of its files")


def test_law_and_authorities_in_a_partners_log_are_nobodys():
    """JN-23: a party says in its own log what its law is, and nowhere else."""
    world = World()
    law = LawAdopted(law=LAW_REF, files=(), by="administrator")
    stray = say(world.out, "law-adopted", law)
    world.out.state = sign_head(world.out.state, signer=KEYS["JPN"])
    made = world.extract()
    out = extract_log(world.out.state, [world.release, stray], peaks=world.out.peaks)
    with pytest.raises(ExtractError) as caught:
        verify(replace(made, logs=(made.logs[0], out)))
    assert "is not of case `c-1`" in caught.value.message


def test_an_entry_dated_before_the_one_before_it_is_not_verified():
    """JN-8, JN-23."""
    world = World()
    world.out.state = replace(world.out.state, at=None)
    early = say(world.out, "recall", case="c-1", at=AT.subtract(seconds=1))
    world.out.state = sign_head(world.out.state, signer=KEYS["JPN"])
    made = world.extract()
    out = extract_log(world.out.state, [world.release, early], peaks=world.out.peaks)
    with pytest.raises(ExtractError) as caught:
        verify(replace(made, logs=(made.logs[0], out)))
    assert caught.value.message == "entry 5 of `relto/JPN/KOR` is dated before the entry before it"
