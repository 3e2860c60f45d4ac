"""A node asked for what is over, unknown, or not its own: it looks, and does nothing wrong."""

import re

import pytest
from msgspec.structs import replace

from relto.adapters.lawfiles import digest_of
from relto.codec import FRAME, decode_entry
from relto.codec.message import encode_message
from relto.driver.facts import fact_of as driver_fact_of
from relto.driver.facts import prove
from relto.exchange import CaseState, EntryRef, Role
from relto.journal import BadEvidenceError, Draft, sign_card, verify_card
from relto.model import Case, Form, Label
from relto.model.message import PackageRef, Quarantined, RefusalCode
from relto.node import (
    Append,
    AskConsent,
    BadCardError,
    Drop,
    NotWaitingError,
    Opened,
    OpenedItem,
    PackageArrived,
    PackageAsked,
    PackageLost,
    Proceed,
    Received,
    Reclassify,
    Sealed,
    SealedItem,
    SetClock,
    Tick,
    Unopenable,
    verify_proof,
)
from relto.node.assess import No, as_it_stands, assess, instrument_of, onward_of
from relto.node.counsel import named
from relto.node.fold import fits
from relto.node.inspect import Objection, inspect
from relto.node.marking import render
from relto.node.proceed import on_opened, on_sealed, own_item
from tests.property.test_exchange import fact_of
from tests.sim.test_exchange_corners import unsaid
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION, LAPSE, lapsed
from tests.support_messages import EXAMPLES
from tests.support_node import (
    ADMIN,
    FILES,
    OCTOBER,
    Site,
    Three,
    digest_card,
    pending_frame,
    register,
    say,
)

LARGE = bytes(100_000)
PACKAGE = PackageRef(
    digest="ab" * 32,
    size_bytes=1,
    sealed_key=b"",
    source="JPN",
    recipient="KOR",
    instrument="jpn-kor-gsomia-2016",
)
SEALED = SealedItem(holding="launch-1", content="ab" * 32, content_bytes=1, package=PACKAGE)


