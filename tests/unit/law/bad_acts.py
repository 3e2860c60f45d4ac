"""Bad acts by name: how to make the files, and the key and the reason that must be told."""

from collections.abc import Callable

from tests.unit.law.bad_files import NOTICE, with_acts
from tests.unit.law.building import PACT, act, day, files, pact, rule, signed, when

BAD_ACTS: dict[str, tuple[Callable[[], dict[str, bytes]], str, str]] = {
    "an act about nothing": (
        lambda: with_acts(act("n", "notice", "2016-10-01", instrument="zzz")),
        "acts[2].instrument",
        "no instrument `zzz`",
    ),
    "an act by a non-party": (
        lambda: with_acts(act("n", "notice", "2016-10-01", by=["CCC"])),
        "acts[2].by",
        f"`CCC` is not a party of `{PACT}`",
    ),
    "an act by nobody": (
        lambda: with_acts(act("n", "notice", "2016-10-01", by=[])),
        "acts[2].by",
        "no author, or one named twice",
    ),
    "an amendment by one": (
        lambda: with_acts(act("m", "amendment", "2016-10-01")),
        "acts[2].by",
        "`amendment` needs all parties",
    ),
    "an act without a day": (
        lambda: with_acts({k: v for k, v in act("n", "notice", "2016-10-01").items() if k != "on"}),
        "acts[2]",
        "give `at`, or the day alone, and not both",
    ),
    "an act with two days": (
        lambda: with_acts(act("n", "notice", "2016-10-01T00:00:00Z", on=day("2016-10-01"))),
        "acts[2]",
        "give `at`, or the day alone, and not both",
    ),
    "an act twice": (lambda: with_acts(NOTICE, NOTICE), "acts[3].id", "act `n` is given twice"),
    "an act id in capitals": (
        lambda: with_acts(act("N", "notice", "2016-10-01")),
        "acts[2].id",
        "not an act id: `N`",
    ),
    "a suspension of nothing": (
        lambda: with_acts(act("s", "notice-suspension", "2016-11-01")),
        "acts[2].of",
        "a `notice-suspension` of nothing",
    ),
    "a suspension of what is not there": (
        lambda: with_acts(act("s", "notice-suspension", "2016-11-01", of=["n"])),
        "acts[2].of",
        "a `notice-suspension` of nothing: no act `n`",
    ),
    "a suspension of a signature": (
        lambda: with_acts(
            act("s", "notice-suspension", "2016-11-01", of=["signature"], by=["AAA"])
        ),
        "acts[2].of",
        "`signature` is a `signature`, not what is meant",
    ),
    "a suspension before the notice": (
        lambda: with_acts(NOTICE, act("s", "notice-suspension", "2016-09-01", of=["n"])),
        "acts[3].of",
        "`n` is not earlier than this act",
    ),
    "a suspension by the other side": (
        lambda: with_acts(
            NOTICE, act("s", "notice-suspension", "2016-11-01", of=["n"], by=["BBB"])
        ),
        "acts[3].by",
        "`n` is an act of others",
    ),
    "a suspension of a suspended notice": (
        lambda: with_acts(
            NOTICE,
            act("s", "notice-suspension", "2016-11-01", of=["n"]),
            act("t", "notice-suspension", "2016-11-02", of=["n"]),
        ),
        "acts[4].of",
        "`n` is suspended by then: nothing for a `notice-suspension` to act on",
    ),
    "a notice that acts on something": (
        lambda: with_acts(act("n", "notice", "2016-10-01", of=["signature"])),
        "acts[2].of",
        "`notice` acts on no other act",
    ),
    "contradictory acts at one instant": (
        lambda: with_acts(
            NOTICE,
            act("s", "notice-suspension", "2016-11-01", of=["n"]),
            act("w", "withdrawal", "2016-11-01", of=["n"]),
        ),
        "acts[4]",
        "contradicts `s` (notice-suspension) at the same instant",
    ),
    "an end and an extension at one instant": (
        lambda: with_acts(
            act("e", "end", "2016-11-01", by=["AAA", "BBB"]),
            act(
                "x",
                "extension",
                "2016-11-01",
                by=["AAA", "BBB"],
                until=when("2017-11-01T00:00:00Z"),
            ),
        ),
        "acts[3]",
        "contradicts `e` (end) at the same instant",
    ),
    "a successor of what goes on": (
        lambda: with_acts(act("a", "announcement", "2016-10-01", successor=PACT)),
        "acts[2].successor",
        "only a supersession names a successor",
    ),
    "superseded by nothing": (
        lambda: with_acts(
            act("a", "supersession", "2016-10-01", by=["AAA", "BBB"], successor="zzz")
        ),
        "acts[2].successor",
        "no instrument `zzz`",
    ),
    "an extension without an end": (
        lambda: with_acts(act("x", "extension", "2016-10-01", by=["AAA", "BBB"])),
        "acts[2].until",
        "an extension without its new end",
    ),
    "a suspension that ends before it begins": (
        lambda: with_acts(
            act("o", "operation-suspension", "2016-10-01", until=when("2016-09-01T00:00:00Z"))
        ),
        "acts[2].until",
        "ends before it begins",
    ),
    "received before given": (
        lambda: with_acts(act("n", "notice", "2016-10-01", received=when("2016-09-01T00:00:00Z"))),
        "acts[2].received",
        "received before it was given",
    ),
    "one of two takes back the end that both declared": (
        lambda: with_acts(
            act(
                "e", "end", "2016-10-01", by=["AAA", "BBB"], effective=when("2017-01-01T00:00:00Z")
            ),
            act("w", "withdrawal", "2016-11-01", of=["e"]),
        ),
        "acts[3].by",
        "`e` is an act of AAA, BBB",
    ),
    "one of two suspends the notice of both": (
        lambda: with_acts(
            act("n", "notice", "2016-10-01", by=["AAA", "BBB"]),
            act("s", "notice-suspension", "2016-11-01", of=["n"]),
        ),
        "acts[3].by",
        "`n` is an act of AAA, BBB",
    ),
    "one of two resumes the operation that both suspended": (
        lambda: with_acts(
            act("o", "operation-suspension", "2016-10-01", by=["AAA", "BBB"]),
            act("r", "operation-resumption", "2016-11-01", of=["o"]),
        ),
        "acts[3].by",
        "`o` is an act of AAA, BBB",
    ),
    "a notification without the receipt that counts": (
        lambda: files(
            pact(entry=rule(kind="mutual-receipt")),
            acts=[signed(), act("k", "notification", "2016-04-01")],
        ),
        "acts[2].received",
        "the notification counts from its receipt, which is not given",
    ),
    "received twice": (
        lambda: with_acts(
            act(
                "n",
                "notice",
                "2016-10-01",
                received=when("2016-10-02T00:00:00Z"),
                received_on=day("2016-10-02"),
            )
        ),
        "acts[2].received_on",
        "received twice",
    ),
    "effective twice": (
        lambda: with_acts(
            act(
                "e",
                "end",
                "2016-10-01",
                effective=when("2016-10-02T00:00:00Z"),
                effective_on=day("2016-10-02"),
            )
        ),
        "acts[2].effective_on",
        "effective twice",
    ),
    "a notice whose receipt is missing": (
        lambda: files(
            pact(
                term=rule(kind="indefinite"),
                notice=rule(
                    length=6,
                    unit="months",
                    count="forward-from-notice",
                    counts_when="received",
                    counting=rule(anchor="same-day"),
                ),
            ),
            acts=[signed(), NOTICE],
        ),
        "acts[2].received",
        "the notice counts from its receipt, which is not given",
    ),
    "a notice among three": (
        lambda: files(pact(parties=["AAA", "BBB", "CCC"]), acts=[NOTICE]),
        "acts[1].kind",
        "a notice of one among 3 parties: whether it ends the whole is not known",
    ),
    "a link to nothing": (
        lambda: with_acts(
            act("a", "announcement", "2016-10-01", links=[{"to": "zzz", "kind": "answers"}])
        ),
        "acts[2].links[1].to",
        "no act and no event `zzz`",
    ),
    "a reading of nothing": (
        lambda: with_acts(
            readings=[rule(id="r", instrument="zzz", party="AAA", on=day("2016-10-01"), text="x")]
        ),
        "readings[1].instrument",
        "no instrument `zzz`",
    ),
    "a reading by a non-party": (
        lambda: with_acts(
            readings=[rule(id="r", instrument=PACT, party="CCC", on=day("2016-10-01"), text="x")]
        ),
        "readings[1].party",
        f"`CCC` is not a party of `{PACT}`",
    ),
    "a reading that says nothing": (
        lambda: with_acts(
            readings=[rule(id="r", instrument=PACT, party="AAA", on=day("2016-10-01"), text="x")]
        ),
        "readings[1]",
        "a reading that says nothing",
    ),
    "a key that means nothing for the act": (
        lambda: with_acts(
            act("a", "announcement", "2016-10-01", until=when("2017-01-01T00:00:00Z"))
        ),
        "acts[2].until",
        "`until` means nothing for `announcement`",
    ),
    "an event twice": (
        lambda: with_acts(
            events=[rule(id="e", title="E", on=day("2016-10-01"))] * 2,
        ),
        "events[2].id",
        "event `e` is given twice",
    ),
    "an event nowhere": (
        lambda: with_acts(events=[rule(id="e", title="E", on=day("2016-10-01"), zone="No/Where")]),
        "events[1].zone",
        "no such time zone: `No/Where`",
    ),
}
