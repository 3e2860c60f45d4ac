"""The tables of the exchange stand in its specification as the code has them."""

from tools import exchange_tables


def test_the_tables_of_the_exchange_are_current() -> None:
    text = exchange_tables.PAGE.read_text(encoding="utf-8")
    written = text.split(exchange_tables.BEGIN)[1].split(exchange_tables.END)[0].strip()
    assert written == exchange_tables.render().strip(), "run `make docs`"
