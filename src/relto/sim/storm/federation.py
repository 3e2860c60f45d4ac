"""A federation in a storm, from the first request to the last receipt."""

from collections.abc import Mapping
from functools import partial
from itertools import permutations
from typing import Final

from msgspec import Struct

from relto.custody import RegisterLine, Side
from relto.driver import Driver
from relto.errors import LocalError, PeerError
from relto.exchange import CaseFile
from relto.limits import CLOCK_SKEW_SECONDS_MAX
from relto.model import Form, Holding
from relto.node import Hold
from relto.ports import StoreError
from relto.sim.agenda import HOUR, SECOND
from relto.sim.storm.custody import given_to
from relto.sim.storm.judge import UnlawfulError, label_of
from relto.sim.storm.lab import BY
from relto.sim.storm.memory import check_memory
from relto.sim.storm.orphans import check_orphans
from relto.sim.storm.plan import PARTIES, Kind, Planted, levels_of
from relto.sim.storm.site import Site
from relto.sim.storm.strikes import Strikes
from relto.sim.storm.watch import UnsafeError
from relto.units import CaseId, Digest, HoldingId, PartyCode

_SETTLE_NS: Final = 6 * HOUR
_ACTIONS_MAX: Final = 60_000
_CENTURY_SECONDS: Final = 3_155_760_000


