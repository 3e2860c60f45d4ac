"""Traffic between sites: what a link's pump does in the real world, over the virtual wire.

Two frames in flight for each partner, tried again with growing pauses; packages by range; answers
that come late, twice or out of order are handed in all the same, because a node must not mind.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from relto.driver import Driver, Job, NotStoppedError, StoppedError
from relto.errors import LocalError, PeerError
from relto.journal import ForkError
from relto.limits import FRAMES_IN_FLIGHT_MAX
from relto.ports import StoreCorruptError
from relto.seal import running_digest
from relto.sim.agenda import HOUR, MINUTE, SECOND, Agenda, chance
from relto.sim.storm.judge import Judge
from relto.sim.storm.lab import BY, Lab, party_keys
from relto.sim.storm.liar import Liar
from relto.sim.storm.plan import PARTIES, Plan
from relto.sim.storm.site import Site
from relto.sim.storm.watch import UnsafeError, Watch
from relto.sim.wire import Wire
from relto.units import PartyCode

_CALL_NS: Final = 5 * SECOND
_WAIT_MAX_NS: Final = 10 * MINUTE
_PIECE_BYTES: Final = 65_536
# How often a stopped link is let run again, and how often that happens at all.
_RESUMED_MAX: Final = 2
_RESUMED: Final = 0.5

Pair = tuple[PartyCode, PartyCode]


class Traffic:
    """Sites, wire and watch, and what goes on between them without anybody's doing.

    Args:
        plan: What happens.
        lab: What storms share.
    """

    def __init__(self, plan: Plan, lab: Lab) -> None:
        """Set everything up at the plan's beginning; nothing happens yet."""
        self.plan = plan
        self.agenda = Agenda(start=plan.start)
        self.wire = Wire(self.agenda, luck=chance(plan.seed, "wire"))
        self.judge = Judge(plan, lab.judged)
        self.sites: dict[PartyCode, Site] = {}
        self.liars: dict[PartyCode, Liar] = {}
        self.entries = 0
        self.ahead = 0
        self._lab = lab
        self._trace = running_digest()
        self._traced: dict[PartyCode, int] = {}
        self._calls: dict[Pair, tuple[int, ...]] = {}
        self._fetches: set[Pair] = set()
        self._waits: dict[Pair, int] = {}
        self._until: dict[Pair, int] = {}
        self._resumed: dict[Pair, int] = {}
        self._call_ids = 0
        self.watch = Watch(
            plan,
            self.judge,
            keys={party: [party_keys(party, 1).keys.ed25519] for party in PARTIES},
            secrets=[one for party in PARTIES for one in party_keys(party, 1).secrets],
        )
        for party in PARTIES:
            site = Site(
                party,
                self.agenda,
                disk=lab.disk(party),
                keys=party_keys(party, 1),
                luck=chance(plan.seed, f"entropy/{party}"),
                memory=chance(plan.seed, f"memory/{party}"),
                laws=lab.laws,
                make=lab.make,
                crew=chance(plan.seed, f"crew/{party}") if party in plan.crews else None,
                open_=lab.open_,
            )
            site.on_down = partial(self._fell, site)
            self.sites[party] = site
            self.watch.disks[party] = site.disk
            self.watch.look(party, site.blobs)

    def _summon(self, site: Site) -> None:
        """Bring what waits before an officer."""
        raise NotImplementedError

    def _repair(self, site: Site) -> None:
        """Bring back a backup, because the disk is damaged."""
        raise NotImplementedError

    # ------------------------------------------------------------ what a site does

    def _do(
        self, site: Site, act: Callable[[Driver], object], *, by: Driver | None = None
    ) -> object:
        """Let a site do something, then look at its disk and see what follows."""
        try:
            done = site.do(act, by=by)
        except BaseException:
            self._look(site)
            raise
        self._after(site)
        return done

    def _look(self, site: Site) -> None:
        self.watch.look(site.party, site.blobs)
        self._note(site)

    def _after(self, site: Site) -> None:
        self._look(site)
        if site.driver is None or site.is_troubled:
            return
        for partner in PARTIES:
            if partner != site.party:
                self.agenda.after(0, partial(self._pump, site, partner))
        self._work(site)
        self._summon(site)

    def _work(self, site: Site) -> None:
        """Begin the next work on a large package; it is done a while later, others go on."""
        for driver in site.drivers:
            job = driver.next_job()
            if job is not None:
                self.agenda.after(site.work_ns(), partial(self._hand_back, site, driver, job))

    def _hand_back(self, site: Site, driver: Driver, job: Job) -> None:
        """Hand a job back to the process that left it; if that is no more, nobody knows of it."""
        if driver not in site.drivers:
            return
        job.run()
        with suppress(PeerError, LocalError):
            self._do(site, lambda one: one.finish(job), by=driver)

    def _note(self, site: Site) -> None:
        """Put what is new on a disk into the trace."""
        order = site.disk.order
        first = self._traced.get(site.party, 0)
        for log, number in order[first:]:
            header = site.disk.logs[log][number - 1].header
            self.entries += 1
            self._trace.update(
                f"{self.agenda.passed_ns} {site.party} {log.origin} {number} {header.kind} "
                f"{header.case} {header.at}\n".encode()
            )
        self._traced[site.party] = len(order)

    def _tick(self, site: Site) -> None:
        if site.driver is not None:
            self._do(site, lambda driver: driver.tick())
        wait = 30 * MINUTE if site.is_troubled else 5 * MINUTE
        self.agenda.after(wait, lambda: self._tick(site))

    def _fell(self, site: Site, down_ns: int) -> None:
        self._trace.update(f"{self.agenda.passed_ns} {site.party} down\n".encode())
        for partner in PARTIES:
            self._calls.pop((site.party, partner), None)
            self._until.pop((site.party, partner), None)
            self._fetches.discard((site.party, partner))
        self._forget(site)
        self.agenda.after(down_ns, partial(self._rise, site, site.life))

    def _rise(self, site: Site, life: int) -> None:
        if site.driver is None and site.life == life:
            if site.why_down == StoreCorruptError.code:
                self._repair(site)
            site.boot()
            self._after(site)

    def _forget(self, site: Site) -> None:
        """People have to be asked again after a crash."""

    # ------------------------------------------------------------ links

    def _pump(self, site: Site, partner: PartyCode, *, is_poll: bool = False) -> None:
        """Send what there is for a partner: one frame, and another ahead of its answer."""
        key = (site.party, partner)
        calls = self._calls.get(key, ())
        is_ahead = bool(calls) and not is_poll
        if site.driver is None or len(calls) >= FRAMES_IN_FLIGHT_MAX or partner in site.stopped:
            return
        if self.agenda.passed_ns < self._until.get(key, 0):
            return
        try:
            data = site.do(
                lambda driver: driver.next_batch(
                    partner, is_poll=is_poll, is_ahead=is_ahead, is_shared=True
                )
            )
        except StoppedError:
            self._stop(site, partner)
            return
        if data is None and site.is_troubled:
            self._wait(site, partner)
            return
        if data is None:
            self._fetch(site, partner)
            return
        caller = site.driver
        assert caller is not None
        self.ahead += is_ahead
        self._call_ids += 1
        call = self._call_ids
        self._calls[key] = (*calls, call)
        life = site.life
        data = self._let_out(site, partner, data)
        self.wire.send(
            site.party,
            partner,
            data,
            lambda arrived: self._serve(
                self.sites[partner],
                site.party,
                arrived,
                lambda answer: self._answered(
                    site,
                    partner,
                    answer,
                    call=call,
                    life=life,
                    caller=caller,
                    is_ahead=is_ahead,
                ),
            ),
        )
        self.agenda.after(_CALL_NS, lambda: self._give_up(site, partner, call))

    def _serve(
        self,
        site: Site,
        partner: PartyCode,
        data: bytes,
        reply: Callable[[bytes], None],
    ) -> None:
        """A partner's frame has arrived."""
        data = self._let_in(site, partner, data)
        answer = self._do(site, lambda driver: driver.handle_exchange(partner, data))
        if isinstance(answer, bytes):
            self.wire.send(site.party, partner, self._let_out(site, partner, answer), reply)

    def _let_out(self, site: Site, partner: PartyCode, data: bytes) -> bytes:
        """Let a frame out, as it is or as a liar tells it; the watch sees what the honest say."""
        liar = self.liars.get(site.party)
        if liar is not None:
            return liar.tell(partner, data, disk=site.disk)
        self.watch.overhear(site.party, partner, data)
        return data

    def _let_in(self, site: Site, partner: PartyCode, data: bytes) -> bytes:
        """Let a frame in; a liar keeps from its own node what would tell it that it lies."""
        liar = self.liars.get(site.party)
        return data if liar is None else liar.hear(partner, data)

    def _answered(
        self,
        site: Site,
        partner: PartyCode,
        answer: bytes,
        *,
        call: int,
        life: int,
        caller: Driver,
        is_ahead: bool,
    ) -> None:
        """An answer has arrived; also a late one, and one that comes twice."""
        if site.life != life or caller not in site.drivers:
            return
        key = (site.party, partner)
        self._end_call(key, call)
        answer = self._let_in(site, partner, answer)
        try:
            self._do(
                site,
                lambda driver: driver.receive_reply(partner, answer, is_ahead=is_ahead),
                by=caller,
            )
        except ForkError as error:
            self._forked(site, partner, error)
        except PeerError:
            # It would not take it, or said what cannot be taken: try again later.
            self._wait(site, partner)
        else:
            if site.is_troubled or {site.party, partner} & set(self.liars):
                self._wait(site, partner)
            elif not site.is_reconciling() and not self.sites[partner].is_reconciling():
                self._waits.pop(key, None)

    def _forked(self, site: Site, partner: PartyCode, error: ForkError) -> None:
        """An honest partner never shows two histories, unless an old backup was brought back."""
        if partner not in self.liars and not {site.party, partner} & self.watch.restored:
            raise UnsafeError("fork", f"`{site.party}` about `{partner}`: {error.message}")
        self._stop(site, partner)

    def _stop(self, site: Site, partner: PartyCode) -> None:
        """A link has stopped; some officer lets it run again, whatever the cause."""
        if partner in site.stopped:
            return
        site.stopped.add(partner)
        key = (site.party, partner)
        times = self._resumed[key] = self._resumed.get(key, 0) + 1
        luck = chance(self.plan.seed, f"resume/{site.party}/{partner}/{times}")
        if times <= _RESUMED_MAX and luck.random() < _RESUMED:
            self.agenda.after(luck.randrange(2 * HOUR), partial(self._resume, site, partner))

    def _resume(self, site: Site, partner: PartyCode) -> None:
        """Let a link run again; who still shows another history stops it at once (EX-54)."""
        try:
            done = self._do(site, lambda driver: driver.resume(partner, by=BY))
        except NotStoppedError:
            # The disk that knew of it is gone.
            done = True
        if done is None:
            self.agenda.after(MINUTE, partial(self._resume, site, partner))
            return
        site.stopped.discard(partner)
        self._pump(site, partner)

    def _give_up(self, site: Site, partner: PartyCode, call: int) -> None:
        if self._end_call((site.party, partner), call):
            self._wait(site, partner)

    def _end_call(self, key: Pair, call: int) -> bool:
        """Wait no longer for an answer; tells whether it was waited for."""
        calls = self._calls.get(key, ())
        self._calls[key] = tuple(one for one in calls if one != call)
        return call in calls

    def _wait(self, site: Site, partner: PartyCode) -> None:
        key = (site.party, partner)
        wait = min(2 * self._waits.get(key, SECOND // 2), _WAIT_MAX_NS)
        self._waits[key] = wait
        self._until[key] = self.agenda.passed_ns + wait
        self.agenda.after(wait, lambda: self._pump(site, partner))

    def _fetch(self, site: Site, partner: PartyCode) -> None:
        """Fetch the next piece of a package that is too large to travel with its entry."""
        key = (site.party, partner)
        if site.driver is None or key in self._fetches:
            return
        wanted = site.do(lambda driver: driver.wanted(partner))
        if not wanted:
            return
        name = wanted[0].digest
        offset = site.do(lambda driver: driver.received_bytes(partner, name))
        if offset is None:
            return
        self._fetches.add(key)
        life = site.life

        def ask(_data: bytes) -> None:
            other = self.sites[partner]
            try:
                piece = self._do(
                    other,
                    lambda driver: driver.read_package(
                        site.party, name, offset=offset, size=_PIECE_BYTES
                    ),
                )
            except (PeerError, LocalError):
                # Not for this partner, or lost with a disk.
                return
            if isinstance(piece, bytes):
                self.watch.overhear_package(partner, site.party, piece)
                self.wire.send(partner, site.party, piece, take)

        def take(piece: bytes) -> None:
            if site.driver is None or site.life != life:
                return
            self._fetches.discard(key)
            try:
                self._do(
                    site,
                    lambda driver: driver.write_package(partner, name, offset=offset, piece=piece),
                )
            except (PeerError, LocalError):
                return

        self.wire.send(site.party, partner, b"", ask)
        self.agenda.after(_CALL_NS, lambda: self._fetch_again(site, partner, life))

    def _fetch_again(self, site: Site, partner: PartyCode, life: int) -> None:
        key = (site.party, partner)
        if site.life == life and key in self._fetches:
            self._fetches.discard(key)
            self._pump(site, partner)
