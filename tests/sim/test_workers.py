"""Several workers of one node take turns on one store and write one history (EX-50)."""

import random

import pytest

from relto.driver import KeysChangedError, no_fault
from relto.journal import ClockError, sign_card
from relto.limits import WORKER_SKEW_SECONDS_MAX
from relto.model import PROTOCOL_MAJOR, Form, Holding, Label, NodeCard
from relto.model.delegation import Delegations
from relto.node import Ask, By, Hold
from relto.ports import StoreLockedError
from relto.seal import digest
from relto.sim.store import MemoryStore
from relto.sim.twins import TwinKeys
from tests.sim.test_hostile_contents import half_true
from tests.support_crew import Crew
from tests.support_node import ANALYST, OCTOBER, Crash, crash_at, lie

OFFICER = By(officer="admin-1", role="administrator", reason="keys")


def ask_of(case, *, holding):
    return Ask(
        case=case,
        holder="KOR",
        topics=("dprk.missile.launch",),
        purpose="defence.warning",
        holding=holding,
        by=ANALYST,
    )


@pytest.mark.parametrize("seed", range(6))
def test_workers_take_any_call_and_every_request_is_answered_once(seed):
    """EX-50: requests of a partner and of their own officers, whoever takes them."""
    crew = Crew(seed, count=2 + seed % 2)
    for number in range(4):
        crew.hold("JPN", f"jpn.item-{number}")
        crew.hold("KOR", f"kor.item-{number}")
    for number in range(12):
        crew.ask(f"k-{number}", holding=f"jpn.item-{number % 4}")
        crew.ask(f"j-{number}", by="JPN", holder="KOR", holding=f"kor.item-{number % 4}")
        if number % 3 == 0:
            crew.settle()
        if number == 7:
            crew.jpn.join()
    crew.settle()
    for number in range(12):
        crew.approve("KOR", f"j-{number}")
    crew.settle()
    crew.check()
    for number in range(12):
        assert crew.state("KOR", f"k-{number}") == "receipted"
        assert crew.state("JPN", f"j-{number}") == "receipted"
        for case in (f"k-{number}", f"j-{number}"):
            kinds = [fact.kind for fact in crew["JPN"].story(case).facts]
            assert kinds.count("release") == kinds.count("receipt") == 1


LARGE = b"large words " * 20_000


def own_item():
    return Holding(
        id="jpn.large-1",
        title="the same",
        originator="JPN",
        label=Label(scheme="jpn", level="hi"),
        topics=("prc.cyber",),
        form=Form.DOCUMENT,
        digest=digest(LARGE),
        size_bytes=len(LARGE),
        held_at=OCTOBER,
    )


def two():
    crew = Crew(1)
    crew.hold("JPN", "jpn.launch-1")
    crew.settle()
    return crew, *crew.jpn.workers


def test_what_one_worker_stores_the_other_knows_at_its_next_look():
    crew, one, two_ = two()
    crew.ask("c-1", holding="jpn.launch-1")
    frame = crew["KOR"].next_batch("JPN")
    one.handle_exchange("KOR", frame)
    assert two_.node.state.case("c-1").state == "released"
    assert two_.counts("KOR") == one.counts("KOR")
    assert two_.node.state.digest() == one.node.state.digest()


def test_what_an_answer_carried_is_not_sent_again_by_another_worker():
    """EX-35: a hint, told with the commit."""
    crew, one, two_ = two()
    crew.ask("c-1", holding="jpn.launch-1")
    answer = one.handle_exchange("KOR", crew["KOR"].next_batch("JPN"))
    assert two_.heed() == ()
    assert two_.pending() == ()
    crew["KOR"].receive_reply("JPN", answer)
    crew.settle()
    crew.check()


def test_a_hint_that_was_lost_or_makes_no_sense_costs_a_repetition(monkeypatch):
    crew, one, two_ = two()
    crew.ask("c-1", holding="jpn.launch-1")
    with crew.jpn.stores[1].transaction() as tx:
        for words in ("", "KOR", "KOR answered", "KOR answered 1 -1", "KOR answered 1 2 3"):
            tx.tell(words)
        tx.tell("USA answered 0 0")
    answer = one.handle_exchange("KOR", crew["KOR"].next_batch("JPN"))
    monkeypatch.setattr(crew.jpn.stores[1], "heard", lambda: ())
    assert two_.pending() == ("KOR",)
    crew["KOR"].receive_reply("JPN", answer)
    frame = two_.next_batch("KOR")
    two_.receive_reply("KOR", crew["KOR"].handle_exchange("JPN", frame))
    assert one.heed() == ()
    monkeypatch.undo()
    crew.settle()
    crew.check()
    assert crew.state("KOR", "c-1") == "receipted"


def test_shells_tell_each_other_of_a_link():
    _, one, two_ = two()
    one.tell("KOR", "call")
    one.tell("KOR", "state up 0\n")
    assert [(told.partner, told.words) for told in two_.heed()] == [
        ("KOR", "call"),
        ("KOR", "state up 0"),
    ]
    assert two_.heed() == one.heed() == ()


