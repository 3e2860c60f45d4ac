"""The driver: a node, a store and a world, wired into one synchronous thing that shells call.

    driver = Driver.create(world, party="JPN", is_exercise=True)   make or open
    driver.tick()                                                  go on where a crash may have
    stopped driver.adopt_law(files, digest=…, by=…)                        what is law
    driver.pin(card, fingerprint=…, by=…)                          who is a partner
    driver.hold(Hold(…), content)                                  what there is
    driver.command(Ask(…))                                         officers' steps; a LocalError
    changes nothing

    while (frame := driver.next_batch("KOR")) is not None:         push; see `next_batch` for a
    second frame in flight
        driver.receive_reply("KOR", link.exchange(frame))
    driver.handle_exchange("KOR", frame)                           when the partner calls
    driver.wanted("KOR"), driver.write_package(…)                  packages too large to travel
    with their entry
    driver.put_off_large(), driver.next_job(), driver.finish(job)  work on them in another thread

One transaction per call; `handle_many` and `command_many` share one commit. Nothing is returned
before it is durable. Called from one thread. The same driver runs in the real world and in the
simulator; a crash at any of `FAULT_POINTS`, and a new `Driver` on the same store, loses and
doubles nothing.

Spec: docs/spec/exchange.md EX-34 to EX-40.
"""

from relto.driver.driver import Driver, Listed, Result, Story
from relto.driver.faults import FAULT_POINTS, Hook, no_fault
from relto.driver.hints import Told
from relto.driver.identity import (
    Identity,
    KeysChangedError,
    NotInitialisedError,
    OtherKeysError,
    OtherNodeError,
)
from relto.driver.laws import LawBook
from relto.driver.links import (
    NO_GROWTH,
    Growth,
    LinkCounts,
    NotStoppedError,
    RefusedFrameError,
    StoppedError,
    UnpinnedPartnerError,
)
from relto.driver.loop import Moved, Notice
from relto.driver.parcels import BadPackageBytesError, NoSuchPackageError
from relto.driver.passed import NothingToPassOverError
from relto.driver.recovery import NotReconciledError, mark_restored
from relto.driver.workshop import Job

__all__ = [
    "FAULT_POINTS",
    "NO_GROWTH",
    "BadPackageBytesError",
    "Driver",
    "Growth",
    "Hook",
    "Identity",
    "Job",
    "KeysChangedError",
    "LawBook",
    "LinkCounts",
    "Listed",
    "Moved",
    "NoSuchPackageError",
    "NotInitialisedError",
    "NotReconciledError",
    "NotStoppedError",
    "NothingToPassOverError",
    "Notice",
    "OtherKeysError",
    "OtherNodeError",
    "RefusedFrameError",
    "Result",
    "StoppedError",
    "Story",
    "Told",
    "UnpinnedPartnerError",
    "mark_restored",
    "no_fault",
]
