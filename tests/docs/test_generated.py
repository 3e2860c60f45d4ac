"""The generated pages are the ones that their tools would write now."""

from pathlib import Path

import pytest

from tools import adr_index, changelog, commands_reference, errors_reference

# A schema is JSON in any case.
WITHOUT_JSON_FLAG = ["relto law schema"]


def _says(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_the_index_of_decisions_is_current() -> None:
    assert _says(adr_index.PAGE) == adr_index.render(), "run `make docs`"


def test_the_reference_of_errors_is_current() -> None:
    assert _says(errors_reference.PAGE) == errors_reference.render(), "run `make docs`"


def test_the_reference_of_commands_is_current() -> None:
    assert _says(commands_reference.PAGE) == commands_reference.render(), "run `make docs`"


def test_every_command_shows_an_example_and_every_answer_can_be_json() -> None:
    without_example, without_json = [], []
    for words, text in commands_reference.helps():
        if "COMMAND [ARGS]" in text:
            continue
        if "Example" not in text:
            without_example.append(words)
        if "--json" not in text:
            without_json.append(words)
    assert without_example == []
    assert sorted(without_json) == WITHOUT_JSON_FLAG


def test_every_fragment_says_what_kind_of_change_it_is() -> None:
    assert all(path.suffix == ".md" for path in changelog.paths())
    assert changelog.MARKER in _says(changelog.PAGE)


def test_a_release_moves_the_fragments_into_the_change_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, folder = tmp_path / "CHANGELOG.md", tmp_path / "changes"
    folder.mkdir()
    page.write_text(f"# Changes\n\n{changelog.MARKER}\n## 0.1.0, 2026-11-24\n", encoding="utf-8")
    (folder / "b.fixed.md").write_text("Mended\nit.\n", encoding="utf-8")
    (folder / "a.added.md").write_text("New.\n", encoding="utf-8")
    monkeypatch.setattr(changelog, "PAGE", page)
    monkeypatch.setattr(changelog, "FRAGMENTS", folder)
    changelog.release("0.2.0", "2026-12-01")
    assert list(folder.iterdir()) == []
    _, _, said = _says(page).partition(changelog.MARKER)
    assert said == (
        "\n## 0.2.0, 2026-12-01\n\n### Added\n\n- New.\n\n### Fixed\n\n- Mended it.\n"
        "\n## 0.1.0, 2026-11-24\n"
    )


def test_decision_numbers_are_unique_and_match_the_file_names() -> None:
    records = adr_index.records()
    assert records
    assert all(record.path.name.startswith(f"{record.number}-") for record in records)
    numbers = [record.number for record in records]
    assert numbers == sorted(set(numbers))


def test_a_decision_without_its_sections_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "0001-half.md"
    page.write_text(
        "# ADR-0001: Half\n\n- Status: accepted\n- Date: 2026-11-24\n", encoding="utf-8"
    )
    with pytest.raises(ValueError, match=r"0001-half\.md"):
        adr_index.read(page)


def test_a_fragment_without_a_kind_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "something.md").write_text("text\n", encoding="utf-8")
    monkeypatch.setattr(changelog, "FRAGMENTS", tmp_path)
    with pytest.raises(ValueError, match=r"something\.md"):
        changelog.paths()