def test_a_tail_of_another_workers_making_is_read_from_the_store():
    """What a worker remembers of a log is never taken for its end once another has written."""
    crew, one, two_ = two()
    for number, worker in enumerate((one, two_, one, one, two_)):
        crew.hold("KOR", f"kor.item-{number}")
        worker.command(ask_of(f"j-{number}", holding=f"kor.item-{number}"))
    frame = one.next_batch("KOR")
    one.receive_reply("KOR", crew["KOR"].handle_exchange("JPN", frame))
    assert crew["KOR"].counts("JPN").theirs == 5
    # Acknowledged at one worker, not written yet: kept when the other's writing is taken over.
    two_.command(ask_of("j-9", holding="kor.item-1"))
    assert one.counts("KOR").acknowledged == 5
    assert one.counts("KOR").ours == 6
    crew.settle()
    crew.check()


@pytest.mark.parametrize("point", ["begin", "after-append", "before-commit", "after-commit"])
def test_fl_18_a_worker_that_dies_in_its_turn_leaves_the_others_going_on(point):
    crew, one, two_ = two()
    crew.ask("c-1", holding="jpn.launch-1")
    frame = crew["KOR"].next_batch("JPN")
    one._fault = crash_at(point)
    with pytest.raises(Crash):
        one.handle_exchange("KOR", frame)
    crew.jpn.stores[0].crash()
    crew.jpn.stores.pop(0), crew.jpn.workers.pop(0)
    crew["KOR"].receive_reply("JPN", two_.handle_exchange("KOR", frame))
    crew.jpn.join()
    crew.settle()
    crew.check()
    assert crew.state("KOR", "c-1") == "receipted"


def test_a_worker_whose_transaction_failed_folds_anew_beside_the_others():
    crew, one, two_ = two()
    crew.hold("KOR", "kor.item-1")
    one._fault = crash_at("before-commit")
    with pytest.raises(Crash):
        one.command(ask_of("j-1", holding="kor.item-1"))
    one._fault = no_fault
    two_.command(ask_of("j-2", holding="kor.item-1"))
    one.command(ask_of("j-1", holding="kor.item-1"))
    crew.settle()
    crew.check()


def test_a_content_that_one_worker_registers_is_not_thrown_away_by_another():
    """EX-22, EX-53: though it came here by a release that the other one quarantines."""
    crew, first, second = two()
    first.put_off_large()
    crew.hold("KOR", "kor.large-1", content=LARGE)
    crew.hold("KOR", "kor.small-1")
    lie(crew, "KOR", half_true)
    crew.ask("j-1", by="JPN", holder="KOR")
    crew.settle()
    crew.approve("KOR", "j-1")
    crew.settle()
    for parcel in first.wanted("KOR"):
        whole = crew["KOR"].read_package("JPN", parcel.digest, offset=0, size=parcel.size_bytes)
        first.write_package("KOR", parcel.digest, offset=0, piece=whole)
    for _ in ("checked", "opened"):
        job = first.next_job()
        job.run()
        if job.case is not None:
            second.hold(Hold(holding=own_item(), by=OFFICER), LARGE)
        first.finish(job)
    assert crew.state("JPN", "j-1") == "quarantined"
    assert second.content(digest(LARGE)) == LARGE


def test_law_adopted_by_one_worker_binds_the_others_next_decision():
    crew, one, two_ = two()
    crew.adopt_delegations("JPN", Delegations(holder="JPN"))
    crew.ask("c-1", holding="jpn.launch-1")
    answer = two_.handle_exchange("KOR", crew["KOR"].next_batch("JPN"))
    crew["KOR"].receive_reply("JPN", answer)
    assert {one.node.state.case("c-1").state, two_.node.state.case("c-1").state} == {"queued"}


def test_the_clock_of_a_worker_that_is_a_little_behind_follows_the_others():
    """FL-13: within a bound, several machines of one node count as one clock."""
    crew, one, two_ = two()
    crew.hold("KOR", "kor.item-1")
    ahead = crew.clock.at.add(seconds=WORKER_SKEW_SECONDS_MAX)
    crew.jpn.clocks[0].at = ahead
    one.command(ask_of("j-1", holding="kor.item-1"))
    two_.command(ask_of("j-2", holding="kor.item-1"))
    assert {fact.at for fact in two_.story("j-2").facts} == {ahead}
    crew.jpn.clocks[0].at = ahead.add(seconds=1)
    one.command(ask_of("j-3", holding="kor.item-1"))
    with pytest.raises(ClockError):
        two_.command(ask_of("j-4", holding="kor.item-1"))


def test_fl_20_keys_announced_by_one_worker_send_the_others_to_fetch_them():
    crew, one, two_ = two()
    site = crew.jpn
    old, site.keys = site.keys, TwinKeys(random.Random(7))
    site.former = (old,)
    new = site.join()
    card = NodeCard(
        protocol=PROTOCOL_MAJOR,
        party="JPN",
        serial=2,
        issued_at=crew.clock.at,
        keys=site.keys.keys,
        certificate=digest(b"JPN"),
        is_exercise=True,
    )
    new.announce(sign_card(card, signer=site.keys, predecessor=old), by=OFFICER)
    for worker in (one, two_):
        for _ in range(2):
            with pytest.raises(KeysChangedError):
                worker.tick()
        with pytest.raises(KeysChangedError):
            worker.partners()
    del site.workers[:2], site.stores[:2]
    site.join()
    crew.settle()
    crew.ask("c-1", holding="jpn.launch-1")
    crew.settle()
    crew.check()
    assert crew.state("KOR", "c-1") == "receipted"


def test_a_shared_store_is_not_opened_alone_beside_its_workers():
    """FL-18."""
    crew, *_ = two()
    with pytest.raises(StoreLockedError):
        MemoryStore(crew.jpn.disk)
