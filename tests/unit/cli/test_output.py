"""Arguments and errors of commands: what is read, what is refused, and what a person is told."""

import pytest
from whenever import Instant

from relto.cli import main
from relto.cli.desk_views import render_card
from relto.cli.output import (
    Exit,
    InputError,
    instant_of,
    party_of,
    safe,
    stderr,
    stdout,
    to_json,
)
from relto.console import CardAnswer


@pytest.mark.parametrize(
    "text",
    [
        "2019-11-23T00:01:00+09:00",
        "2019-11-23T00:01+09:00",
        "2019-11-22T15:01Z",
        "2019-11-23T00:01:00+09:00[Asia/Seoul]",
    ],
)
def test_an_instant_is_read_with_any_offset(text: str) -> None:
    assert instant_of(text) == Instant.from_utc(2019, 11, 22, 15, 1)


@pytest.mark.parametrize(
    "text", ["2019-11-23", "2019-11-23T00:01", "soon", "", "2019-02-30T00:00Z"]
)
def test_a_moment_without_an_offset_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError) as refused:
        instant_of(text)
    assert "2019-11-23T00:01+09:00" in refused.value.hint


def test_an_unknown_party_is_refused_with_the_nearest_code() -> None:
    with pytest.raises(InputError) as refused:
        party_of("JPM", name="--from", known=["JPN", "KOR", "USA"])
    assert "`JPN`" in refused.value.hint


def test_fl_33_a_full_width_party_code_is_not_the_party() -> None:
    with pytest.raises(InputError):
        party_of("\uff2a\uff30\uff2e", name="--from", known=["JPN", "KOR", "USA"])


@pytest.mark.parametrize("hostile", ["\x1b[2Jgone", "a\rb", "\u202eabc", "x\u200by"])
def test_fl_43_control_and_direction_characters_are_shown_not_obeyed(hostile: str) -> None:
    shown = safe(hostile)
    assert shown.isprintable()
    assert "\\" in shown


def test_fl_43_no_text_of_a_partner_is_markup(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "[/bold] [red]all clear[/red] [link=https://x.example]here[/link] :warning:"
    stdout().print(safe(hostile))
    stderr().print(safe(hostile))
    printed = capsys.readouterr()
    assert printed.out == printed.err == hostile + "\n"


def test_fl_43_no_text_of_a_partner_begins_where_our_own_names_begin(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lied = CardAnswer(
        card=b"",
        party="JPN\nfingerprint  of somebody else",
        fingerprint="ab" * 32,
        serial=1,
        endpoints=(),
        is_exercise=False,
    )
    render_card(stdout(), lied)
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("fingerprint") for line in lines) == 1


@pytest.mark.parametrize("edge", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_an_instant_at_the_edge_of_the_calendar_is_refused_and_no_bug(edge: str) -> None:
    with pytest.raises(InputError, match="calendar"):
        instant_of(edge)
    assert instant_of("1582-10-10T00:00Z") < instant_of("9998-12-31T23:59:59Z")


def test_instants_become_iso_text_in_json() -> None:
    assert (
        to_json({"at": Instant.from_utc(2019, 11, 22, 15, 1)}) == b'{"at":"2019-11-22T15:01:00Z"}'
    )


def test_an_unknown_command_is_a_usage_error_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-command"]) == Exit.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "no-such-command" in printed.err
    assert "next:" in printed.err
