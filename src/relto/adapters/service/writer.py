"""One writer, many callers: what waits together is committed together.

A node's journal has one writer. Callers hand in jobs; when the writer's turn comes, the first frame
of each partner that waits is answered, all in one transaction, and so are all commands, so that
eight releases in flight cost one write to the disk and not eight. A job that fails fails its own
caller.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias, TypeVar

from relto.driver import Result
from relto.errors import LocalError, WorldError
from relto.node import Command
from relto.units import PartyCode

T = TypeVar("T")

# A group is bounded, so that the first in it does not wait for a flood behind it.
_GROUP_MAX: Final = 64


class StoppingError(WorldError):
    """The node is stopping and takes no more jobs."""

    code = "world.stopping"


class Grouping(Protocol):
    """What the writer needs of the driver: groups of frames, groups of commands."""

    def handle_many(self, frames: Sequence[tuple[PartyCode, bytes]]) -> tuple[bytes, ...]:
        """Answer frames in one transaction."""
        ...

    def command_many(self, given: Sequence[Command]) -> tuple[Result | LocalError, ...]:
        """Carry out commands in one transaction."""
        ...


class _Frame:
    __slots__ = ("done", "frame", "partner")

    def __init__(self, partner: PartyCode, frame: bytes, done: asyncio.Future[bytes]) -> None:
        self.partner, self.frame, self.done = partner, frame, done


class _Order:
    __slots__ = ("command", "done")

    def __init__(self, command: Command, done: asyncio.Future[Result]) -> None:
        self.command, self.done = command, done


class _Call:
    __slots__ = ("done", "run")

    def __init__(self, run: Callable[[], object], done: asyncio.Future[object]) -> None:
        self.run, self.done = run, done


_Job: TypeAlias = _Frame | _Order | _Call


class Writer:
    """Runs jobs in the order in which they came, grouped where they are alike, in turn.

    Args:
        driver: Runs groups.
        after: Called soon after each group, once whoever waited for it has gone on; what it has
            appended may have to be sent.
        on_failure: Told each error, also those that a caller is told as well.
    """

    def __init__(
        self,
        driver: Grouping,
        *,
        after: Callable[[], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        """Keep the parts."""
        self._on_failure = on_failure
        self._driver = driver
        self._after = after
        self._jobs: deque[_Job] = deque()
        self._is_scheduled = False
        self._is_after_scheduled = False
        self._is_stopped = False

    async def exchange(self, partner: PartyCode, frame: bytes) -> bytes:
        """Answer a partner's frame, together with the others that wait.

        Raises:
            StoppingError: The node is stopping.
            ReltoError: The frame was not taken.
        """
        done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._enter(_Frame(partner, frame, done))
        return await done

    async def command(self, command: Command) -> Result:
        """Carry out a command, together with the others that wait.

        Raises:
            StoppingError: The node is stopping.
            ReltoError: The command breaks a rule, or the world failed.
        """
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._enter(_Order(command, done))
        return await done

    async def call(self, run: Callable[[], T], *, is_reading: bool = False) -> T:
        """Run anything else on the driver, alone; at once when nobody waits before it.

        Args:
            run: What to run.
            is_reading: It appends nothing, so there is nothing to look for after it.

        Raises:
            StoppingError: The node is stopping.
            ReltoError: Whatever it raised.
        """
        if not self._jobs and not self._is_stopped:
            try:
                return run()
            except Exception as error:
                self._on_failure(error)
                raise
            finally:
                if not is_reading:
                    self._after_soon()
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._enter(_Call(run, done))
        result: T = await done  # type: ignore[assignment]  # the future is this call's own
        return result

    def stop(self) -> None:
        """Take no more jobs; what waits is finished."""
        self._is_stopped = True

    def _enter(self, job: _Job) -> None:
        if self._is_stopped:
            raise StoppingError("the node is stopping")
        self._jobs.append(job)
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Run one group; the loop breathes between groups."""
        self._is_scheduled = False
        while self._jobs and self._jobs[0].done.cancelled():
            self._jobs.popleft()
        if not self._jobs:
            return
        first = self._jobs.popleft()
        try:
            match first:
                case _Frame():
                    self._run_frames(first)
                case _Order():
                    self._run_orders(first)
                case _Call():
                    first.done.set_result(first.run())
        except Exception as error:  # noqa: BLE001 -- a bug fails its own caller; the driver folds anew
            self._fail(first.done, error)
        finally:
            self._after_soon()
            if self._jobs and not self._is_scheduled:
                self._is_scheduled = True
                asyncio.get_running_loop().call_soon(self._turn)

    def _after_soon(self) -> None:
        """Let an answer or a frame leave first, and look once for what several have appended."""
        if not self._is_after_scheduled:
            self._is_after_scheduled = True
            asyncio.get_running_loop().call_soon(self._look_after)

    def _look_after(self) -> None:
        self._is_after_scheduled = False
        self._after()

    def _run_frames(self, first: _Frame) -> None:
        group = self._one_of_each(first)
        try:
            answers = self._driver.handle_many([(one.partner, one.frame) for one in group])
        except Exception as error:  # noqa: BLE001 -- as above
            if len(group) == 1:
                self._fail(first.done, error)
                return
            # One of them broke the group; alone, each answers for itself (FL-42).
            for one in group:
                self._run_alone(one)
            return
        for one, answer in zip(group, answers, strict=True):
            if not one.done.done():
                one.done.set_result(answer)

    def _one_of_each(self, first: _Frame) -> list[_Frame]:
        """Take the first frame of each partner that waits; what remains stays in its order.

        One partner's second frame is answered after its first is durable. Officers and pumps come
        before it, so nobody waits for more than one frame of a partner that sends many (FL-12).
        """
        group = [first]
        if self._jobs:
            partners, frames, others = {first.partner}, list[_Job](), list[_Job]()
            for job in self._jobs:
                if not isinstance(job, _Frame):
                    others.append(job)
                elif job.partner in partners or len(group) == _GROUP_MAX:
                    frames.append(job)
                else:
                    partners.add(job.partner)
                    group.append(job)
            self._jobs = deque((*others, *frames))
        return group

    def _run_alone(self, job: _Frame) -> None:
        try:
            answers = self._driver.handle_many([(job.partner, job.frame)])
        except Exception as error:  # noqa: BLE001 -- as above
            self._fail(job.done, error)
            return
        if not job.done.done():
            job.done.set_result(answers[0])

    def _run_orders(self, first: _Order) -> None:
        group = [first]
        while self._jobs and len(group) < _GROUP_MAX:
            following = self._jobs[0]
            if not isinstance(following, _Order):
                break
            group.append(following)
            self._jobs.popleft()
        try:
            results = self._driver.command_many([one.command for one in group])
        except Exception as error:  # noqa: BLE001 -- as above
            for one in group:
                self._fail(one.done, error)
            return
        for one, result in zip(group, results, strict=True):
            if isinstance(result, LocalError):
                self._fail(one.done, result)
            elif not one.done.done():
                one.done.set_result(result)

    def _fail(
        self,
        done: asyncio.Future[bytes] | asyncio.Future[Result] | asyncio.Future[object],
        error: Exception,
    ) -> None:
        self._on_failure(error)
        if not done.done():
            done.set_exception(error)
