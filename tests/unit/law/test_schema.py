"""The JSON Schema says what the decoder takes: editors and checkers may rely on it."""

import json
import tomllib

import jsonschema
import pytest

from relto.adapters.lawfiles import packaged_files
from relto.law import schema
from tests.unit.law.building import pact, toml


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def _plain(data: bytes) -> object:
    return json.loads(json.dumps(tomllib.loads(data.decode()), default=lambda day: day.isoformat()))


@pytest.mark.parametrize("name", sorted(packaged_files()))
def test_every_packaged_file_follows_the_schema(validator, name: str) -> None:
    """LAW-2."""
    assert list(validator.iter_errors(_plain(packaged_files()[name]))) == []


@pytest.mark.parametrize(
    "changes",
    [{"surprise": 1}, {"days": None}, {"topology": {"kind": "direct"}}, {"kind": "treaty"}],
    ids=["unknown key", "missing key", "no ground", "wrong word"],
)
def test_what_the_decoder_refuses_the_schema_refuses(validator, changes) -> None:
    """LAW-2."""
    assert list(validator.iter_errors(_plain(toml(pact(**changes))))) != []
