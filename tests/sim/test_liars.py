"""A partner or an intermediary that lies, one trick at a time, among honest ones.

The watch looks at everything that the honest store and say; only denial is left to a liar.
"""

import pytest
from msgspec.structs import replace

from relto.model.message import RefusalCode
from relto.sim.storm.federation import Federation
from relto.sim.storm.lab import Lab
from relto.sim.storm.liar import TRICKS
from relto.sim.storm.plan import PARTIES, Fault, Kind, Plan
from relto.sim.storm.sweep import plan_of


def _plan(seed: int, *, liar: str, trick: str) -> Plan:
    """A storm without any weather: one liar, and everybody asks it."""
    plan = plan_of(seed)
    lie = Fault(kind=Kind.LIAR, at_ns=0, for_ns=plan.storm_ns, party=liar, point=trick)
    return replace(plan, faults=(lie,), standing=PARTIES, refusing=0, two_from=())


def _quarantined(federation: Federation, *, but: str) -> set[RefusalCode]:
    return {
        note.code
        for site in federation.sites.values()
        if site.party != but and site.driver is not None
        for _, note in site.driver.node.state.quarantine
    }


@pytest.mark.sim
@pytest.mark.slow
@pytest.mark.parametrize("liar", PARTIES)
@pytest.mark.parametrize("trick", TRICKS)
def test_fl_40_a_liar_can_only_deny(lab: Lab, trick: str, liar: str) -> None:
    """FL-19, FL-40: whatever it says, what the honest store stays true."""
    for seed in (1, 2):
        outcome = Federation(_plan(seed, liar=liar, trick=trick), lab).run()
        assert not outcome.failure, f"seed {seed}: {outcome.failure}"


def _first(
    lab: Lab, *, liar: str, trick: str, code: RefusalCode, releases_min: int = 0
) -> Federation:
    for seed in range(30):
        federation = Federation(_plan(seed, liar=liar, trick=trick), lab)
        outcome = federation.run()
        assert not outcome.failure, f"seed {seed}: {outcome.failure}"
        is_served = federation.judge.releases >= releases_min
        if is_served and code in _quarantined(federation, but=liar):
            return federation
    pytest.fail(f"no release of `{liar}` met the trick `{trick}`")


@pytest.mark.sim
def test_fl_26_a_label_other_than_the_one_in_the_seal_is_never_opened(lab: Lab) -> None:
    """FL-26: entry and package disagree about the label; nothing of it is opened or registered."""
    federation = _first(lab, liar="JPN", trick="mislabel", code=RefusalCode.BAD_PACKAGE)
    for party in ("KOR", "USA"):
        federation.watch.search(party, federation.sites[party].blobs)


@pytest.mark.sim
def test_fl_26_an_item_on_another_topic_than_asked_is_not_accepted(lab: Lab) -> None:
    _first(lab, liar="JPN", trick="relabel", code=RefusalCode.NOT_ACCEPTED)


@pytest.mark.sim
def test_fl_42_a_release_that_nobody_can_read_is_set_aside(lab: Lab) -> None:
    federation = _first(lab, liar="USA", trick="babble", code=RefusalCode.MALFORMED, releases_min=1)
    assert federation.judge.releases > 0


@pytest.mark.sim
def test_fl_19_two_histories_stop_the_link_and_no_other(lab: Lab) -> None:
    """FL-19: both signed heads are kept; the two honest ones go on with each other."""
    for seed in range(30):
        federation = Federation(_plan(seed, liar="USA", trick="fork"), lab)
        outcome = federation.run()
        assert not outcome.failure, f"seed {seed}: {outcome.failure}"
        kept = [federation.sites[party].disk.kept for party in ("JPN", "KOR")]
        if any(kept):
            assert federation.sites["JPN"].driver.link("KOR").stopped == ""
            return
    pytest.fail("nobody met the fork")