def arrived() -> Three:
    """KOR has a release whose package is still on its way."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", content=LARGE)
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "arrived"
    return three


def counsel(three: Three, party: str):
    return three[party].node._need_counsel()


def test_answers_that_come_too_late_change_nothing() -> None:
    """EX-13."""
    three = arrived()
    holder = three["JPN"].node
    late = holder.handle(Sealed(case="c-1", items=(SEALED,)), now=OCTOBER)
    assert late == (Drop(digest=PACKAGE.digest),)
    for given in (
        Opened(case="c-1", items=()),
        Unopenable(case="c-1", detail="broken"),
        Sealed(case="no-such", items=()),
        Proceed(case="no-such"),
        PackageArrived(digest="cd" * 32),
        PackageAsked(digest="cd" * 32, partner="KOR"),
    ):
        assert holder.handle(given, now=OCTOBER) == ()


def test_a_package_that_was_sealed_for_what_is_no_longer_lawful_is_dropped() -> None:
    """EX-14."""
    three = Three(parties=("JPN", "KOR"), delegated=False)
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    node = three["JPN"].node
    effects = node.handle(Sealed(case="c-1", items=(SEALED,)), now=OCTOBER)
    assert [type(effect).__name__ for effect in effects] == ["Drop", "Then"]
    file = node.state.open["c-1"]
    approved = replace(file, officers=("one",))
    given = Sealed(case="c-1", items=())
    effects = on_sealed(node.state, counsel(three, "JPN"), approved, given, now=OCTOBER, go=None)
    assert effects[-1].message.code is RefusalCode.BAD_PACKAGE


def test_the_law_is_asked_once_more_before_what_was_opened_is_registered() -> None:
    """EX-22."""
    three = arrived()
    three.adopt("KOR", known=BEFORE_SUSPENSION)
    node = three["KOR"].node
    file = node.state.open["c-1"]
    late = replace(file, arrived=replace(file.arrived, at=LAPSE))
    inside = OpenedItem(holding="launch-1", title="", content="ab" * 32, size_bytes=1)
    effects = on_opened(
        node.state,
        counsel(three, "KOR"),
        late,
        Opened(case="c-1", items=(inside,)),
        now=OCTOBER,
        accepted=None,
    )
    assert isinstance(effects[0], Append)
    assert isinstance(effects[0].message, Quarantined)


def test_what_does_not_fit_the_request_is_objected_to() -> None:
    """EX-19, EX-22."""
    three = arrived()
    node = three["KOR"].node
    file = node.state.open["c-1"]
    late = inspect(node.state, counsel(three, "KOR"), replace(file, opened_at=OCTOBER.add(hours=1)))
    assert isinstance(late, Objection)
    assert late.code is RefusalCode.CLOCK_SKEW
    bare = replace(file, request=replace(file.request, assurance=None))
    missing = inspect(node.state, counsel(three, "KOR"), bare)
    assert isinstance(missing, Objection)
    assert "assurance" in missing.detail


def test_a_proof_of_something_else_is_no_consent() -> None:
    """EX-21."""
    three = arrived()
    driver = three["KOR"]
    fact = next(f for f in driver.story("c-1").facts if f.kind == "release")
    entry = EntryRef(source="JPN", target="KOR", number=fact.number, header=fact.header)
    with driver._turn() as turn:
        proof = prove(turn.tx, driver._logs, entry)
    with pytest.raises(BadEvidenceError):
        verify_proof(driver.node.state, proof)


def test_a_case_whose_texts_are_gone_is_refused() -> None:
    three = arrived()
    node = three["JPN"].node
    file = replace(node.state.open["c-1"], request=None)
    assert isinstance(assess(node.state, counsel(three, "JPN"), file, now=OCTOBER), No)
    assert onward_of(replace(file, role=Role.INTERMEDIARY)) is None
    stranger = replace(node.state.open["c-1"], asker="USA")
    no = assess(node.state, counsel(three, "JPN"), stranger, now=OCTOBER)
    assert isinstance(no, No)
    assert no.code is RefusalCode.NO_LINK
    assert own_item(node.state, "no-such") is None


def test_the_counsel_knows_what_it_does_not_know() -> None:
    """EX-15."""
    three = arrived()
    wise = counsel(three, "JPN")
    case = Case(
        holder="JPN",
        recipient="XXX",
        originator="JPN",
        label=Label(scheme="jpn", level="hi"),
        topics=("dprk",),
    )
    assert wise.markings(case, "jpn-kor-gsomia-2016", at=OCTOBER) == ()
    assert not wise.is_in_force("no-such", at=OCTOBER, reading="JPN")
    assert not wise.sees_labels_only("no-such")
    assert wise.ladder("XXX") == ()
    assert wise.rank(None, party="JPN") is None
    assert wise.rank(Label(scheme="jpn", level="no-such"), party="JPN") is None


def test_a_marking_outside_an_exercise_does_not_say_exercise() -> None:
    """EX-18."""
    three = arrived()
    label = Label(scheme="no-such", level="high", categories=("odd",))
    lines = render(
        counsel(three, "JPN").law,
        originator="JPN",
        label=label,
        marked=None,
        marked_by=None,
        is_exercise=False,
    )
    assert lines == ("JPN high odd",)


def test_whether_an_entry_fits_is_known_without_folding_it() -> None:
    """EX-42."""
    state = arrived()["KOR"].node.state
    before = state.digest()
    fact = fact_of(EXAMPLES["refusal"], kind="refusal", source="JPN", target="KOR")
    assert not fits(state, replace(fact, fault="cannot be read"))
    assert fits(state, replace(fact, case=None))
    assert not fits(state, fact)
    assert fits(state, replace(fact, case="c-9")) is False
    assert state.digest() == before


def test_an_abort_that_crosses_the_receipt_changes_nothing() -> None:
    """EX-40: the holder gave up at the moment at which the package was complete."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    unsaid(three, "JPN", "KOR", EXAMPLES["aborted"])
    three["KOR"].handle_exchange("JPN", pending_frame(three, "JPN", "KOR"))
    assert three.state("KOR", "c-1") == "receipted"
    assert not three["KOR"].node.state.quarantine


