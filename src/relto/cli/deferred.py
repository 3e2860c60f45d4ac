"""Groups of commands that are imported when they are called, and not before.

A help page, or a question to the law, should not wait for what only a running node needs: sockets,
databases, tables. So a group knows of each command only where it stands and what it is for, in one
sentence; a test compares the sentences with the commands' own.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import ClassVar, TypeAlias

import typer
from msgspec import Struct
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

Member: TypeAlias = TyperCommand | TyperGroup


class Place(Struct, frozen=True):
    """Where a command stands.

    Args:
        module: Its module; `register` there puts it into a program.
        purpose: What it is for, as its own help begins.
    """

    module: str
    purpose: str


class DeferredGroup(TyperGroup):
    """A group whose commands stand in `places`, in the order in which they are shown.

    Commands that were put into it in the ordinary way come first.
    """

    places: ClassVar[Mapping[str, Place]] = {}

    def __init__(self, **settings: object) -> None:
        """Take what the library hands over, and stand-ins for the commands that are elsewhere."""
        super().__init__(**settings)  # type: ignore[arg-type] # handed over as it came
        for name, place in self.places.items():
            self.commands[name] = TyperCommand(name, help=place.purpose)

    def member(self, name: str) -> Member:
        """Give a command of the group, importing it if need be.

        Args:
            name: One that the group has.
        """
        place = self.places.get(name)
        if place is None:
            found = self.commands[name]
        else:
            register: Callable[[typer.Typer], None] = import_module(place.module).register
            app = typer.Typer(rich_markup_mode=None)
            register(app)
            found = get_group(app).commands[name]
        assert isinstance(found, Member)
        return found

    def resolve_command(  # type: ignore[override] # the library keeps its context's class private
        self, ctx: typer.Context, args: list[str]
    ) -> tuple[str | None, Member | None, list[str]]:
        """Find the command that the words call, and take it from where it stands."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, None if found is None or name is None else self.member(name), rest