class StuckError(AssertionError):
    """Faults have stopped, and something still does not come to its end."""


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of a storm.

    Args:
        trace: One digest over everything that was journaled, when and where.
        failure: What was broken, in words; empty when nothing was.
        rule: The kind of promise; empty when none was broken.
        virtual_ns: How much virtual time passed.
        entries: How many entries were journaled, mirrors included.
        releases: How many releases were judged.
        ahead: How many frames left ahead of another one's answer.
        ends: How many requests ended in each state.
        points: How often each named fault point was passed.
    """

    trace: Digest
    failure: str
    rule: str
    virtual_ns: int
    entries: int
    releases: int
    ahead: int
    ends: Mapping[str, int]
    points: Mapping[str, int]


class Federation(Strikes):
    """Three parties in one storm; `run` plays it.

    Source: docs/guides/simulate.md.
    """

    # ------------------------------------------------------------ the run

    def run(self) -> Outcome:
        """Play the storm to its end; whatever is broken ends it and is told in the outcome."""
        failure, rule = "", ""
        try:
            self._begin()
            while self.agenda.step(until_ns=self.plan.storm_ns):
                self._check_busy()
            self._mend()
            self._settle()
            self.watch.reconcile(self._sound_pairs())
            for source, target in self._sound_pairs():
                self._compare_registers(source, target)
            for site in self.sites.values():
                site.do(_sweep)
                self.watch.search(site.party, site.blobs)
                if site.party not in self._excused() | self.watch.restored:
                    check_orphans(site.party, site.disk, site.blobs)
                # A damaged row that nobody had to read would only show that it is noticed.
                for driver in () if site.disk.damaged else site.drivers:
                    check_memory(driver, site.disk)
        except UnsafeError as error:
            failure, rule = str(error), error.rule
        except UnlawfulError as error:
            failure, rule = str(error), "unlawful"
        except StuckError as error:
            failure, rule = str(error), "stuck"
        except (AssertionError, LookupError, TypeError, ValueError) as error:
            failure, rule = f"{type(error).__name__}: {error}", "bug"
        except (PeerError, LocalError, StoreError) as error:
            failure, rule = f"{error.code}: {error.message}", "error"
        return Outcome(
            trace=Digest(self._trace.hexdigest()),
            failure=failure,
            rule=rule,
            virtual_ns=self.agenda.passed_ns,
            entries=self.entries,
            releases=self.judge.releases,
            ahead=self.ahead,
            ends=self._ends(),
            points=self._points(),
        )

    def _begin(self) -> None:
        for site in self.sites.values():
            assert site.boot()
            self._furnish(site)
        for asked in self.plan.asked:
            self.agenda.after(asked.at_ns, partial(self._ask, asked))
        for fault in self.plan.faults:
            self.agenda.after(fault.at_ns, partial(self._strike, fault))
            if fault.kind is Kind.FORGET:
                self.agenda.after(fault.at_ns - fault.for_ns, partial(self._keep, fault.party))
            if fault.kind in {Kind.RESTORE, Kind.ROT}:
                backup = partial(self._back_up, self.sites[fault.party])
                self.agenda.after(fault.for_ns, backup)
        for site in self.sites.values():
            self._back_up(site)
            self._tick(site)

    def _furnish(self, site: Site) -> None:
        """Give a party its items and its standing authorities."""
        party = site.party
        two_from = levels_of(party)[1] if party in self.plan.two_from else None
        self._delegate(site, is_standing=party in self.plan.standing, two_from=two_from)
        for item in self.plan.planted:
            if item.holder == party:
                self._plant(site, item)

    def _plant(self, site: Site, item: Planted) -> None:
        holding = Holding(
            id=item.id,
            title=item.title,
            originator=item.holder,
            label=label_of(item),
            topics=item.topics,
            form=Form.DOCUMENT,
            digest=Digest("0" * 64),
            size_bytes=0,
            held_at=site.clock.now(),
        )
        site.do(lambda driver: driver.hold(Hold(holding=holding, by=BY), item.content))

    # ------------------------------------------------------------ the end

    def _mend(self) -> None:
        """End every fault."""
        self.wire.calm()
        for site in self.sites.values():
            site.disk.damaged = site.disk.damaged if site.party in self.watch.restored else set()
            site.armed.clear()
            site.is_full = False
            site.clock.correct()
            if site.driver is None:
                self._rise(site, site.life)
        for site in self.sites.values():
            self._after(site)

    def _settle(self) -> None:
        """Within a bound, every case ends and every entry is acknowledged.

        Then all ask each other once more, since who has lost what it said may have nothing to say.
        """
        is_asked = False
        end_ns = self.plan.storm_ns + _SETTLE_NS
        while self.agenda.passed_ns < end_ns:
            until_ns = self.agenda.passed_ns + 5 * SECOND
            while self.agenda.step(until_ns=until_ns):
                self._check_busy()
            is_open = bool(self._open())
            if is_asked and not is_open:
                return
            if is_asked or (is_open and self.agenda.passed_ns < self.plan.storm_ns + HOUR):
                continue
            is_asked = True
            for source, target in permutations(PARTIES, 2):
                self._pump(self.sites[source], target, is_poll=True)
        raise StuckError("; ".join(self._open()[:6]))

    def _check_busy(self) -> None:
        """A federation that never falls silent is broken too."""
        if self.agenda.done > _ACTIONS_MAX:
            raise StuckError(f"more than {_ACTIONS_MAX} actions")

    def _dated(self) -> frozenset[PartyCode]:
        """Parties with entries from the future: partners refuse those until then (FL-13)."""
        now = self.agenda.now.add(seconds=CLOCK_SKEW_SECONDS_MAX)
        return frozenset(
            site.party
            for site in self.sites.values()
            if any(
                log[-1].header.at > now
                for name, log in site.disk.logs.items()
                if name.source == site.party and log
            )
        )

    def _excused(self) -> frozenset[PartyCode]:
        """Parties of which nobody can promise that what concerns them comes to an end."""
        stopped = {
            party
            for site in self.sites.values()
            for partner in site.stopped
            for party in (site.party, partner)
        }
        dated = self._dated()
        # A restored node waits for every partner, and cannot believe one that writes the future.
        waiting = {site.party for site in self.sites.values() if dated and site.is_reconciling()}
        return dated | stopped | waiting | frozenset(self.liars)

    def _open(self) -> list[str]:
        """Name what has not come to its end."""
        found: list[str] = []
        excused = self._excused()
        for site in self.sites.values():
            if site.party in excused:
                continue
            if site.driver is None:
                found.append(f"`{site.party}` is down: {site.why_down}")
                continue
            found.extend(
                f"`{case}` at `{site.party}` is `{file.state}`"
                for case, file in site.driver.node.state.open.items()
                if not excused & (touched := self._touched(case))
                and not any(touched >= set(pair) for pair in self.watch.passed)
            )
            found.extend(self._owing(site))
            found.extend(
                f"`{site.party}` has not heard from `{partner}` since its backup came back"
                for partner in site.driver.reconciling()
                if not excused
            )
        for source, target in self._sound_pairs():
            driver = self.sites[source].driver
            if driver is None:
                continue
            counts = driver.link(target)
            if counts.stopped:
                found.append(f"`{source}` has stopped `{target}`: {counts.stopped}")
            elif counts.acknowledged != counts.ours:
                found.append(
                    f"`{source}` to `{target}`: {counts.acknowledged} of {counts.ours} acknowledged"
                )
        found.extend(
            f"`{asked.case}` was never asked"
            for asked in self.plan.asked
            if asked.at_ns >= self.agenda.passed_ns
        )
        return found

    def _touched(self, case: CaseId) -> frozenset[PartyCode]:
        """Name the parties that a case has anything to do with."""
        return frozenset(
            party
            for site in self.sites.values()
            for log, entries in site.disk.logs.items()
            if any(entry.header.case == case for entry in entries)
            for party in (log.source, log.target)
        )

    def _sound_pairs(self) -> tuple[tuple[PartyCode, PartyCode], ...]:
        excused = self._excused()
        return tuple(
            (source, target)
            for source in PARTIES
            for target in PARTIES
            if source != target and not {source, target} & excused
        )

    def _compare_registers(self, source: PartyCode, target: PartyCode) -> None:
        """What one has given and the other received stands alike in both registers."""
        if self.sites[source].disk.damaged or self.sites[target].disk.damaged:
            return
        if {source, target} & {party for party, _ in self.watch.passed}:
            # Its register lacks what rests on what it went on without (EX-47).
            return
        for case, holding, _ in given_to(self.sites[source], target):
            lines = [
                self.sites[party].do(partial(_line_of, case, holding, side))
                for party, side in ((source, Side.GIVEN), (target, Side.RECEIVED))
            ]
            states = ["none" if line is None else line.state.value for line in lines]
            if len(set(states)) > 1:
                where = f"`{holding}` of `{case}`, `{source}` to `{target}`"
                raise UnsafeError("register", f"{where}: {' and '.join(states)}")

    def _ends(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for asked in self.plan.asked:
            site, case = self.sites[asked.requester], CaseId(asked.case)
            file = site.do(partial(_look_up, case))
            name = "none" if file is None else file.state.value
            found[name] = found.get(name, 0) + 1
        return found

    def _points(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for site in self.sites.values():
            for point, count in site.points.items():
                found[point] = found.get(point, 0) + count
        return found


def _line_of(case: CaseId, holding: HoldingId, side: Side, driver: Driver) -> RegisterLine | None:
    return driver.node.state.line(side=side, case=case, holding=holding)


def _sweep(driver: Driver) -> None:
    """As once everything has become old."""
    driver.sweep(older_than_seconds=-_CENTURY_SECONDS)


def _look_up(case: CaseId, driver: Driver) -> CaseFile | None:
    return driver.node.state.case(case)
