"""What a node remembers, against its whole journal folded without ever forgetting anything.

A node forgets closed cases and items and finds them again in its store. Whatever it is asked about,
the answer is the one that it would have had in memory (EX-5).
"""

from collections.abc import Iterator

from relto.custody import CustodyState, Side
from relto.driver import Driver
from relto.driver.facts import fact_of
from relto.model.message import LawRef
from relto.node import Counsel, Node, State, Stock
from relto.sim.store import Disk
from relto.sim.storm.watch import UnsafeError
from relto.units import TopicId


def check_memory(driver: Driver, disk: Disk) -> None:
    """Compare a node with its journal.

    Args:
        driver: The node, between two calls.
        disk: All that it has stored.

    Raises:
        UnsafeError: The two differ.
    """
    state = driver.node.state
    node = Node(State(party=driver.party, is_exercise=driver.is_exercise), counsel_of=_no_law)
    whole = node.state
    for log, number in disk.order:
        node.apply(fact_of(disk.logs[log][number - 1]))
    if whole.digest() != state.digest():
        raise UnsafeError("memory", f"`{driver.party}` differs from its own journal")
    for case in disk.cases:
        if whole.case(case) != state.case(case):
            raise UnsafeError("memory", f"`{driver.party}` sees case `{case}` otherwise")
    for line in whole.register.values():
        if line != state.line(side=line.side, case=line.case, holding=line.holding):
            raise UnsafeError("memory", f"`{driver.party}` sees line `{line.key}` otherwise")
    topics = sorted({topic for one in whole.stock.values() for topic in one.holding.topics})
    roots = sorted({topic.partition(".")[0] for topic in topics})
    for asked in (None, *((TopicId(topic),) for topic in (*topics, *roots)), tuple(topics)):
        if tuple(_releasable(whole, asked)) != tuple(_releasable(state, asked)):
            raise UnsafeError("memory", f"`{driver.party}` finds other items about {asked}")
    for holding, stock in whole.stock.items():
        if state.item(holding) != whole.item(holding):
            raise UnsafeError("memory", f"`{driver.party}` sees item `{holding}` otherwise")
        content = stock.holding.digest
        if state.keeps(content) != whole.keeps(content):
            raise UnsafeError("memory", f"`{driver.party}` names what `{holding}` holds otherwise")


def _no_law(_ref: LawRef) -> Counsel:
    raise AssertionError("folding asks no law")


def _releasable(state: State, topics: tuple[TopicId, ...] | None) -> Iterator[Stock]:
    """Items about topics, without those that were withdrawn; they may be found or not."""
    for stock in state.items(topics):
        line = None
        if stock.case is not None:
            line = state.line(side=Side.RECEIVED, case=stock.case, holding=stock.reference)
        if topics is None or line is None or line.state is CustodyState.HELD:
            yield stock
