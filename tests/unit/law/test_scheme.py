"""Schemes, trees, parties: words are found by id, or not at all."""

from relto.adapters.lawfiles import packaged_library
from relto.law import CategoryEffect
from relto.units import CategoryId, LevelId, SchemeId
from tests.unit.law.building import library

LIBRARY = packaged_library()


def test_levels_are_ordered_from_the_lowest() -> None:
    """LAW-5."""
    scheme = library().schemes[SchemeId("aaa")]
    assert [scheme.rank(LevelId(name)) for name in ("low", "mid", "high")] == [0, 1, 2]
    assert scheme.level(LevelId("mid")).id == "mid"


def test_an_unknown_level_or_caveat_is_none() -> None:
    """LAW-5: whoever asks denies."""
    scheme = library().schemes[SchemeId("aaa")]
    assert scheme.rank(LevelId("top")) is None
    assert scheme.level(LevelId("top")) is None
    assert scheme.category(CategoryId("other")) is None
    assert scheme.category(CategoryId("own")).effect is CategoryEffect.NO_RELEASE


def test_a_topic_knows_its_subtree() -> None:
    """LAW-6."""
    tree = library().topics
    assert tree.below("one") == ("one", "one.two")
    assert "one.two" in tree
    assert "three" not in tree


def test_a_purpose_exists_or_not() -> None:
    """LAW-6."""
    tree = library().purposes
    assert "defence" in tree
    assert "fun" not in tree


def test_a_tree_is_gone_through_in_the_order_of_ids() -> None:
    """LAW-6."""
    for tree, words in (
        (LIBRARY.topics, LIBRARY.topics.topics),
        (LIBRARY.purposes, LIBRARY.purposes.purposes),
    ):
        assert len(words) > 1
        assert list(tree) == sorted(words)


def test_native_names_and_markings_are_in_their_own_script() -> None:
    """LAW-5: the phrases of Article 4 of the agreement of 2016."""
    marks = {
        level.id: level.marking
        for scheme in ("jpn", "kor")
        for level in LIBRARY.schemes[SchemeId(scheme)].levels
    }
    assert marks["tokutei-himitsu"] == "特定秘密"
    assert marks["gokuhi"] == "極秘"
    assert marks["hi"] == "秘"
    assert marks["ii-kup"] == "군사II급비밀"


def test_instruments_are_also_found_by_their_terms() -> None:
    """LAW-1."""
    assert list(LIBRARY.terms) == list(LIBRARY.instruments)
