"""The machine that works out a life: acts in, spans out.

It takes the acts in the order in which they work. Before each act it lets pass what was due by
then: an entry, the end of a term, the end that a notice brings. At one instant what was due comes
first, so an act that arrives at the very instant of an end is too late (LAW-50).
"""

from itertools import pairwise
from typing import assert_never

from msgspec import Struct
from whenever import Date, Instant

from relto.law import calendar, deadline
from relto.law.act import Act, ActKind
from relto.law.deadline import Schedule
from relto.law.force import (
    EndAtOnce,
    EntryKind,
    Instrument,
    NoticeCount,
    NoticeRule,
    SuspendedNotice,
    TermKind,
)
from relto.law.life import Doctrines, Life, Remark, weakest, works_at
from relto.law.span import Span, State
from relto.model import Evidence
from relto.units import ActId, PartyCode


def live(instrument: Instrument, acts: tuple[Act, ...], doctrines: Doctrines) -> Life:
    """Work out the life of an instrument.

    Args:
        instrument: Its rules.
        acts: Its acts, those that are known; in any order.
        doctrines: What the reading answers where the text is silent.

    Returns:
        Its life; the same for the same acts in any order.

    Source: docs/spec/law.md LAW-8, LAW-20 to LAW-58.
    """
    machine = _Machine(instrument, doctrines)
    ordered = sorted(acts, key=lambda act: (works_at(act, instrument), act.id))
    for act in ordered:
        at = works_at(act, instrument)
        machine.advance(at)
        machine.take(act, at)
    machine.advance(None)
    return machine.life()


class _Notice:
    """A notice that may still bring an end."""

    __slots__ = ("act", "ends_at", "is_suspended", "suspended_by")

    def __init__(self, act: Act, ends_at: Instant, *, suspended_by: Act | None) -> None:
        self.act = act
        self.ends_at = ends_at
        self.is_suspended = suspended_by is not None
        self.suspended_by = suspended_by


class _Due(Struct, frozen=True, kw_only=True):
    """Something that will happen by itself."""

    at: Instant
    what: str  # entry, term-end, notice-end, notice-spent, end, resume
    act: Act | None = None
    notice: ActId | None = None
    cause: str = ""


