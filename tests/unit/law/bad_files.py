"""Bad law files by name: how to make them, and the key and the reason that must be told."""

from collections.abc import Callable

from relto.limits import LAW_FILE_BYTES_MAX
from tests.unit.law.building import PACT, act, files, pact, rule, signed, toml, when, words


def bad_pact(**changes) -> dict[str, bytes]:
    return files(pact(**changes))


def with_acts(*acts: dict, **more) -> dict[str, bytes]:
    return files(acts=[signed(), *acts], **more)


def with_file(name: str, text: str) -> dict[str, bytes]:
    return files() | {name: text.encode()}


def _row(name: str, *levels: str, scheme: str = "aaa") -> dict:
    return {"id": name, "levels": {scheme: list(levels)}}


def _version(name: str = "1", **keys) -> dict:
    return rule(id=name, rows=[_row("R", "low")], **keys)


NOTICE = act("n", "notice", "2016-10-01T00:00:00Z")
SCHEME = 'format = "relto.scheme/1"\nid = "ccc"\ntitle = "C"\n'
GROUND = 'article = "1"\nevidence = "text"\nsource = "s"\n'

BAD_TABLES: dict[str, tuple[Callable[[], dict[str, bytes]], str, str]] = {
    # name: files, key, reason
    "unknown key": (lambda: bad_pact(surprise=1), "surprise", "unknown key `surprise`"),
    "unknown key in a table": (
        lambda: bad_pact(entry=rule(kind="signature", hour=3)),
        "entry.hour",
        "unknown key `hour`",
    ),
    "missing key": (lambda: bad_pact(days=None), "", "missing key `days`"),
    "missing key in a table": (lambda: bad_pact(days=rule()), "days", "missing key `zone`"),
    "no ground": (
        lambda: bad_pact(topology={"kind": "direct"}),
        "topology",
        "missing `article`, `evidence`, `source`",
    ),
    "half a ground": (
        lambda: bad_pact(topology={"kind": "direct", "article": "1", "source": "s"}),
        "topology",
        "missing `evidence`",
    ),
    "a word that is not allowed": (
        lambda: bad_pact(kind="treaty"),
        "kind",
        "`treaty` is not one of the allowed words",
    ),
    "a wrong type": (lambda: bad_pact(title=3), "title", "expected text, got a whole number"),
    "an unknown format": (
        lambda: with_file("x.toml", 'format = "relto.instrument/9"\n'),
        "format",
        "unknown format `relto.instrument/9`",
    ),
    "a format that is a number": (
        lambda: with_file("x.toml", "format = 1\n"),
        "format",
        "unknown format `1`",
    ),
    "no format": (lambda: with_file("x.toml", 'id = "x"\n'), "", "missing key `format`"),
    "an impossible date": (
        lambda: with_file("x.toml", 'format = "relto.acts/1"\non = 2019-02-30\n'),
        "",
        "not TOML: invalid date or datetime",
    ),
    "not TOML": (lambda: with_file("x.toml", "format = \n"), "", "not TOML: invalid value"),
    "cut off": (
        lambda: with_file("x.toml", 'format = "relto.acts/1"\nacts = ['),
        "",
        "not TOML: invalid value",
    ),
    "a key twice": (
        lambda: with_file("x.toml", "a = 1\na = 2\n"),
        "",
        "not TOML: cannot overwrite a value",
    ),
    "nested too deeply": (
        lambda: with_file("x.toml", "a = " + "[" * 100_000),
        "",
        "not TOML: ",
    ),
    "not text": (lambda: files() | {"x.toml": b"a = 1\n\xff\n"}, "", "not UTF-8 text"),
    "a title that runs backwards": (
        lambda: bad_pact(title="Pact \u202e drawkcab"),
        "title",
        "text with characters that are not seen: U+202E",
    ),
    "a name with a letter of no width": (
        lambda: bad_pact(duties=[rule(kind="mark", weight="required", text="ma\u200brk")]),
        "duties[1].text",
        "text with characters that are not seen: U+200B",
    ),
    "a name in decomposed Hangul": (
        lambda: bad_pact(short="\u1112\u1161\u11ab"),
        "short",
        "text that is not in Unicode form NFC",
    ),
    "ten megabytes": (
        lambda: files() | {"x.toml": b"#" * 10_000_000},
        "",
        f"file too large: at least 10000000 bytes, limit {LAW_FILE_BYTES_MAX}",
    ),
    "an hour without its offset": (
        lambda: with_acts(act("m", "amendment", "2019-01-01T00:00:00", by=["AAA", "BBB"])),
        "acts[2].at",
        (
            "expected a date and hour with its offset, like 2019-08-23T15:25:00+09:00, "
            "got `2019-01-01T00:00:00`"
        ),
    ),
    "a date where an hour belongs": (
        lambda: with_acts(act("m", "operation-suspension", "2019-01-01", until="2019-02-01")),
        "acts[2].until",
        (
            "expected a date and hour with its offset, like 2019-08-23T15:25:00+09:00, "
            "got `2019-02-01`"
        ),
    ),
    "a text where a date belongs": (
        lambda: with_acts({**act("m", "announcement", "2019-01-01"), "on": "2019-01-01"}),
        "acts[2].on",
        "expected a date, like 2019-08-23, got `2019-01-01`",
    ),
    "a zone that does not exist": (
        lambda: bad_pact(days=rule(zone="Asia/Atlantis")),
        "days.zone",
        "no such time zone: `Asia/Atlantis`",
    ),
    "a zone of a party that does not exist": (
        lambda: (
            files()
            | {
                "more.toml": toml(
                    {
                        "format": "relto.parties/1",
                        "parties": [rule(code="DDD", names={"en": "D"}, zone="Nowhere/Here")],
                    }
                )
            }
        ),
        "parties[1].zone",
        "no such time zone: `Nowhere/Here`",
    ),
    "an id in another script": (
        lambda: files(pact(id="\u0430aa-bbb-pact")),
        "id",
        "not an instrument id: `\u0430aa-bbb-pact` (it holds U+0430)",
    ),
    "an id that looks like another": (
        lambda: files(pact(id="aaa-bbb-2010"), pact(id="aaa-bbb-2o1o")),
        "id",
        "`aaa-bbb-2o1o` looks like `aaa-bbb-2010`",
    ),
    "an id twice": (
        lambda: files(pact(), pact()),
        "id",
        f"instrument `{PACT}` is already in `instruments/0.toml`",
    ),
    "a party in full-width letters": (
        lambda: (
            files()
            | {
                "more.toml": toml(
                    {
                        "format": "relto.parties/1",
                        "parties": [rule(code="\uff2a\uff30\uff2e", names={"ja": "x"}, zone="UTC")],
                    }
                )
            }
        ),
        "parties[1].code",
        "not a party code: `\uff2a\uff30\uff2e` (it holds U+FF2A, U+FF30, U+FF2E)",
    ),
    "a party twice": (
        lambda: (
            files()
            | {
                "more.toml": toml(
                    {
                        "format": "relto.parties/1",
                        "parties": [rule(code="AAA", names={"en": "A"}, zone="UTC")],
                    }
                )
            }
        ),
        "parties[1].code",
        "party `AAA` is given twice",
    ),
    "a party whose scheme is missing": (
        lambda: (
            files()
            | {
                "more.toml": toml(
                    {
                        "format": "relto.parties/1",
                        "parties": [rule(code="DDD", names={"en": "D"}, zone="UTC", scheme="ddd")],
                    }
                )
            }
        ),
        "parties[1].scheme",
        "no scheme `ddd`",
    ),
    "a topic whose parent is missing": (
        lambda: with_file(
            "x.toml", 'format = "relto.topics/1"\ntopics = [{ id = "a.b", title = "B" }]\n'
        ),
        "topics[1].id",
        "the node above, `a`, is missing",
    ),
    "a topic in capitals": (
        lambda: with_file(
            "x.toml", 'format = "relto.topics/1"\ntopics = [{ id = "Aa", title = "A" }]\n'
        ),
        "topics[1].id",
        "not an id: `Aa`",
    ),
    "a purpose twice": (
        lambda: with_file(
            "x.toml",
            'format = "relto.purposes/1"\npurposes = ['
            '{ id = "a", title = "A" }, { id = "a", title = "A" }]\n',
        ),
        "purposes[2].id",
        "`a` is given twice",
    ),
    "a scheme of nobody": (
        lambda: with_file("x.toml", SCHEME + 'party = "ZZZ"\nlevels = []\n'),
        "party",
        "no party `ZZZ`",
    ),
    "a scheme without levels": (
        lambda: with_file("x.toml", SCHEME + "levels = []\n"),
        "levels",
        "no levels",
    ),
    "a scheme twice": (
        lambda: files() | {"x.toml": words()["schemes/aaa.toml"]},
        "id",
        "scheme `aaa` is given twice",
    ),
    "a scheme id in capitals": (
        lambda: with_file("x.toml", SCHEME.replace('"ccc"', '"CCC"') + "levels = []\n"),
        "id",
        "not a scheme id: `CCC`",
    ),
    "a level twice": (
        lambda: with_file(
            "x.toml",
            SCHEME
            + 2 * f'[[levels]]\nid = "a"\nnative = "a"\ngloss = "a"\nmarking = "a"\n{GROUND}',
        ),
        "levels[2].id",
        "not an id of its own: `a`",
    ),
    "an unknown topic": (
        lambda: bad_pact(topics=rule(is_open=False, topics=["one", "three"])),
        "topics.topics[2]",
        "no topic `three`",
    ),
    "an unknown excluded topic": (
        lambda: bad_pact(topics=rule(is_open=True, excluded=["three"])),
        "topics.excluded[1]",
        "no topic `three`",
    ),
    "a closed list of nothing": (
        lambda: bad_pact(topics=rule(is_open=False)),
        "topics.topics",
        "a closed list without topics",
    ),
    "an unknown purpose": (
        lambda: bad_pact(purposes=rule(is_open=False, purposes=["fun"])),
        "purposes.purposes[1]",
        "no purpose `fun`",
    ),
    "an unknown party": (
        lambda: files(pact(parties=["AAA", "ZZZ"])),
        "parties[2]",
        "no party `ZZZ`",
    ),
    "a party alone": (
        lambda: files(pact(parties=["AAA", "AAA"])),
        "parties",
        "fewer than two different parties",
    ),
    "an intermediary without a name": (
        lambda: bad_pact(topology=rule(kind="intermediary")),
        "topology.intermediary",
        "an intermediary is named if, and only if, the kind is `intermediary`",
    ),
    "an intermediary from outside": (
        lambda: bad_pact(topology=rule(kind="intermediary", intermediary="CCC")),
        "topology.intermediary",
        "`CCC` is not a party of the instrument",
    ),
    "an authority of a stranger": (
        lambda: bad_pact(authorities=[rule(party="CCC")]),
        "authorities[1].party",
        "`CCC` is not a party of the instrument",
    ),
    "a fixed term without length": (
        lambda: bad_pact(term=rule(kind="fixed"), notice=None),
        "term",
        "the length of a term is given, at least one month, if and only if it is fixed",
    ),
    "a renewal of what never ends": (
        lambda: bad_pact(term=rule(kind="indefinite", renewal_months=12), notice=None),
        "term.renewal_months",
        "only a fixed term is renewed",
    ),
    "a first day of the minus first month": (
        lambda: bad_pact(entry=rule(kind="signature", first_of_month_after=-1)),
        "entry.first_of_month_after",
        "expected 0 to 24 months",
    ),
    "a month after what nobody read": (
        lambda: bad_pact(entry=rule(kind="recorded", first_of_month_after=1)),
        "entry.first_of_month_after",
        "means nothing where the entry is `recorded`",
    ),
    "a notice of no length": (
        lambda: bad_pact(
            notice=rule(
                length=0,
                unit="days",
                count="back-from-term-end",
                counting=rule(anchor="expiry-date"),
            )
        ),
        "notice.length",
        "a notice period of less than one",
    ),
    "an anchor that does not fit": (
        lambda: bad_pact(
            notice=rule(
                length=9, unit="days", count="back-from-term-end", counting=rule(anchor="same-day")
            )
        ),
        "notice.counting.anchor",
        "`same-day` does not go with `back-from-term-end`",
    ),
    "counted back from no end": (
        lambda: bad_pact(term=rule(kind="indefinite")),
        "notice.count",
        "counted back from the end of a term that the instrument has not",
    ),
    "a row twice": (
        lambda: bad_pact(equivalence=[rule(id="1", rows=[_row("R", "low"), _row("R", "mid")])]),
        "equivalence[1].rows[2].id",
        "row `R` twice",
    ),
    "an unknown level": (
        lambda: bad_pact(equivalence=[rule(id="1", rows=[_row("R", "lowest")])]),
        "equivalence[1].rows[1].levels.aaa",
        "scheme `aaa` has no level `lowest`",
    ),
    "an unknown scheme": (
        lambda: bad_pact(equivalence=[rule(id="1", rows=[_row("R", "low", scheme="zzz")])]),
        "equivalence[1].rows[1].levels.zzz",
        "no scheme `zzz`",
    ),
    "levels that are no list": (
        lambda: bad_pact(equivalence=[rule(id="1", rows=[{"id": "R", "levels": {"aaa": 3}}])]),
        "equivalence[1].rows[1].levels",
        "expected a list, got a whole number",
    ),
    "overlapping versions": (
        lambda: bad_pact(
            equivalence=[
                _version("1", valid_until=when("2018-01-01T00:00:00Z")),
                _version("2", valid_from=when("2017-12-31T23:59:59Z")),
            ]
        ),
        "equivalence[2]",
        "version `2` overlaps version `1`",
    ),
    "a version that ends before it begins": (
        lambda: bad_pact(
            equivalence=[
                _version(
                    valid_from=when("2018-01-01T00:00:00Z"),
                    valid_until=when("2017-01-01T00:00:00Z"),
                )
            ]
        ),
        "equivalence[1].valid_until",
        "ends before it begins",
    ),
    "a version dated twice": (
        lambda: files(
            pact(equivalence=[_version(by_act="m", valid_from=when("2018-01-01T00:00:00Z"))]),
            acts=[act("m", "amendment", "2018-01-01", by=["AAA", "BBB"])],
        ),
        "equivalence[1].by_act",
        "a version brought by an act takes its dates from the act",
    ),
    "a version brought by no amendment": (
        lambda: bad_pact(equivalence=[_version(by_act="m")]),
        "equivalence[1].by_act",
        "no amendment `m` of this instrument",
    ),
    "a cap on no row": (
        lambda: bad_pact(caps=[rule(row="X")]),
        "caps[1].row",
        "no row `X` in the equivalence, its own or relied on",
    ),
    "reliance on nothing": (
        lambda: bad_pact(reliance=[rule(parties=[], instrument="zzz")]),
        "reliance[1].instrument",
        "no instrument `zzz`",
    ),
    "reliance of a stranger": (
        lambda: files(
            pact(reliance=[rule(parties=["AAA", "CCC"], instrument="other")]), pact(id="other")
        ),
        "reliance[1].parties",
        "`CCC` is not a party of both instruments",
    ),
    "a leg of one party": (
        lambda: files(pact(reliance=[rule(parties=["AAA"], instrument="other")]), pact(id="other")),
        "reliance[1].parties",
        "a leg has two different parties",
    ),
    "rows upside down": (
        lambda: bad_pact(equivalence=[rule(id="1", rows=[_row("S", "high"), _row("C", "low")])]),
        "equivalence[1].rows[2].levels.aaa",
        "row `C` stands above `S`, but its level in `aaa` is lower",
    ),
    "a cycle of reliance": (
        lambda: files(
            pact(id="first", reliance=[rule(parties=[], instrument="second")]),
            pact(id="second", reliance=[rule(parties=[], instrument="first")]),
        ),
        "reliance[1].instrument",
        "reliance runs in a circle: first -> second -> first",
    ),
}
