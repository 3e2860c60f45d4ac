"""People: analysts who ask again and again; officers who say yes, no, or `ask the originator`."""

from functools import partial
from typing import Final

from whenever import Instant

from relto.driver import Driver, Result
from relto.errors import LocalError
from relto.node import Approve, Ask, AskConsent, By, Command, NoPartnerError, Refuse, Waiting
from relto.sim.agenda import MINUTE, SECOND, chance
from relto.sim.storm.judge import assurance_of
from relto.sim.storm.lab import BY, OFFICER, Lab
from relto.sim.storm.plan import Asked, Plan
from relto.sim.storm.site import Site
from relto.sim.storm.traffic import Traffic
from relto.units import CaseId, PartyCode

_TRIES_MAX: Final = 12


class People(Traffic):
    """Everybody who works at the sites."""

    def __init__(self, plan: Plan, lab: Lab) -> None:
        """Let them come to work."""
        super().__init__(plan, lab)
        self._queued: dict[tuple[PartyCode, CaseId], tuple[Instant, int]] = {}
        self._tried: dict[tuple[PartyCode, CaseId], int] = {}

    def _forget(self, site: Site) -> None:
        self._queued = {key: at for key, at in self._queued.items() if key[0] != site.party}

    def _ask(self, asked: Asked) -> None:
        """An analyst asks, and asks again until the node has answered."""
        site = self.sites[asked.requester]
        command = Ask(
            case=CaseId(asked.case),
            holder=asked.holder,
            topics=(asked.topic,),
            holding=asked.item,
            purpose=asked.purpose,
            about="for the storm",
            precedence=asked.precedence,
            assurance=assurance_of(asked),
            expires_at=(None if not asked.life_ns else self.agenda.at(asked.at_ns + asked.life_ns)),
            is_forced=asked.is_forced,
            by=BY,
        )
        try:
            done = self._do(site, lambda driver: driver.command(command))
        except NoPartnerError:
            # Its card is revoked: there will be another one.
            self.agenda.after(10 * MINUTE, lambda: self._ask(asked))
            return
        if done is None:
            self.agenda.after(self._patience(site), lambda: self._ask(asked))
        else:
            self.watch.promised(asked.requester, asked.case)

    def _summon(self, site: Site) -> None:
        """Bring what waits before an officer, once for each officer that is needed."""
        queue = site.do(lambda driver: driver.node.queue())
        if queue is None:
            return
        # A case that has left the queue and comes back is a new one, also on a clock that stands.
        here = {(site.party, waiting.file.case) for waiting in queue}
        self._queued = {
            key: moved for key, moved in self._queued.items() if key[0] != site.party or key in here
        }
        for waiting in queue:
            key = (site.party, waiting.file.case)
            # On a clock that stands still, only the number of steps tells that it has moved.
            moved = (waiting.file.moved_at, len(waiting.file.steps))
            if self._queued.get(key) == moved:
                continue
            self._queued[key] = moved
            tried = self._tried[key] = self._tried.get(key, -1) + 1
            luck = chance(self.plan.seed, f"officer/{key[0]}/{key[1]}/{tried}")
            delay = luck.randrange(SECOND, self.plan.officer_ns + 1)
            # Whoever has asked the originator in vain, and again, says no in the end.
            refuses = luck.randrange(100) < self.plan.refusing or tried > _TRIES_MAX
            self.agenda.after(
                delay,
                partial(self._decide, site, waiting, refuses=refuses),
            )

    def _decide(self, site: Site, waiting: Waiting, *, refuses: bool) -> None:
        """An officer decides: yes, no, or the originator must be asked first."""
        case = waiting.file.case
        by = By(officer=f"officer-{len(waiting.file.steps)}", role=OFFICER, reason="storm")
        if refuses:
            commands: list[Command] = [Refuse(case=case, by=by)]
        else:
            commands = [
                Approve(case=case, by=by),
                AskConsent(case=case, by=by),
                Refuse(case=case, by=by),
            ]
        for command in commands:
            try:
                done = self._do(site, partial(_command, command=command))
            except LocalError:
                continue
            if done is None:
                self._queued.pop((site.party, case), None)
                self.agenda.after(self._patience(site), lambda: self._again(site))
            return

    @staticmethod
    def _patience(site: Site) -> int:
        """How long people wait before they try again: a restart is quick, a wrong clock is not."""
        is_slow = site.is_troubled or site.is_reconciling()
        return 10 * MINUTE if is_slow else 10 * SECOND

    def _again(self, site: Site) -> None:
        if site.driver is not None:
            self._summon(site)


def _command(driver: Driver, *, command: Command) -> Result:
    return driver.command(command)
