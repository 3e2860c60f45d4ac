"""Write the tables of the exchange into its specification; those in the code are the source."""

from pathlib import Path

from relto.exchange import CLOSED, TABLES, Role, Way

PAGE = Path(__file__).resolve().parent.parent / "docs" / "spec" / "exchange.md"
BEGIN = "<!-- tables: written by tools/exchange_tables.py -->"
END = "<!-- end of tables -->"
CLAUSES = {
    Role.REQUESTER: "EX-9",
    Role.HOLDER: "EX-10",
    Role.INTERMEDIARY: "EX-11",
    Role.ORIGINATOR: "EX-12",
}
WORDS = {
    Way.FROM_REQUESTER: "from the requester's side",
    Way.TO_REQUESTER: "to the requester's side",
    Way.FROM_HOLDER: "from the holder's side",
    Way.TO_HOLDER: "to the holder's side",
    Way.FROM_ORIGINATOR: "from the originator",
    Way.TO_ORIGINATOR: "to the originator",
    Way.OWN: "own log",
}


def render() -> str:
    """Give the section as the code says it."""
    lines: list[str] = []
    for role, table in TABLES.items():
        lines += [f"**{CLAUSES[role]}** As {role}:", "", "| state | entry | way | then |"]
        lines.append("|---|---|---|---|")
        for state, moves in table.items():
            name = f"{state} (closed)" if state in CLOSED else f"{state}"
            if not moves:
                lines.append(f"| {name} | nothing moves it | | |")
            for (kind, way), after in moves.items():
                lines.append(f"| {name} | `{kind}` | {WORDS[way]} | {after} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Rewrite the section of the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{render()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
