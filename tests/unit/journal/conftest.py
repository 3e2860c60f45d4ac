"""A log with three entries, and a partner that holds nothing of it yet."""

import pytest

from tests.support_journal import Log, Mirror


@pytest.fixture
def log() -> Log:
    made = Log()
    for number in range(3):
        made.say(b"message %d" % number)
    return made


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()
