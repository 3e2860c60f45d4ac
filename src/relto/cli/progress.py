"""How far something is, on stderr, once it has taken two seconds; gone when it is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

from relto.cli.output import stderr

# What is done sooner needs no bar.
BAR_AFTER_SECONDS = 2.0


@contextmanager
def progress(what: str, *, unit: str) -> Iterator[Callable[[int], None]]:
    """Show a line of progress while something runs, also where it says nothing for a while.

    Args:
        what: What is being done.
        unit: What is counted.

    Yields:
        To be told how many more are done; from any thread.
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn(f"{what}: {{task.completed:,.0f}} {unit}"),
        TimeElapsedColumn(),
        console=stderr(),
        transient=True,
    )
    task = bar.add_task(what, total=None)
    timer = Timer(BAR_AFTER_SECONDS, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda count: bar.advance(task, count)
    finally:
        timer.cancel()
        timer.join()
        if bar.live.is_started:
            bar.stop()