class _Machine:
    """Mutable while one life is worked out; never seen outside."""

    def __init__(self, instrument: Instrument, doctrines: Doctrines) -> None:
        self._instrument = instrument
        self._rules = doctrines
        self._spans: list[Span] = []
        self._state = State.UNKNOWN
        self._start: Instant | None = None
        self._cause = "not signed, or nothing is known of it"
        self._act: ActId | None = None
        self._article = ""
        self._evidence = Evidence.TEXT
        self._remarks: list[Remark] = []
        self._schedules: list[Schedule] = []
        self._term = 0
        self._signed: set[PartyCode] = set()
        self._completed: set[PartyCode] = set()
        self._signing_evidence = Evidence.TEXT
        self._is_signed = False
        self._entered: Instant | None = None
        self._due: list[_Due] = []
        self._notices: dict[ActId, _Notice] = {}
        # No notice brings anything before this instant (`None`: ever), unless one was moved or
        # woken. It spares a look at all notices at each act.
        self._quiet_until: Instant | None = None
        self._is_notice_moved = False
        # Suspensions of operation that stand, each until it is itself resumed, withdrawn or over.
        self._halts: dict[ActId, Act] = {}
        self._taken: set[ActId] = set()
        # What was undone before it counted: notices on their way to a receipt that counts.
        self._undone: dict[ActId, Act] = {}
        self._is_ended = False

    # ------------------------------------------------------------ spans

    def _move(
        self,
        at: Instant,
        state: State,
        cause: str,
        act: Act | None,
        *evidence: Evidence,
        article: str = "",
    ) -> None:
        if state is self._state:
            return
        self._close(at)
        self._state = state
        self._cause = cause
        self._act = act.id if act else None
        self._article = article or (act.ground.article if act else "")
        self._evidence = weakest(*evidence)

    def _close(self, at: Instant) -> None:
        """End the current span at an instant; one that would be empty leaves no trace."""
        if self._start is None or at > self._start:
            self._spans.append(self._span(end=at))
            self._start = at

    def _span(self, *, end: Instant | None) -> Span:
        return Span(
            start=self._start,
            end=end,
            state=self._state,
            cause=self._cause,
            act=self._act,
            article=self._article,
            evidence=self._evidence,
        )

    def _live_state(self) -> State:
        if self._halts:
            return State.OPERATION_SUSPENDED
        if any(not notice.is_suspended for notice in self._notices.values()):
            return State.NOTICE_GIVEN
        if self._notices:
            return State.NOTICE_SUSPENDED
        return State.IN_FORCE

    def _settle(self, at: Instant, cause: str, act: Act | None, *grounds: Evidence) -> None:
        """Move to the state that the facts now give, if the instrument is in force at all."""
        if self._entered is None or self._is_ended:
            return
        grounds = (*grounds, act.ground.evidence) if act else grounds
        state = self._live_state()
        self._move(at, state, cause, act, self._force_evidence(), *grounds)

    def _force_evidence(self) -> Evidence:
        rules = self._instrument
        return weakest(
            rules.entry.ground.evidence, rules.term.ground.evidence, self._signing_evidence
        )

    def _end(
        self, at: Instant, cause: str, act: Act | None, *evidence: Evidence, article: str = ""
    ) -> None:
        if self._is_ended:
            return
        self._is_ended = True
        self._due.clear()
        self._notices.clear()
        self._move(at, State.ENDED, cause, act, *evidence, article=article)

    def _remark(self, act: Act, at: Instant, text: str, *, has_effect: bool = True) -> None:
        self._remarks.append(Remark(act=act.id, at=at, has_effect=has_effect, text=text))

    # ------------------------------------------------------------ what happens by itself

    def _next_due(self, until: Instant | None) -> _Due | None:
        due = [item for item in self._due if until is None or item.at <= until]
        quiet = self._quiet_until
        is_quiet = quiet is None or (until is not None and until < quiet)
        if self._is_notice_moved or not is_quiet:
            self._is_notice_moved = False
            brought = [
                item
                for id, notice in self._notices.items()
                if (item := self._due_of(id, notice)) is not None
            ]
            self._quiet_until = min((item.at for item in brought), default=None)
            due.extend(item for item in brought if until is None or item.at <= until)
        return min(due, key=lambda item: (item.at, item.what, item.notice or ""), default=None)

    def _due_of(self, id: ActId, notice: _Notice) -> _Due | None:
        if not notice.is_suspended:
            return _Due(at=notice.ends_at, what="notice-end", act=notice.act, notice=id)
        if self._rules.suspended_notice is SuspendedNotice.RENEWS:
            return _Due(at=notice.ends_at, what="notice-spent", act=notice.act, notice=id)
        return None

    def advance(self, until: Instant | None) -> None:
        """Let pass what is due up to and including an instant; `None` for all there is."""
        while not self._is_ended:
            item = self._next_due(until)
            if item is None:
                return
            self._happen(item)

    def _happen(self, item: _Due) -> None:
        rules = self._instrument
        if item in self._due:
            self._due.remove(item)
        match item.what:
            case "entry":
                self._enter(item.at, item.cause, item.act)
            case "notice-end":
                assert item.act is not None
                self._end_by_notice(item.at, item.act)
            case "notice-spent":
                self._notices = {
                    id: notice
                    for id, notice in self._notices.items()
                    if not notice.is_suspended or notice.ends_at > item.at
                }
                cause = (
                    f"the term rolled over while notice `{item.notice}` was suspended; "
                    "the notice is spent"
                )
                self._settle(item.at, cause, item.act, self._rules.evidence)
            case "term-end":
                cause = f"the term ended and is not renewed ({rules.term.ground.article})"
                evidence = (self._force_evidence(), rules.days.ground.evidence)
                self._end(item.at, cause, None, *evidence, article=rules.term.ground.article)
            case "end":
                assert item.act is not None
                self._end(item.at, item.cause, item.act, item.act.ground.evidence)
            case _:
                assert item.act is not None
                self._halts.pop(item.act.id, None)
                self._settle(item.at, "the suspension of operation ran out", None)

    def _end_by_notice(self, at: Instant, act: Act) -> None:
        rules = self._instrument
        assert rules.notice is not None
        cause = f"the notice `{act.id}` took effect ({rules.notice.ground.article})"
        self._end(
            at,
            cause,
            act,
            act.ground.evidence,
            rules.notice.ground.evidence,
            rules.days.ground.evidence,
            article=rules.notice.ground.article,
        )

    def _enter(self, at: Instant, cause: str, act: Act | None) -> None:
        assert self._entered is None
        rules = self._instrument
        self._entered = at
        if rules.term.kind is TermKind.FIXED:
            assert rules.term.first_months is not None
            day = calendar.day_of(at, zone=rules.days.zone)
            self._set_terms(at, day, rules.term.first_months, None)
        self._settle(at, cause, act)

    def _set_terms(self, start: Instant, anchor: Date, months: int, end_at: Instant | None) -> None:
        rules = self._instrument
        end = calendar.anniversary(anchor, months=months)
        schedule = Schedule(
            start=start,
            anchor=anchor,
            first_months=months,
            first_end_at=end_at
            or calendar.moment(end, rules.days.term_ends_at, zone=rules.days.zone),
            renewal_months=rules.term.renewal_months,
        )
        self._schedules.append(schedule)
        self._term = 0
        self._due = [item for item in self._due if item.what != "term-end"]
        if schedule.renewal_months is None:
            self._due.append(_Due(at=schedule.first_end_at, what="term-end"))

    # ------------------------------------------------------------ acts

    def take(self, act: Act, at: Instant) -> None:
        """Apply one act at the instant at which it works."""
        if self._is_ended and act.kind is not ActKind.ANNOUNCEMENT:
            self._remark(act, at, "no effect: it had ended before", has_effect=False)
            return
        self._taken.add(act.id)
        match act.kind:
            case ActKind.SIGNATURE | ActKind.NOTIFICATION | ActKind.EXCHANGE:
                self._complete(act, at)
            case ActKind.ENTRY:
                self._record_entry(act, at)
            case ActKind.ANNOUNCEMENT:
                self._remark(act, at, "announced; no legal effect", has_effect=False)
            case ActKind.NOTICE:
                self._give_notice(act, at)
            case ActKind.NOTICE_SUSPENSION:
                self._suspend_notice(act, at)
            case ActKind.RESUMPTION:
                self._resume_notice(act, act.of, at)
            case ActKind.WITHDRAWAL:
                self._withdraw(act, at)
            case ActKind.END:
                self._end_at_once(act, at)
            case ActKind.AMENDMENT:
                self._remark(act, at, "amended by all parties")
            case ActKind.SUPERSESSION:
                cause = f"superseded by `{act.successor}`"
                self._due.append(_Due(at=act.effective or at, what="end", act=act, cause=cause))
                self._remark(act, at, cause)
                self.advance(at)
            case ActKind.OPERATION_SUSPENSION:
                self._suspend_operation(act, at)
            case ActKind.OPERATION_RESUMPTION:
                self._resume_operation(act, at)
            case ActKind.EXTENSION:
                self._extend(act, at)
            case _:
                assert_never(act.kind)

    def _complete(self, act: Act, at: Instant) -> None:
        rules = self._instrument
        parties = set(rules.terms.parties)
        self._signing_evidence = weakest(self._signing_evidence, act.ground.evidence)
        if act.kind is ActKind.SIGNATURE:
            self._signed |= set(act.by)
            self._remark(act, at, "signed by " + ", ".join(act.by))
            if not self._is_signed and self._signed >= parties:
                self._is_signed = True
            if self._is_signed and self._state is State.UNKNOWN:
                self._move(at, State.SIGNED, "signed by all", act, act.ground.evidence)
        else:
            self._completed |= set(act.by)
            self._remark(act, at, "completed by " + ", ".join(act.by))
        is_complete = self._is_signed and (
            rules.entry.kind is EntryKind.SIGNATURE
            or (
                rules.entry.kind
                in (
                    EntryKind.LATER_NOTIFICATION,
                    EntryKind.MUTUAL_RECEIPT,
                    EntryKind.EXCHANGE_OF_NOTES,
                )
                and self._completed >= parties
            )
        )
        is_coming = any(item.what == "entry" for item in self._due)
        if is_complete and self._entered is None and not is_coming:
            self._schedule_entry(act, at)

    def _schedule_entry(self, act: Act, at: Instant) -> None:
        rules = self._instrument
        cause = f"in force: {rules.entry.kind} ({rules.entry.ground.article})"
        if rules.entry.first_of_month_after == 0:
            self._enter(at, cause, act)
            return
        day = calendar.first_of_month_after(
            calendar.day_of(at, zone=rules.days.zone), months=rules.entry.first_of_month_after
        )
        when = calendar.day_start(day, zone=rules.days.zone)
        self._due.append(_Due(at=when, what="entry", act=act, cause=cause))

    def _record_entry(self, act: Act, at: Instant) -> None:
        if self._entered is not None:
            self._remark(act, at, "no effect: it was in force", has_effect=False)
            return
        self._signing_evidence = weakest(self._signing_evidence, act.ground.evidence)
        self._due = [item for item in self._due if item.what != "entry"]
        article = self._instrument.entry.ground.article
        self._remark(act, at, "entered into force")
        self._enter(at, f"in force: recorded ({article})", act)

    def _give_notice(self, act: Act, at: Instant) -> None:
        rules = self._instrument
        notice = rules.notice
        reason = self._why_no_notice(act)
        if reason or notice is None:
            self._remark(act, at, f"no effect: {reason}", has_effect=False)
            return
        zone = rules.days.zone
        if notice.count is NoticeCount.FORWARD_FROM_NOTICE:
            ends_at = deadline.forward_end(at, notice=notice, days=rules.days)
            text = f"works at {shown(ends_at, zone)}"
        else:
            schedule = self._schedules[-1]
            running = self._running_term(schedule, at)
            term = deadline.term_for(at, schedule, notice=notice, days=rules.days, begin=running)
            if term is None:
                text = "no effect: too late, and there is no further term"
                self._remark(act, at, text, has_effect=False)
                return
            ends_at = schedule.end_at(term, days=rules.days)
            late = "too late for the running term; " if term > running else ""
            text = f"{late}works at {shown(ends_at, zone)}"
        before = self._undone.get(act.id)
        if before is not None and before.kind is ActKind.WITHDRAWAL:
            text = f"no effect: withdrawn by `{before.id}` before it counted"
            self._remark(act, at, text, has_effect=False)
            return
        self._notices[act.id] = _Notice(act, ends_at, suspended_by=before)
        self._quiet_until = min(ends_at, self._quiet_until or ends_at)
        self._remark(act, at, text)
        cause = f"notice `{act.id}` served ({notice.ground.article}); {text}"
        self._settle(at, cause, act, notice.ground.evidence)

    def _why_no_notice(self, act: Act) -> str:
        notice: NoticeRule | None = self._instrument.notice
        if self._entered is None:
            return "it was not in force"
        if notice is None:
            return "no clause on notice is known"
        if notice.channel is not None and act.channel is not notice.channel:
            return f"the text asks for the {notice.channel} channel ({notice.ground.article})"
        if notice.is_written and not act.is_written:
            return f"the text asks for writing ({notice.ground.article})"
        return ""

    def _running_term(self, schedule: Schedule, at: Instant) -> int:
        """Return the index of the term running at an instant; time only goes forward."""
        days = self._instrument.days
        while schedule.renewal_months is not None and at >= schedule.end_at(self._term, days=days):
            self._term += 1
        return self._term

    def _suspend_notice(self, act: Act, at: Instant) -> None:
        early = self._undo_early(act)
        found = [self._notices[id] for id in act.of if id in self._notices]
        if not found:
            text = "the notice will sleep" if early else "no effect: the notice does not run"
            self._remark(act, at, text, has_effect=bool(early))
            return
        for notice in found:
            notice.is_suspended = True
            notice.suspended_by = act
        self._remark(act, at, "the effect of the notice is suspended")
        self._settle(at, f"notice suspended by `{act.id}`", act)

    def _resume_notice(self, act: Act, ids: tuple[ActId, ...], at: Instant) -> None:
        found = [self._notices[id] for id in ids if id in self._notices]
        if not found:
            self._remark(act, at, "no effect: the notice does not run", has_effect=False)
            return
        for notice in found:
            notice.is_suspended = False
            notice.suspended_by = None
        self._is_notice_moved = True
        self._remark(act, at, "the notice works again")
        self._settle(at, f"notice resumed by `{act.id}`", act)
        for notice in found:
            if notice.ends_at <= at:
                cause = f"the sleeping notice `{notice.act.id}` was woken by `{act.id}`"
                self._end(at, cause, act, act.ground.evidence, self._rules.evidence)

    def _undo_early(self, act: Act) -> tuple[ActId, ...]:
        """Keep what undoes a notice that does not count yet, since its receipt is to come."""
        early = tuple(id for id in act.of if id not in self._taken)
        self._undone.update(dict.fromkeys(early, act))
        return early

    def _withdraw(self, act: Act, at: Instant) -> None:
        """Undo all that a withdrawal names, each in its own way."""
        early = self._undo_early(act)
        gone = [*early, *(id for id in act.of if self._notices.pop(id, None) is not None)]
        gone += [id for id in act.of if self._halts.pop(id, None) is not None]
        due = [item for item in self._due if item.act and item.act.id in act.of]
        gone += [item.act.id for item in due if item.act and item.what == "end"]
        self._due = [item for item in self._due if item not in due]
        slept = [id for id, one in self._undone.items() if one.id in act.of]
        gone += [self._undone.pop(id).id for id in slept]
        woken = tuple(
            id
            for id, notice in self._notices.items()
            if notice.suspended_by is not None and notice.suspended_by.id in act.of
        )
        if gone:
            self._remark(act, at, "withdrawn: " + ", ".join(gone))
            self._settle(at, f"withdrawn by `{act.id}`: " + ", ".join(gone), act)
        if woken:
            self._resume_notice(act, woken, at)
        elif not gone:
            text = "no effect on force: nothing of it was left"
            self._remark(act, at, text, has_effect=False)

    def _end_at_once(self, act: Act, at: Instant) -> None:
        when = act.effective or at
        own = [
            notice
            for notice in self._notices.values()
            if notice.is_suspended and set(act.by) & set(notice.act.by)
        ]
        if set(act.by) == set(self._instrument.terms.parties):
            cause = f"ended by all parties (`{act.id}`)"
        elif self._rules.end_at_once is EndAtOnce.ENDS:
            cause = f"ended at once by {', '.join(act.by)} (`{act.id}`)"
        elif own and self._rules.suspended_notice is SuspendedNotice.DORMANT:
            when = max(when, min(notice.ends_at for notice in own))
            cause = f"ended at once by {', '.join(act.by)}, whose notice slept (`{act.id}`)"
        else:
            text = "no effect: the text knows no end at once; a fresh notice is needed"
            self._remark(act, at, text, has_effect=False)
            return
        self._remark(act, at, cause)
        self._due.append(_Due(at=max(when, at), what="end", act=act, cause=cause))
        self.advance(at)

    def _suspend_operation(self, act: Act, at: Instant) -> None:
        self._halts[act.id] = act
        if act.until is not None:
            self._due.append(_Due(at=act.until, what="resume", act=act))
        self._remark(act, at, "operation suspended: no release")
        self._settle(at, f"operation suspended by `{act.id}`", act)

    def _resume_operation(self, act: Act, at: Instant) -> None:
        resumed = [id for id in act.of if self._halts.pop(id, None) is not None]
        self._due = [
            item
            for item in self._due
            if item.what != "resume" or item.act is None or item.act.id not in resumed
        ]
        if not resumed:
            self._remark(act, at, "no effect: operation was not suspended", has_effect=False)
            return
        left = ", ".join(f"`{id}`" for id in self._halts)
        text = f"resumed, but still suspended by {left}" if left else "operation resumed"
        self._remark(act, at, text)
        self._settle(at, f"operation resumed by `{act.id}`", act)

    def _extend(self, act: Act, at: Instant) -> None:
        until = act.until
        if self._entered is None or until is None:
            self._remark(act, at, "no effect: it was not in force", has_effect=False)
            return
        zone = self._instrument.days.zone
        text = f"extended by all parties until {shown(until, zone)}"
        if self._schedules:
            self._set_terms(at, calendar.day_of(until, zone=zone), 0, until)
        for notice in self._notices.values():
            notice.ends_at = until
        self._is_notice_moved = True
        self._remark(act, at, text)
        if self._state is State.NOTICE_GIVEN:
            # The state stays, with another end; a new span says so.
            self._close(at)
            self._cause, self._act, self._article = text, act.id, act.ground.article
            self._evidence = weakest(self._evidence, act.ground.evidence)

    # ------------------------------------------------------------ result

    def life(self) -> Life:
        """Close the last span and hand out the life."""
        spans = (*self._spans, self._span(end=None))
        starts = tuple(span.start for span in spans if span.start is not None)
        assert len(starts) == len(spans) - 1
        assert all(first < second for first, second in pairwise(starts))
        return Life(
            spans=spans,
            starts=starts,
            remarks=tuple(self._remarks),
            schedules=tuple(self._schedules),
            entered=self._entered,
            doctrines=self._rules,
        )


def shown(at: Instant, zone: str) -> str:
    """Write an instant for people, in the instrument's zone.

    Source: docs/spec/law.md LAW-10.
    """
    return at.to_tz(zone).format_iso(unit="minute")