def test_two_cases_may_wait_for_one_package() -> None:
    """EX-39."""
    three = arrived()
    node = three["KOR"].node
    ((digest, parcels),) = node.state.incoming.items()
    node.state.incoming[digest] = (*parcels, replace(parcels[0], case="c-9"))
    unsaid(three, "JPN", "KOR", EXAMPLES["aborted"])
    three["KOR"].handle_exchange("JPN", pending_frame(three, "JPN", "KOR"))
    assert [one.case for one in node.state.incoming[digest]] == ["c-9"]


def test_an_intermediary_never_asks_for_a_consent_it_was_given() -> None:
    """EX-31."""
    three = lapsed()
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    with pytest.raises(NotWaitingError):
        three["USA"].command(AskConsent(case="c-1", by=ADMIN))


def test_a_way_over_somebody_who_is_no_partner_is_no_way() -> None:
    """EX-28."""
    three = lapsed()
    del three["KOR"].node.state.peers["USA"]
    three.ask("c-1")
    assert three.state("KOR", "c-1") == "unroutable"


def test_a_node_without_a_law_may_still_be_set_up() -> None:
    """EX-32: items, authorities and clock come in any order; nothing is decided before the law."""
    three = Three(parties=())
    site = three.sites["JPN"] = Site("JPN", three.clock)
    three.hold("JPN", "launch-1")
    three.delegate("JPN")
    site.driver.command(SetClock(offset_seconds=5, by=ADMIN))
    assert site.driver.node.queue() == ()
    assert site.driver.node.handle(Tick(), now=OCTOBER) == ()
    assert site.driver.node.handle(Proceed(case="c-1"), now=OCTOBER) == ()


def test_a_known_caveat_may_be_added_to_a_label() -> None:
    """EX-25, EX-29."""
    three = Three(parties=("USA", "KOR"))
    three.hold("USA", "launch-1")
    three.ask("c-1", holder="USA")
    three.settle()
    three.approve("USA", "c-1")
    three.settle()
    label = Label(scheme="usa", level="confidential", categories=("orcon",))
    three["USA"].command(Reclassify(case="c-1", holding="launch-1", label=label, by=ADMIN))
    three.settle()
    (line,) = register(three["KOR"])
    assert line.label == label


def test_below_the_level_of_two_and_before_the_margin_one_delegation_is_enough() -> None:
    """EX-14, EX-30."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    before = three["JPN"].node.state.delegations
    three.adopt_delegations("JPN", replace(before, two_persons_from="gokuhi"), margin=300)
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"


def test_an_intermediary_refuses_a_way_that_is_closed_on_either_leg() -> None:
    """EX-16."""
    three = lapsed()
    three.ask("c-1")
    three.settle()
    asked = next(f.message for f in three["KOR"].story("c-1").facts if f.kind == "request")
    first, second = asked.hops
    for case, changes in (
        ("c-2", {"topics": ("prc.cyber",)}),
        ("c-3", {}),
    ):
        hops = (first, second if changes else replace(second, instrument="no-such-pact"))
        message = replace(asked, hops=hops, request=replace(asked.request, case=case, **changes))
        parts = (("message", encode_message(message)),)
        say(three, "KOR", "USA", Draft(kind="request", case=case, parts=parts))
        three.settle()
        assert three["KOR"].story(case).file.refused.code is RefusalCode.NOT_LAWFUL


def test_a_way_that_does_not_start_here_names_no_instrument_for_this_hop() -> None:
    """EX-16."""
    three = lapsed()
    three.ask("c-1")
    three.settle()
    file = three["JPN"].node.state.open["c-1"]
    assert instrument_of(file, me="JPN") == "tisa-2014"
    assert instrument_of(file, me="GBR") is None
    assert instrument_of(replace(file, hops=()), me="JPN") is None


def test_the_queue_of_an_originator_is_shown_whatever_else_is_missing() -> None:
    """EX-33."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    three.ask("c-2", by="USA", holder="KOR")
    three.settle()
    three["KOR"].command(AskConsent(case="c-2", by=ADMIN))
    three.settle()
    node = three["JPN"].node
    assert [one.needs for one in node.queue()] == [1]
    del node.state.stock["launch-1"]
    assert [one.needs for one in node.queue()] == [1]
    node.state.law = None
    assert [one.needs for one in node.queue()] == [1]
    assert three["KOR"].node.queue() == ()


