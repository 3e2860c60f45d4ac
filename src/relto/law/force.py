"""The rules of an instrument's own life, as its text states them: entry, term, notice, survival.

What the text leaves open is a parameter here with its own ground, never a constant in code
(for Japan-ROK 2016 the hour at which a term ends and the day from which ninety days are counted
back).
"""

from enum import StrEnum

from msgspec import Struct, field
from whenever import Time

from relto.law.instrument import Terms
from relto.model import Ground
from relto.units import PartyCode


class EntryKind(StrEnum):
    """What completes an instrument so that it enters into force (LAW-20)."""

    SIGNATURE = "signature"  # the last signature
    LATER_NOTIFICATION = "later-notification"  # the later of the notifications, when given
    MUTUAL_RECEIPT = "mutual-receipt"  # the later of the notifications, when received
    EXCHANGE_OF_NOTES = "exchange-of-notes"  # one act of all parties
    RECORDED = "recorded"  # the text's rule was not read; an entry act records the fact
    NOT_KNOWN = "not-known"  # neither the rule nor the fact was read: it stays signed


class EntryRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Entry into force.

    Args:
        kind: The event that completes the instrument.
        first_of_month_after: 0 means at once; n means the first day of the n-th month after the
            event.
    """

    kind: EntryKind
    first_of_month_after: int = 0
    ground: Ground


class TermKind(StrEnum):
    """How long an instrument runs."""

    FIXED = "fixed"
    INDEFINITE = "indefinite"
    NOT_STATED = "not-stated"  # no term was seen; it is taken to run on, and every answer says so


class TermRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Term and renewal, in months, counted from the day of entry into force.

    Args:
        kind: Fixed, indefinite or not stated.
        first_months: Length of the first term; only for a fixed one.
        renewal_months: Length of each automatic extension; `None` when it ends with the first term.
    """

    kind: TermKind
    first_months: int | None = None
    renewal_months: int | None = None
    ground: Ground


class NoticeUnit(StrEnum):
    """In what a notice period is measured."""

    DAYS = "days"
    MONTHS = "months"


class NoticeCount(StrEnum):
    """From where a notice period is counted."""

    BACK_FROM_TERM_END = "back-from-term-end"
    FORWARD_FROM_NOTICE = "forward-from-notice"


class NoticeAnchor(StrEnum):
    """The counting convention: which day the period is counted from (LAW-31, LAW-34)."""

    EXPIRY_DATE = "expiry-date"  # back from the date on which the term ends: 23 Nov -> 25 Aug
    LAST_FULL_DAY = "last-full-day"  # back from the last full day in force: 22 Nov -> 24 Aug
    SAME_DAY = "same-day"  # forward: ends when the day with the same number begins
    DAY_AFTER = "day-after"  # forward: the day of notice is not counted; ends when that day ends


class NoticeDate(StrEnum):
    """Whether a notice counts when it is given or when it is received."""

    GIVEN = "given"
    RECEIVED = "received"


class Channel(StrEnum):
    """How an act reached the other side."""

    DIPLOMATIC = "diplomatic"
    AUTHORITIES = "authorities"  # between the competent authorities
    PUBLIC = "public"  # said to the world; reaches nobody in law


class Counting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The counting convention: the length may be text while this is only practice."""

    anchor: NoticeAnchor
    ground: Ground


class NoticeRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Termination by notice.

    Args:
        length: Number of days or months.
        unit: Days or months.
        count: Back from the term's end, or forward from the notice.
        counting: The counting convention.
        counts_when: Given or received.
        channel: The channel that the text asks for; a notice by another one has no effect.
            `None`: any.
        is_written: Writing is required.
    """

    length: int
    unit: NoticeUnit
    count: NoticeCount
    counting: Counting
    counts_when: NoticeDate = NoticeDate.GIVEN
    channel: Channel | None = None
    is_written: bool = True
    ground: Ground


def _midnight() -> Time:
    # A factory, because the writer of the JSON Schema cannot show a `Time` as a default.
    return Time(0, 0)


class DayRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The zone whose calendar counts, and the hours that the text may leave open.

    Args:
        zone: IANA name.
        term_ends_at: The hour, on the day of expiry, at which a term ends.
        notice_day_ends_at: The hour, on the day after, at which the last day for a notice is over.
    """

    zone: str
    term_ends_at: Time = field(default_factory=_midnight)
    notice_day_ends_at: Time = field(default_factory=_midnight)
    ground: Ground


class SuspendedNotice(StrEnum):
    """What becomes of a suspended notice when its term ends (LAW-44, LAW-45)."""

    RENEWS = "renews"  # the term rolls over; the notice is spent; a fresh one is needed
    DORMANT = (
        "dormant"  # no term runs; the notice sleeps; its author may end the instrument any day
    )


class EndAtOnce(StrEnum):
    """What one party's declaration of an immediate end does, where no notice of its own sleeps."""

    NO_EFFECT = "no-effect"
    ENDS = "ends"


