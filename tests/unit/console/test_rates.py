"""`node.toml`: what is written is what is read, and what cannot be meant is refused by its key."""

from pathlib import Path

import pytest

from relto.console.home import Config, Home, HomeError
from relto.limits import (
    LINK_PARTNER_ENTRIES_PER_SECOND_MAX,
    LINK_PARTNER_JOURNAL_BYTES_PER_SECOND_MAX,
)


def made(path: Path, config: Config) -> Home:
    home = Home(path / "node")
    home.create(config)
    return home


def test_the_rates_of_partners_are_written_and_read_again(tmp_path: Path) -> None:
    """LK-24."""
    config = Config(party="JPN", partner_entries_per_second=5, partner_bytes_per_second=4_096)
    assert made(tmp_path, config).config() == config


def test_a_file_that_says_nothing_of_rates_takes_the_most_there_is(tmp_path: Path) -> None:
    """LK-24: a file of an earlier version, too."""
    home = made(tmp_path, Config(party="JPN"))
    home.config_file.write_text('party = "JPN"\n')
    assert home.config().partner_entries_per_second == LINK_PARTNER_ENTRIES_PER_SECOND_MAX
    assert home.config().partner_bytes_per_second == LINK_PARTNER_JOURNAL_BYTES_PER_SECOND_MAX


@pytest.mark.parametrize(
    "line",
    [
        "partner_entries_per_second = 0",
        f"partner_entries_per_second = {LINK_PARTNER_ENTRIES_PER_SECOND_MAX + 1}",
        "partner_entries_per_second = 0.5",
        "partner_bytes_per_second = 1000",
        f"partner_bytes_per_second = {LINK_PARTNER_JOURNAL_BYTES_PER_SECOND_MAX + 1}",
    ],
)
def test_a_rate_that_nobody_can_keep_or_nothing_can_hold_is_refused(
    tmp_path: Path, line: str
) -> None:
    """LK-24."""
    home = made(tmp_path, Config(party="JPN"))
    home.config_file.write_text(f'party = "JPN"\n{line}\n')
    with pytest.raises(HomeError, match=line.split(maxsplit=1)[0]):
        home.config()
