"""What goes wrong, fault by fault."""

from typing import Final

from relto.driver import mark_restored
from relto.errors import LocalError
from relto.journal import verify_card
from relto.model.delegation import Delegations
from relto.node import AdoptDelegations, RevokeCard
from relto.ports import StoreFailedError, StoreFencedError, StoreLockedError
from relto.sim.agenda import HOUR, SECOND, chance
from relto.sim.store import Disk, MemoryBlobs, MemoryStore
from relto.sim.storm.custody import Custodians
from relto.sim.storm.lab import BY, Lab, card_of, party_keys
from relto.sim.storm.liar import Liar
from relto.sim.storm.plan import LAPSE, Fault, Kind, Plan
from relto.sim.storm.site import Armed, Site
from relto.sim.storm.watch import UnsafeError
from relto.units import PartyCode

_SECOND_NS: Final = SECOND


class Strikes(Custodians):
    """A federation to which things happen."""

    def __init__(self, plan: Plan, lab: Lab) -> None:
        """Begin with everything as it should be."""
        super().__init__(plan, lab)
        self._backups: dict[PartyCode, tuple[Disk, MemoryBlobs]] = {}
        self._kept: dict[PartyCode, tuple[Disk, MemoryBlobs]] = {}
        self._serials: dict[PartyCode, int] = {}
        self._changing: set[PartyCode] = set()
        self._revokers: dict[PartyCode, list[PartyCode]] = {}

    def _back_up(self, site: Site) -> None:
        """Copy disk and packages, as an operator does now and then."""
        self._backups[site.party] = (site.disk.copy(), site.blobs.copy())

    def _strike(self, fault: Fault) -> None:
        """Let one thing go wrong."""
        self._trace.update(f"{self.agenda.passed_ns} {fault.kind} {fault.party}\n".encode())
        site = self.sites[fault.party]
        match fault.kind:
            case Kind.ROUGH | Kind.CUT | Kind.CLOG:
                self._weather(fault)
            case Kind.CRASH:
                site.armed.append(Armed(fault.point, down_ns=fault.for_ns))
            case Kind.FULL:
                site.is_full = True
                self.agenda.after(fault.for_ns, site.has_room)
            case Kind.FSYNC:
                point = "store.committed" if fault.is_both else "store.commit"
                error = StoreFailedError("the disk failed: fsync")
                site.armed.append(Armed(point, down_ns=fault.for_ns, error=error))
            case Kind.SKEW | Kind.JUMP:
                site.clock.jump(fault.amount)
                self.agenda.after(fault.for_ns, lambda: site.clock.jump(-fault.amount))
            case Kind.STILL:
                site.clock.stop(LAPSE.add(nanoseconds=fault.amount))
                self.agenda.after(fault.for_ns, site.clock.go_on)
            case Kind.SECOND:
                # A worker that is one of several may go on beside any other.
                is_stolen = fault.for_ns % 2 == 0 and not site.is_crewed
                self._second(site, is_stolen=is_stolen)
            case Kind.DRIFT:
                site.clock.run(fault.amount)
                self.agenda.after(fault.for_ns, lambda: site.clock.run(0))
            case _:
                self._happen(site, fault)

    def _happen(self, site: Site, fault: Fault) -> None:
        """Let something happen that people do, or have to mend."""
        match fault.kind:
            case Kind.LAW:
                self._learn(site, fault.point)
            case Kind.ROT:
                self._rot(site, fault)
            case Kind.SPOIL:
                self._spoil(site, fault)
            case Kind.FORGET:
                self._lose_writes(site)
            case Kind.RESTORE:
                self._restore(site, fault)
            case Kind.ROTATE:
                self._rotate(site)
            case Kind.REVOKE:
                self._revoke(site, fault)
            case Kind.LIAR:
                self._lie(site, fault)
            case Kind.CUSTODY:
                self._look_after(fault)
            case Kind.STANDING:
                self._stand_otherwise(fault)
            case _:
                raise AssertionError(fault.kind)

    def _weather(self, fault: Fault) -> None:
        directions = [(fault.party, fault.other)]
        if fault.is_both:
            directions.append((fault.other, fault.party))
        for source, target in directions:
            weather = self.wire.weather(source, target)
            match fault.kind:
                case Kind.ROUGH:
                    weather.loss = weather.doubled = weather.replayed = fault.amount
                    weather.delay_ns = (2 * SECOND // 1000, 4 * SECOND)
                case Kind.CUT:
                    weather.is_cut = True
                case _:
                    weather.clogged_until_ns = self.agenda.passed_ns + fault.for_ns
            self.agenda.after(fault.for_ns, weather.clear)

    def _second(self, site: Site, *, is_stolen: bool) -> None:
        """Start another instance on the same store (FL-18)."""
        if site.driver is None:
            return
        if not is_stolen:
            try:
                MemoryStore(site.disk)
            except StoreLockedError:
                return
            raise UnsafeError("second", f"two stores of `{site.party}` are open")
        zombie = site.steal()
        assert zombie is not None
        self._fell(site, 10**9)
        site.boot()
        self._after(site)
        before = len(site.disk.order)
        try:
            zombie.tick()
            zombie.command(AdoptDelegations(delegations=Delegations(holder=site.party), by=BY))
        except (StoreFencedError, StoreFailedError):
            pass
        else:
            raise UnsafeError("second", f"the older instance of `{site.party}` went on")
        if len(site.disk.order) != before:
            raise UnsafeError("second", f"the older instance of `{site.party}` wrote")

    def _learn(self, site: Site, name: str) -> None:
        """Other law becomes known to one party."""
        files, known = self._lab.adoptable[name]
        done = self._do(
            site,
            lambda driver: driver.adopt_law(files.files, digest=files.digest, by=BY, known=known),
        )
        if done is None:
            # Reading the files takes long, so nobody tries often on a node that cannot write.
            self.agenda.after(2 * HOUR, lambda: self._learn(site, name))

    # ------------------------------------------------------------ backups

    def _rot(self, site: Site, fault: Fault) -> None:
        """A row is torn, misdirected, or loses a bit; noticed when it is read (FL-16)."""
        disk = site.disk
        logs = sorted(log for log, entries in disk.logs.items() if entries)
        if logs:
            log = logs[fault.amount % len(logs)]
            disk.damage(log, 1 + fault.amount // 7 % len(disk.logs[log]))

    def _spoil(self, site: Site, fault: Fault) -> None:
        """A content or package is gone from the disk, or another one."""
        names = sorted(site.blobs.whole())
        if names:
            site.blobs.spoil(names[fault.amount % len(names)], is_lost=fault.amount % 2 == 0)

    def _restore(self, site: Site, fault: Fault) -> None:
        """Bring an old backup back, and tell the node so (FL-17)."""
        disk, blobs = self._backups[site.party]
        site.switch_off()
        self._fell(site, SECOND)
        self._put_back(site, disk, blobs)
        if fault.is_both:
            luck = chance(self.plan.seed, f"pass/{site.party}")
            # It comes up a second later, and hears from whoever can be reached within another one.
            delay = luck.choice((SECOND + 1, SECOND + luck.randrange(SECOND // 8), HOUR))
            self.agenda.after(delay, lambda: self._pass_over(site, fault.other))

    def _pass_over(self, site: Site, partner: PartyCode) -> None:
        """An officer will not wait any longer for what a partner could give back (EX-47)."""
        if partner not in (site.do(lambda driver: driver.reconciling()) or ()):
            return
        self.watch.passed.add((site.party, partner))
        self._do(site, lambda driver: driver.pass_over(partner, by=BY))

    def _keep(self, party: PartyCode) -> None:
        """From here on the disk of a party only says that it keeps what it is given."""
        site = self.sites[party]
        self._kept[party] = (site.disk.copy(), site.blobs.copy())

    def _lose_writes(self, site: Site) -> None:
        """The power fails, and with it goes what the disk had not kept (FL-16)."""
        disk, blobs = self._kept.pop(site.party)
        site.switch_off()
        self._fell(site, SECOND)
        self.watch.forgot.add(site.party)
        self._put_back(site, disk, blobs, is_told=False)

    def _repair(self, site: Site) -> None:
        """The store will not be read: the operator brings back the last backup."""
        disk, blobs = self._backups[site.party]
        self._put_back(site, disk, blobs)

    def _put_back(
        self, site: Site, disk: Disk, blobs: MemoryBlobs, *, is_told: bool = True
    ) -> None:
        fence = site.disk.fence
        site.disk, site.blobs = disk.copy(), blobs.copy()
        site.disk.fence = fence
        site.why_down = ""
        if is_told:
            store = MemoryStore(site.disk)
            mark_restored(store)
            store.close()
        self.watch.disks[site.party] = site.disk
        self.watch.rewound(site.party)
        self._traced[site.party] = 0
        self._look(site)

    # ------------------------------------------------------------ keys and lies

    def _rotate(self, site: Site) -> None:
        """Change a party's keys in the middle of everything (FL-20)."""
        if site.driver is None or site.party in self._changing:
            self.agenda.after(10 * SECOND, lambda: self._rotate(site))
            return
        self._changing.add(site.party)
        serial = self._serials[site.party] = self._serials.get(site.party, 1) + 1
        new = party_keys(site.party, serial)
        self.watch.add_keys(site.party, new)
        site.former = (site.keys, *site.former)
        site.keys = new
        site.switch_off()
        self._fell(site, SECOND)
        self.agenda.after(2 * SECOND, lambda: self._announce(site, serial))

    def _announce(self, site: Site, serial: int) -> None:
        card = card_of(site.party, serial, at=self.agenda.now)
        # An attempt that failed may have come through; whoever starts a node finds that out.
        done = self._do(
            site, lambda driver: driver.is_announced or bool(driver.announce(card, by=BY))
        )
        if done is None:
            self.agenda.after(self._patience(site), lambda: self._announce(site, serial))
            return
        self._changing.discard(site.party)
        for revoker in self._revokers.pop(site.party, ()):
            self._compare(self.sites[revoker], card)

    def _revoke(self, site: Site, fault: Fault) -> None:
        """A partner's keys may be in other hands: its next card is compared by people (FL-21)."""
        partner = fault.other
        serial = self._serials.get(partner, 1)
        if partner in self._changing or not self._carry_out(
            site, RevokeCard(party=partner, serial=serial, by=BY)
        ):
            self.agenda.after(self._patience(site), lambda: self._revoke(site, fault))
            return
        self._revokers.setdefault(partner, []).append(site.party)
        self.agenda.after(fault.for_ns, lambda: self._rotate(self.sites[partner]))

    def _compare(self, site: Site, card: bytes) -> None:
        """People have compared the card that comes after one that they revoked."""
        shown = verify_card(card, is_exercise=False).fingerprint
        try:
            done = self._do(site, lambda driver: driver.pin(card, fingerprint=shown, by=BY))
        except LocalError:
            # A newer one is pinned by now.
            return
        if done is None:
            self.agenda.after(self._patience(site), lambda: self._compare(site, card))

    def _lie(self, site: Site, fault: Fault) -> None:
        """From here on a party lies to both others."""
        self.liars[site.party] = Liar(
            site.party,
            site.keys,
            trick=fault.point,
            luck=chance(self.plan.seed, f"liar/{site.party}"),
        )
        self.watch.liars = self.judge.liars = frozenset(self.liars)