def test_new_keys_of_somebody_who_is_no_partner_any_more_are_passed_over() -> None:
    """EX-41."""
    three = arrived()
    node = three["KOR"].node
    del node.state.peers["JPN"]
    fact = fact_of(EXAMPLES["key-change"], kind="key-change", source="JPN", target="KOR", case=None)
    assert node.handle(Received(fact=fact), now=OCTOBER) == ()


def test_a_receipt_that_crosses_the_abort_counts() -> None:
    """EX-24, EX-40: what had arrived whole was received, whatever the holder thought."""
    three = arrived()
    (parcel,) = three["KOR"].wanted("JPN")
    whole = three["JPN"].read_package("KOR", parcel.digest, offset=0, size=parcel.size_bytes)
    three["KOR"].write_package("JPN", parcel.digest, offset=0, piece=whole)
    three.adopt("JPN", known=BEFORE_SUSPENSION)
    three.clock.at = LAPSE
    three["JPN"].tick()
    assert three.state("JPN", "c-1") == "aborted"
    three.settle()
    assert three.state("JPN", "c-1") == three.state("KOR", "c-1") == "receipted"
    assert [line.side.value for line in register(three["JPN"])] == ["given"]
    for site in three.sites.values():
        digest = site.driver.node.state.digest()
        assert site.start().node.state.digest() == digest


def test_an_instrument_that_a_decision_does_not_look_at_has_no_finding() -> None:
    """EX-14."""
    three = arrived()
    wise = counsel(three, "JPN")
    case = Case(
        holder="JPN",
        recipient="KOR",
        originator="JPN",
        label=Label(scheme="jpn", level="hi"),
        topics=("dprk.missile.launch",),
    )
    decision = wise.decide(case, at=OCTOBER)
    assert named(decision, "jpn-kor-gsomia-2016").instrument == "jpn-kor-gsomia-2016"
    assert named(decision, "jpn-usa-2007") is None


def test_a_newer_card_takes_the_place_of_the_pinned_one() -> None:
    """EX-32: by hand, as an officer does who compared the fingerprints; an older one does not."""
    three = Three(parties=("JPN", "KOR"))
    first = three.sites["JPN"].card
    second = sign_card(
        replace(verify_card(first, is_exercise=True).card, serial=2),
        signer=three.sites["JPN"].keys,
    )
    three["KOR"].pin(second, fingerprint=digest_card(second), by=ADMIN)
    assert three["KOR"].node.state.peers["JPN"].card == second
    with pytest.raises(BadCardError):
        three["KOR"].pin(first, fingerprint=digest_card(first), by=ADMIN)
    assert three["KOR"].node.state.peers["JPN"].card == second


def test_an_item_said_to_be_ones_own_that_came_from_a_partner_is_not_released() -> None:
    """EX-44."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    state, wise = three["KOR"].node.state, counsel(three, "KOR")
    (stock,) = state.stock.values()
    assert as_it_stands(state, wise, stock, now=OCTOBER) == stock
    ours = replace(stock, holding=replace(stock.holding, originator="KOR"))
    assert as_it_stands(state, wise, ours, now=OCTOBER) is None


def amended(name: str, before: bytes, after: bytes) -> dict[str, bytes]:
    """The law files with one of them changed."""
    assert before in FILES[name]
    return {**FILES, name: FILES[name].replace(before, after)}


def test_an_originator_is_not_troubled_about_what_the_law_closes_anyway() -> None:
    """EX-14, EX-31: its consent would open nothing for an item in this form."""
    three = Three()
    three.hold("JPN", "launch-1", form=Form.ELECTRONIC)
    three.ask("c-1")
    three.settle()
    name = "instruments/kor-usa-1987.toml"
    (before,) = re.findall(rb"^forms = .*$", FILES[name], re.MULTILINE)
    files = amended(name, before, b'forms = ["document"]')
    three["KOR"].adopt_law(files, digest=digest_of(files), by=ADMIN)
    three.ask("c-2", by="USA", holder="KOR")
    three.settle()
    refused = three["USA"].story("c-2").file.refused
    assert refused.code is RefusalCode.NOT_LAWFUL
    assert three["KOR"].node.queue() == three["JPN"].node.queue() == ()


def test_an_item_stands_under_the_label_its_originator_gives_it_today() -> None:
    """EX-44: with the equivalent of the new label; where there is none, without a marking."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    label = Label(scheme="jpn", level="gokuhi")
    three["JPN"].command(Reclassify(case="c-1", holding="launch-1", label=label, by=ADMIN))
    three.settle()
    state, wise = three["KOR"].node.state, counsel(three, "KOR")
    (stock,) = state.stock.values()
    today = as_it_stands(state, wise, stock, now=OCTOBER)
    assert stock.holding.label.level == "hi"
    assert today.holding.label == label
    assert (today.marked.scheme, today.marked.level) == ("kor", "ii-kup")