class Doctrine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds where the text is silent and a party has declared no reading of its own."""

    suspended_notice: SuspendedNotice
    end_at_once: EndAtOnce
    ground: Ground


class SurvivalKind(StrEnum):
    """How long protection is owed after the end."""

    UNLIMITED = "unlimited"
    WHILE_CLASSIFIED = "while-classified"
    WHILE_NEEDED = "while-needed"
    PROTECT_OR_RETURN = "protect-or-return"
    NOT_KNOWN = (
        "not-known"  # no clause was seen; protection is owed without end, and the answer says so
    )


class SurvivalRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is owed, after the end, for what was received before it."""

    kind: SurvivalKind
    text: str
    ground: Ground


class EndOfNeedWay(StrEnum):
    """What a receiver does with material it no longer needs."""

    RETURN = "return"
    DESTROY = "destroy"
    RETURN_OR_DESTROY = "return-or-destroy"


class EndOfNeedRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Return or destruction, where it differs by level.

    Args:
        row: The equivalence row it speaks of; empty means every row without a rule of its own.
        way: What is done.
        is_notified: The originator is told of the destruction.
        may_destroy_in_emergency: Destruction is allowed when the material cannot be protected.
    """

    row: str = ""
    way: EndOfNeedWay
    is_notified: bool = False
    may_destroy_in_emergency: bool = False
    ground: Ground


class Holders(StrEnum):
    """What kind of body the parties bind."""

    GOVERNMENTS = "governments"
    MINISTRIES = "ministries"
    ORGANISATIONS = "organisations"


class AuthorityRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body that may hold or release for a party; empty where it is named later by channel."""

    party: PartyCode
    body: str = ""
    ground: Ground


class Subject(StrEnum):
    """Subjects of provisions that people, not a machine, carry out; shown, searched and cited."""

    ACCESS = "access"
    AMENDMENT = "amendment"
    CHANGE_OF_LAW = "change-of-law"
    CHANNEL = "channel"
    CLASSIFICATION_KEPT = "classification-kept"
    CONTRACTORS = "contractors"
    COPIES = "copies"
    DEFINITION = "definition"
    DISPUTES = "disputes"
    INVENTORY = "inventory"
    LOSS = "loss"
    MARKING = "marking"
    NO_DUTY_TO_SHARE = "no-duty-to-share"
    PROPERTY = "intellectual-property"
    PROTECTION = "protection"
    PUBLICATION = "publication"
    RECLASSIFICATION = "reclassification"
    REGISTER = "register"
    REGISTRATION = "registration"
    ROLES = "roles"
    TRANSLATION = "translation"
    VISITS = "visits"
    OTHER = "other"


class Provision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A provision in our own words, with its ground."""

    subject: Subject
    text: str
    ground: Ground


class ReferenceKind(StrEnum):
    """How an instrument stands to another text."""

    SUPPLEMENTS = "supplements"
    SUPPLEMENTED_BY = "supplemented-by"
    REFERS_TO = "refers-to"
    REPLACES_DRAFT = "replaces-draft"


class Reference(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another text that this one stands on, or that stands on it; it need not be in the library."""

    kind: ReferenceKind
    title: str
    ground: Ground


class Instrument(Struct, frozen=True, kw_only=True):
    """One instrument, whole: what a decision reads (`terms`), its life, and what people carry out.

    Args:
        terms: What it says about a release.
        holders: Governments, ministries or organisations.
        is_example: Made up to show the machine; never to be taken for a real agreement.
        languages: Authentic languages, the prevailing one first; empty when not known.
        file: The name of the file it stands in.
    """

    terms: Terms
    holders: Holders
    holders_ground: Ground
    entry: EntryRule
    term: TermRule
    notice: NoticeRule | None
    days: DayRule
    doctrine: Doctrine
    survival: SurvivalRule
    end_of_need: tuple[EndOfNeedRule, ...]
    authorities: tuple[AuthorityRule, ...]
    languages: tuple[str, ...]
    languages_ground: Ground | None
    provisions: tuple[Provision, ...]
    references: tuple[Reference, ...]
    is_example: bool
    file: str
