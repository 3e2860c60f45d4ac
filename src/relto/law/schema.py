"""JSON Schema of the law files, made from the nouns that decode them, for editors and checkers."""

from collections.abc import Mapping
from typing import Final

import msgspec
from whenever import Date, Instant, Time

from relto.law.files import FILE_TYPES, GROUND_KEYS

_SCALARS: Final[Mapping[type, Mapping[str, str]]] = {
    Instant: {
        "type": "string",
        "format": "date-time",
        "description": "a date and hour with its offset, like 2019-08-23T15:25:00+09:00",
    },
    Date: {"type": "string", "format": "date", "description": "a date, like 2019-08-23"},
    Time: {"type": "string", "format": "time", "description": "an hour, like 00:01:00"},
}
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, object]:
    """Return one schema for all law files; `format` says which of its branches a file follows.

    The three keys of a ground stand inline in every rule, as they are written in the files.

    Source: docs/spec/law.md LAW-2, LAW-3.
    """
    kinds = tuple(FILE_TYPES.values())
    branches, components = msgspec.json.schema_components(kinds, schema_hook=_scalar)
    definitions = {name: _inline(part) for name, part in components.items() if name != "Ground"}
    for name, kind in FILE_TYPES.items():
        _format_of(definitions[kind.__name__])["const"] = name
    return {
        "$schema": _DRAFT,
        "title": "relto law file",
        "$defs": {name: definitions[name] for name in sorted(definitions)},
        "oneOf": [
            {"$ref": str(branch["$ref"]).replace("components", "$defs")} for branch in branches
        ],
    }


def _scalar(kind: type) -> dict[str, object]:
    return dict(_SCALARS[kind])


def _format_of(definition: object) -> dict[str, object]:
    assert isinstance(definition, dict)
    properties = definition["properties"]
    assert isinstance(properties, dict)
    found = properties["format"]
    assert isinstance(found, dict)
    return found


def _inline(part: object) -> object:
    """Put the keys of a ground where the files have them."""
    if isinstance(part, list):
        return [_inline(item) for item in part]
    if not isinstance(part, dict):
        return part
    done = {key: _inline(value) for key, value in part.items()}
    if isinstance(done.get("$ref"), str):
        done["$ref"] = str(done["$ref"]).replace("components", "$defs")
    properties = done.get("properties")
    if isinstance(properties, dict) and "ground" in properties:
        del properties["ground"]
        properties.update(_GROUND)
        required = done["required"]
        assert isinstance(required, list)
        done["required"] = [*(key for key in required if key != "ground"), *GROUND_KEYS]
    return done


_GROUND: Final[Mapping[str, object]] = {
    "article": {"type": "string", "description": "the provision, as the instrument numbers it"},
    "evidence": {
        "enum": ["text", "secondary", "assumed"],
        "description": "read in the text; told by a secondary source; assumed",
    },
    "source": {"type": "string", "description": "where it was read"},
}