def test_a_package_lost_after_its_case_ended_ends_nothing_else() -> None:
    """EX-40."""
    three = arrived()
    node = three["JPN"].node
    (parcel,) = node.owed("KOR")
    lost = PackageLost(digest=parcel.digest, partner="KOR")
    aborted, *_ = node.handle(lost, now=OCTOBER)
    assert aborted.message.code is RefusalCode.BAD_PACKAGE
    node.state.open["c-1"] = replace(node.state.open["c-1"], state=CaseState.RECEIPTED)
    assert node.handle(lost, now=OCTOBER) == ()


def test_a_way_whose_second_leg_is_closed_is_refused_with_that_legs_reasons() -> None:
    """EX-16."""
    three = lapsed()
    three.ask("c-1")
    three.settle()
    asked = next(f.message for f in three["KOR"].story("c-1").facts if f.kind == "request")
    first, second = asked.hops
    message = replace(
        asked,
        hops=(first, replace(second, instrument="jpn-usa-2007")),
        request=replace(asked.request, case="c-2"),
    )
    parts = (("message", encode_message(message)),)
    say(three, "KOR", "USA", Draft(kind="request", case="c-2", parts=parts))
    three.settle()
    refused = three["KOR"].story("c-2").file.refused
    assert refused.code is RefusalCode.NOT_LAWFUL


def test_consent_to_a_third_party_waits_for_an_officer_also_where_the_text_asks_for_none() -> None:
    """EX-17: an arrangement that releases on request, and not case by case."""
    files = amended("instruments/tisa-2014.toml", b'kind = "case-by-case"', b'kind = "on-request"')
    three = Three(known=BEFORE_SUSPENSION)
    for party in three.sites:
        three[party].adopt_law(files, digest=digest_of(files), by=ADMIN, known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1")
    three.delegate("JPN", instruments=("tisa-2014",))
    three.set_clock(LAPSE)
    three.ask("c-1")
    three.settle()
    (waiting,) = three["JPN"].node.queue()
    assert waiting.why == "release through an intermediary needs this party's consent"


def test_the_law_is_asked_again_when_an_instant_or_a_fact_lies_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """EX-14."""
    asked: list[object] = []

    def count(*given: object, **words: object) -> object:
        asked.append(words["now"])
        return assess(*given, **words)

    monkeypatch.setattr("relto.node.proceed.assess", count)
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    assert three.state("JPN", "c-1") == "receipted"
    # Decided and sealed in one transaction: one answer of the law.
    assert len(asked) == 1
    node = three["JPN"].node
    three.ask("c-2")
    request = FRAME.decode(pending_frame(three)).batch.entries[0]
    node.apply(driver_fact_of(decode_entry(request)))
    for later, is_fact_between in ((0, False), (1, False), (0, True)):
        node.handle(Proceed(case="c-2"), now=OCTOBER)
        if is_fact_between:
            three.hold("JPN", "launch-2")
        asked.clear()
        at = OCTOBER.add(nanoseconds=later)
        effects = node.handle(Sealed(case="c-2", items=()), now=at)
        assert isinstance(effects[-1], Append)
        assert asked == ([at] if later or is_fact_between else [])
