"""A pinned partner that sends all it can, whatever it is told; runs as a process of its own.

    python flooding.py DIRECTORY HOST:PORT ENTRIES

New entries for JPN are made as fast as they are taken, and each frame leaves on every connection at
once. It never does as it is told with `Retry-After`. Ends with its standard input.
"""

import asyncio
import json
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

from relto.adapters.https_link import PartnerCaller, Pins, RefusedError, endpoint_of
from relto.console import OpenNode, identity_of, open_home, partner_card
from relto.errors import WorldError
from relto.model.case import Assurance
from relto.node import Ask, By
from relto.units import LevelId, OfficerRole, PartyCode, PurposeId, TopicId

JPN = PartyCode("JPN")
BY = By(officer="test", role=OfficerRole("analyst"))
# More than a partner may have, so that some are refused for that.
CALLERS, CALLS_EACH = 4, 3


def ask_many(node: OpenNode, count: int) -> list[str]:
    """Put requests into a node's log to JPN, of which its partner knows nothing yet."""
    cases = [node.driver.new_case() for _ in range(count)]
    level = LevelId({"USA": "confidential"}.get(node.config.party, "iii-kup"))
    node.driver.command_many(
        [
            Ask(
                case=case,
                holder=JPN,
                topics=(TopicId("dprk.missile.launch"),),
                purpose=PurposeId("defence.analysis"),
                assurance=Assurance(
                    cleared_to=level, needs_access=True, will_protect=True, by="analyst"
                ),
                by=BY,
            )
            for case in cases
        ]
    )
    return [str(case) for case in cases]


async def flood(node: OpenNode, address: str, entries: int) -> Counter[int]:
    """Send until the standard input ends; gives how many answers of each status there were."""
    pins, answers = Pins(), Counter[int]()
    card = partner_card(node.driver.node.state.peers[JPN].card)
    pins.replace(JPN, (card.certificate,))
    identity, places = identity_of(node.keys), [endpoint_of(f"https://{address}")]
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    frame = b""

    def more() -> None:
        nonlocal frame
        ask_many(node, entries)
        frame = node.driver.next_batch(JPN) or b""

    async def keep(caller: PartnerCaller) -> None:
        while not over.done():
            sent = frame
            try:
                answer = await caller.exchange(sent)
            except RefusedError as error:
                answers[error.status] += 1
                continue
            except WorldError:
                answers[0] += 1
                continue
            answers[200] += 1
            if sent is frame:
                node.driver.receive_reply(JPN, answer)
                more()

    more()
    async with AsyncExitStack() as stack:
        callers = [
            await stack.enter_async_context(
                PartnerCaller(JPN, places, identity=identity, pins=pins)
            )
            for _ in range(CALLERS)
        ]
        sys.stdout.write("begun\n")
        sys.stdout.flush()
        await asyncio.gather(*(keep(one) for one in callers for _ in range(CALLS_EACH)))
    return answers


def main(directory: str, address: str, entries: str) -> None:
    """Flood, then say how it went."""
    with open_home(Path(directory)) as node:
        answers = asyncio.run(flood(node, address, int(entries)))
        node.driver.close()
    sys.stdout.write(json.dumps({"answers": answers}))


if __name__ == "__main__":
    main(*sys.argv[1:])
