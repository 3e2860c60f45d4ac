"""The picture of a comparison: who passes what to whom, before and after, for people in a hurry.

Above, the parties and the ways between them; below, each topic and level of each direction as two
bars, with what the other way costs; at the foot, who loses more, what breaks, and what each act
would restore. Colour never speaks alone: a way through others is dashed and hatched, what stops is
dotted and crossed, and every number is written.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import cos, pi, sin
from pathlib import Path
from textwrap import wrap
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, Patch
from matplotlib.ticker import MaxNLocator
from msgspec import Struct, structs

from relto.errors import WorldError
from relto.impact import Delay, Flow, Impact, WayKind
from relto.units import PartyCode, TopicId

# Three colours that differ in lightness too, so that they survive a grey printer and most eyes.
_COLOURS: Final[Mapping[WayKind, str]] = {
    WayKind.DIRECT: "#1b6e53",
    WayKind.VIA: "#e2a22e",
    WayKind.NONE: "#ffffff",
}
_HATCHES: Final[Mapping[WayKind, str]] = {
    WayKind.DIRECT: "",
    WayKind.VIA: "////",
    WayKind.NONE: "xxx",
}
_WORDS: Final[Mapping[WayKind, str]] = {
    WayKind.DIRECT: "direct",
    WayKind.VIA: "through a third party",
    WayKind.NONE: "no lawful way",
}
_INK: Final = "#1c2733"
_STOP: Final = "#a3242b"
_DIRECTIONS_MAX: Final = 6
_TOPICS_MAX: Final = 12
_NODE: Final = 0.27
# Inches.
_WIDTH: Final = 13.0
_HEAD: Final = 1.35
_MAP: Final = 3.4
_GAP: Final = 1.0  # below each row of bars: its scale and the next title
_LABELS: Final = 2.45
_LINE: Final = 0.2
_FOOT_LINES_MAX: Final = 10
_FOOT_WIDTH: Final = 66  # characters

Direction = tuple[PartyCode, PartyCode]


class PictureError(WorldError):
    """A picture that the disk would not take."""

    code = "world.picture"


def draw(
    impact: Impact,
    path: Path,
    *,
    kind: str,
    titles: Mapping[TopicId, str],
    names: Mapping[PartyCode, str],
) -> None:
    """Draw a comparison into a file.

    Args:
        impact: The comparison.
        path: The file; replaced if it is there.
        kind: `svg` or `png`.
        titles: Topics in words.
        names: Parties in words.

    Raises:
        PictureError: The file cannot be written.

    Source: docs/spec/impact.md IMP-50, IMP-51.
    """
    # The same comparison gives the same bytes: no date and no random ids in the file.
    with mpl.rc_context({"svg.hashsalt": "relto", "font.size": 10, "hatch.linewidth": 0.7}):
        figure = _figure(impact, titles, names)
        try:
            if kind == "svg":
                figure.savefig(path, format="svg", metadata={"Date": None})
            else:
                figure.savefig(path, format="png", dpi=160, metadata={"Software": None})
        except OSError as error:
            raise PictureError(
                f"cannot write `{path}`: {error.strerror}", hint="see whether the folder is there"
            ) from error


def _figure(
    impact: Impact, titles: Mapping[TopicId, str], names: Mapping[PartyCode, str]
) -> Figure:
    """Everything is placed in inches from the top, so that nothing is stretched."""
    directions, left_out = _directions(impact)
    rows = {one: _topics(impact, one, titles) for one in directions}
    pairs = [directions[place : place + 2] for place in range(0, len(directions), 2)]
    heights = [0.5 * max(len(rows[one]) for one in pair) + 0.1 for pair in pairs]
    notes = _notes(impact, left_out)
    columns = _foot(impact, titles, names)
    foot = 0.3 + 0.22 * len(notes)
    panel = 0.5 + _LINE * max(len(lines) for _, lines in columns)
    height = _HEAD + _MAP + sum(heights) + _GAP * len(pairs) + panel + foot
    figure = Figure(figsize=(_WIDTH, height), facecolor="white")
    FigureCanvasAgg(figure)
    _title(figure, impact, height)

    def axes(left: float, top: float, width: float, tall: float) -> Axes:
        box = (left / _WIDTH, (height - top - tall) / height, width / _WIDTH, tall / height)
        return figure.add_axes(box)

    parties = _parties(impact, directions)
    half = _WIDTH / 2
    for place, (word, is_after) in enumerate((("Before", False), ("After", True))):
        drawn = axes(place * half + 0.3, _HEAD, half - 0.6, _MAP - 0.3)
        _map(drawn, impact, parties, directions, names, word=word, is_after=is_after)
    top = _HEAD + _MAP
    for pair, tall in zip(pairs, heights, strict=True):
        for place, one in enumerate(pair):
            own = 0.5 * len(rows[one]) + 0.1
            drawn = axes(place * half + _LABELS, top + 0.35, half - _LABELS - 0.35, own)
            _bars(drawn, one, rows[one], names)
        top += tall + _GAP
    for place, (title, lines) in enumerate(columns):
        left = (0.3 + place * (_WIDTH - 0.6) / len(columns)) / _WIDTH
        at = 1 - top / height
        figure.text(left, at, title, fontsize=11.5, color=_INK, va="top")
        text = "\n".join(lines)
        at = 1 - (top + 0.28) / height
        figure.text(left, at, text, fontsize=8.5, color=_INK, va="top", linespacing=1.5)
    for line, note in enumerate(notes):
        at = (foot - 0.15 - 0.22 * line) / height
        figure.text(0.3 / _WIDTH, at, note, fontsize=9, color=_INK, va="top")
    return figure


def _title(figure: Figure, impact: Impact, height: float) -> None:
    changed = ", ".join(one.short for one in impact.changes) or "nothing"
    figure.text(
        0.3 / _WIDTH,
        1 - 0.42 / height,
        f"What changes with {changed}",
        fontsize=18,
        fontweight="bold",
        color=_INK,
    )
    under = f"{impact.before.title}  →  {impact.after.title}"
    if impact.known:
        under += f"   ({impact.known})"
    figure.text(0.3 / _WIDTH, 1 - 0.72 / height, under, fontsize=10.5, color=_INK)
    stop, slow = _count(impact, WayKind.NONE), _count(impact, WayKind.VIA)
    figure.text(
        0.3 / _WIDTH,
        1 - 1.02 / height,
        f"Of the items held: {slow} lose the direct way and go through a third party; "
        f"{stop} have no lawful way any more.",
        fontsize=11.5,
        color=_INK,
    )
    figure.legend(
        handles=[
            Patch(
                facecolor=_COLOURS[one],
                edgecolor=_STOP if one is WayKind.NONE else _INK,
                hatch=_HATCHES[one],
                label=_WORDS[one],
            )
            for one in WayKind
        ],
        loc="upper right",
        bbox_to_anchor=(0.985, 1 - 0.12 / height),
        ncols=3,
        frameon=False,
        fontsize=10,
    )


def _count(impact: Impact, after: WayKind) -> int:
    return sum(
        flow.items
        for flow in impact.flows
        if flow.after.kind is after
        and flow.before.kind is not after
        and flow.before.kind is not WayKind.NONE
    )


def _directions(impact: Impact) -> tuple[list[Direction], int]:
    """The directions with most change, and how many are left out."""
    changed: dict[Direction, int] = {}
    for flow in impact.flows:
        if flow.is_changed:
            key = (flow.source, flow.target)
            changed[key] = changed.get(key, 0) + flow.items
    ordered = sorted(changed, key=lambda one: (-changed[one], one))
    return ordered[:_DIRECTIONS_MAX], max(0, len(ordered) - _DIRECTIONS_MAX)


class Row(Struct, frozen=True, kw_only=True):
    """A topic and level of one direction.

    Args:
        word: Its title.
        before: Items by the kind of their way before.
        after: The same after.
        told_before: What stands beside the upper bar.
        told_after: What stands beside the lower one: delay, approvals and hops.
    """

    word: str
    before: Mapping[WayKind, int]
    after: Mapping[WayKind, int]
    told_before: str = "before"
    told_after: str = "after"


def _topics(impact: Impact, direction: Direction, titles: Mapping[TopicId, str]) -> list[Row]:
    """For each topic and level that changes its items, most first; the last row has the rest."""
    found: dict[str, list[Flow]] = {}
    for flow in impact.flows:
        if (flow.source, flow.target) == direction:
            word = " + ".join(titles.get(one, one) for one in flow.topics)
            found.setdefault(f"{word}, {flow.level}", []).append(flow)
    changed = [word for word, flows in found.items() if any(one.is_changed for one in flows)]
    changed.sort(key=lambda word: (-sum(one.items for one in found[word]), word))
    kept = changed[: _TOPICS_MAX - 1]
    rows = [_row(word, found[word]) for word in kept]
    rest = [word for word in found if word not in kept]
    if rest:
        what = "others, unchanged" if kept == changed else "others"
        rows.append(_sums(f"{len(rest)} {what}", [one for word in rest for one in found[word]]))
    return rows


def _sums(word: str, flows: Sequence[Flow]) -> Row:
    sides: tuple[dict[WayKind, int], dict[WayKind, int]] = ({}, {})
    for flow in flows:
        for side, kind in zip(sides, (flow.before.kind, flow.after.kind), strict=True):
            side[kind] = side.get(kind, 0) + flow.items
    return Row(word=word, before=sides[0], after=sides[1])


def _row(word: str, flows: Sequence[Flow]) -> Row:
    """With what the other way costs the most items; delays only as measured."""
    row = _sums(word, flows)
    changed = [one for one in flows if one.is_changed and one.hops_added is not None]
    if not changed:
        return row
    flow = max(changed, key=lambda one: one.items)
    costs = [
        f"{count:+d} {what}{'' if abs(count) == 1 else 's'}"
        for count, what in ((flow.approvals_added or 0, "approval"), (flow.hops_added or 0, "hop"))
        if count
    ]
    told = "before"
    if flow.delay_before is not None or flow.delay_after is not None:
        told = f"before: {_delay(flow.delay_before)}"
        costs = [_delay(flow.delay_after), *costs]
    return structs.replace(row, told_before=told, told_after=f"after: {', '.join(costs)}")


def _delay(delay: Delay | None) -> str:
    return "not measured" if delay is None else delay.in_words()


def _foot(
    impact: Impact, titles: Mapping[TopicId, str], names: Mapping[PartyCode, str]
) -> list[tuple[str, list[str]]]:
    """Who loses more, what is open and breaks, and what each act would restore."""
    losses = [
        f"{names.get(one.party, one.party)}: the direct way to {one.direct_lost:,} of "
        f"{one.before.direct:,} items ({one.direct_lost_percent} %), any way to {one.lost:,}"
        for one in impact.balances
    ]
    lines = [
        *(
            (one.effect, f"{one.request.target} asks {one.request.source}", one.request.topics)
            for one in impact.requests
        ),
        *(
            (one.effect, f"feed {one.feed.source} to {one.feed.target}", one.feed.topics)
            for one in impact.feeds
        ),
    ]
    worst = ("breaks", "slower")
    lines.sort(key=lambda one: worst.index(one[0]) if one[0] in worst else len(worst))
    opened = [
        f"{effect}: {who}, {', '.join(titles.get(topic, topic) for topic in topics)}"
        for effect, who, topics in lines
    ]
    acts = [
        f"{one.title}: {one.restored_direct:,} direct again, {one.restored_any:,} any way again, "
        f"{one.restored_requests + one.restored_feeds:,} requests and feeds"
        for one in impact.alternatives
    ]
    return [
        ("Who loses more", _listed(losses, "nobody loses a direct way")),
        ("Open requests and standing feeds", _listed(opened, "none in the table")),
        ("What each act would restore", _listed(acts, "no act was tried")),
    ]


def _listed(entries: Sequence[str], nothing: str) -> list[str]:
    """Each entry on as many lines as it takes; what does not fit is counted."""
    lines: list[str] = []
    for place, entry in enumerate(entries):
        folded = wrap(entry, _FOOT_WIDTH, subsequent_indent="    ")
        if len(lines) + len(folded) > _FOOT_LINES_MAX:
            return [*lines, f"{len(entries) - place} more; the table has them"]
        lines += folded
    return lines or [nothing]


def _parties(impact: Impact, directions: Sequence[Direction]) -> list[PartyCode]:
    """Those of the directions drawn below, and those between them, hubs last."""
    ends = list(dict.fromkeys(party for one in directions for party in one))
    hubs = [
        party
        for flow in impact.flows
        if (flow.source, flow.target) in directions
        for party in (*flow.before.between, *flow.after.between)
        if party not in ends
    ]
    return [*ends, *dict.fromkeys(hubs)]


def _places(parties: Sequence[PartyCode]) -> dict[PartyCode, tuple[float, float]]:
    """On a circle, the last on top: a hub stands above the two that it serves."""
    count = len(parties)
    turn = pi / 2 + 2 * pi / max(1, count)
    return {
        party: (1.5 * cos(turn + 2 * pi * place / count), sin(turn + 2 * pi * place / count))
        for place, party in enumerate(parties)
    }


def _map(
    axes: Axes,
    impact: Impact,
    parties: Sequence[PartyCode],
    directions: Sequence[Direction],
    names: Mapping[PartyCode, str],
    *,
    word: str,
    is_after: bool,
) -> None:
    """The parties, and an arrow for every hop that items take."""
    places = _places(parties)
    arrows: dict[tuple[Direction, WayKind], int] = {}
    for flow in impact.flows:
        if (flow.source, flow.target) not in directions:
            continue
        way = flow.after if is_after else flow.before
        hops = pairwise(way.parties or (flow.source, flow.target))
        for hop in hops:
            arrows[hop, way.kind] = arrows.get((hop, way.kind), 0) + flow.items
    for (hop, kind), count in sorted(arrows.items()):
        # Several arrows between the same two lie beside each other, each on its own arc.
        beside = [one for (other, one) in sorted(arrows) if other == hop].index(kind)
        label = f"{count:,} stopped" if kind is WayKind.NONE else f"{count:,}"
        _arrow(axes, places[hop[0]], places[hop[1]], kind, label, place=beside)
    for party, (x, y) in places.items():
        axes.add_patch(Circle((x, y), _NODE, facecolor="#eef2f6", edgecolor=_INK, zorder=5))
        axes.text(x, y, party, ha="center", va="center", fontweight="bold", color=_INK, zorder=6)
        below = y - _NODE - 0.13 if y <= 0 else y + _NODE + 0.13
        axes.text(
            x, below, names.get(party, party), ha="center", va="center", fontsize=9, color=_INK
        )
    axes.set_title(f"{word}: items by the way they can take", loc="left", fontsize=12, color=_INK)
    axes.set_aspect("equal")
    axes.set_xlim(-2.4, 2.4)
    axes.set_ylim(-1.15, 1.5)
    axes.set_axis_off()


def _arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    kind: WayKind,
    label: str,
    *,
    place: int,
) -> None:
    bend, along = 0.13 + 0.27 * place, (0.5, 0.27, 0.7)[place]
    style = {WayKind.DIRECT: "-", WayKind.VIA: (0, (5, 2)), WayKind.NONE: (0, (1, 2))}[kind]
    colour = _STOP if kind is WayKind.NONE else _COLOURS[kind]
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            connectionstyle=f"arc3,rad={bend}",
            arrowstyle="-|>",
            mutation_scale=16,
            linewidth=2.4,
            linestyle=style,
            color=colour,
            shrinkA=24,
            shrinkB=24,
            zorder=2,
        )
    )
    # A point of the arc: a curve of the second degree whose middle the bend pulls to one side.
    (x0, y0), (x1, y1) = start, end
    pull = ((x0 + x1) / 2 + bend * (y1 - y0), (y0 + y1) / 2 - bend * (x1 - x0))
    weights = ((1 - along) ** 2, 2 * along * (1 - along), along**2)
    axes.text(
        sum(weight * x for weight, x in zip(weights, (x0, pull[0], x1), strict=True)),
        sum(weight * y for weight, y in zip(weights, (y0, pull[1], y1), strict=True)),
        label,
        ha="center",
        va="center",
        fontsize=9.5,
        color=_INK,
        bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": colour},
        zorder=7,
    )


def _bars(
    axes: Axes, direction: Direction, rows: Sequence[Row], names: Mapping[PartyCode, str]
) -> None:
    """Two bars for each topic, before above after, with the number in each part."""
    most = max((sum(one.before.values()) for one in rows), default=1)
    for place, row in enumerate(rows):
        sides = ((row.before, 0.2, row.told_before), (row.after, -0.2, row.told_after))
        for counts, offset, word in sides:
            y = len(rows) - 1 - place + offset
            start = 0
            for kind in WayKind:
                count = counts.get(kind, 0)
                if not count:
                    continue
                axes.barh(
                    y,
                    count,
                    left=start,
                    height=0.34,
                    color=_COLOURS[kind],
                    edgecolor=_STOP if kind is WayKind.NONE else _INK,
                    hatch=_HATCHES[kind],
                    linewidth=0.8,
                )
                _number(axes, start + count / 2, y, count)
                start += count
            axes.text(start + most * 0.015, y, word, va="center", fontsize=7.5, color=_INK)
    source, target = direction
    axes.set_title(
        f"{names.get(source, source)} holds, {names.get(target, target)} would receive",
        loc="left",
        fontsize=11.5,
        color=_INK,
    )
    axes.set_yticks(range(len(rows)), [_folded(row.word) for row in reversed(rows)], fontsize=9)
    axes.set_xlim(0, most * (2.2 if any(one.told_after != "after" for one in rows) else 1.25))
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("items", fontsize=9)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _number(axes: Axes, x: float, y: float, count: int) -> None:
    axes.text(
        x,
        y,
        f"{count:,}",
        ha="center",
        va="center",
        fontsize=8.5,
        color=_INK,
        bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"},
    )


def _folded(text: str, width: int = 30) -> str:
    """A long title on two lines or three."""
    return "\n".join(wrap(text, width, break_on_hyphens=False)[:3])


def _notes(impact: Impact, left_out: int) -> list[str]:
    """What to beware of, below the picture."""
    notes = []
    measured = [
        one
        for flow in impact.flows
        for one in (flow.delay_before, flow.delay_after)
        if one is not None
    ]
    notes.append(
        "Delays: the middle of those measured, from asking to receiving."
        if measured
        else "Delays: not measured. No figure is given for how much slower a way is."
    )
    if impact.exercise:
        notes.append(f"EXERCISE: made-up values in the tables ({', '.join(impact.exercise)}).")
    if impact.items_at_fault:
        notes.append(f"{impact.items_at_fault} rows of holdings could not be used.")
    if impact.assumed:
        count = len(impact.assumed)
        notes.append(f"{count} rules behind it are assumed, not read; the table names them.")
    if left_out:
        notes.append(f"{left_out} more directions change; the table has them.")
    return notes
