"""The officers' port: a socket for the node's own user."""

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from relto.console import (
    BugError,
    LookStatus,
    NotRunningError,
    OfficersPort,
    OrderError,
    RunningNode,
    create_home,
    decode_answer,
    encode_order,
    is_running,
    open_home,
    send_order,
)
from relto.console import port as module

pytestmark = pytest.mark.net


async def echo(order: bytes) -> bytes:
    return order[::-1]


def serve(directory: Path, *orders: bytes) -> list[bytes]:
    async def main() -> list[bytes]:
        port = OfficersPort(directory, echo)
        await port.open()
        try:
            assert stat.S_IMODE((directory / "control.sock").stat().st_mode) == 0o600
            assert is_running(directory)
            return [await asyncio.to_thread(send_order, directory, one) for one in orders]
        finally:
            await port.close()

    return asyncio.run(main())


def test_an_order_is_answered(tmp_path: Path) -> None:
    assert serve(tmp_path, b"abc", b"", b"x" * 1_000_000) == [b"cba", b"", b"x" * 1_000_000]
    assert not (tmp_path / "control.sock").exists()


def test_a_long_directory_name_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    assert serve(deep, b"abc") == [b"cba"]


def test_without_a_list_of_open_files_the_plain_path_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_OPEN_FILES", tmp_path / "nowhere")
    assert serve(tmp_path, b"abc") == [b"cba"]


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        (tmp_path / "here").mkdir()
        stale.bind(str(tmp_path / "here" / "control.sock"))
    assert not is_running(tmp_path / "here")
    assert serve(tmp_path / "here", b"abc") == [b"cba"]


def test_nobody_listening_is_said(tmp_path: Path) -> None:
    assert not is_running(tmp_path)
    assert not is_running(tmp_path / "nowhere")
    with pytest.raises(NotRunningError):
        send_order(tmp_path, b"{}")


def test_a_node_that_listens_and_does_not_answer_is_not_said_to_be_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers wait for their database: the socket is theirs, and nobody is behind it."""
    monkeypatch.setattr(module, "_SECONDS_MAX", 0.05)
    with (
        module.bind_officers(tmp_path),
        pytest.raises(NotRunningError, match="has not answered") as caught,
    ):
        send_order(tmp_path, b"{}")
    assert "its log" in caught.value.hint


def _status(directory: Path, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as raw, module._reachable(directory) as path:
        raw.connect(path)
        raw.sendall(request)
        return raw.recv(100).split(b" ")[1]


def test_an_order_too_large_is_refused_on_both_sides(tmp_path: Path) -> None:
    with pytest.raises(OrderError, match="too large"):
        send_order(tmp_path, b"x" * 8_388_609)

    async def main() -> None:
        port = OfficersPort(tmp_path, echo)
        await port.open()
        for request, status in (
            (b"GET /1/orders HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
            (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", b"404"),
            (b"POST /1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 8388609\r\n\r\n", b"413"),
            (b"POST /1/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"413"),
        ):
            assert await asyncio.to_thread(_status, tmp_path, request) == status
        await port.close()

    asyncio.run(main())


def test_a_bug_in_one_order_is_told_and_the_node_goes_on(tmp_path: Path) -> None:
    create_home(tmp_path / "jpn", party="JPN", listen="")

    class Log:
        def __init__(self) -> None:
            self.lines: list[str] = []

        def info(self, event: str, **_: object) -> None:
            self.lines.append(event)

        warning = exception = info

    async def main() -> None:
        with open_home(tmp_path / "jpn") as node:
            log = Log()
            running = RunningNode(node, log=log)
            ready = asyncio.Event()
            task = asyncio.create_task(running.run(ready=ready.set))
            await ready.wait()
            order = encode_order(LookStatus())
            whole = node.office.answer
            node.office.answer = lambda _: 1 // 0
            broken = await asyncio.to_thread(send_order, tmp_path / "jpn", order)
            with pytest.raises(Exception, match="could not") as told:
                decode_answer(broken)
            assert told.value.code == BugError.code
            assert "order_broke" in log.lines
            node.office.answer = whole
            answer = await asyncio.to_thread(send_order, tmp_path / "jpn", order)
            assert decode_answer(answer).is_running
            running.stop()
            await task

    asyncio.run(main())
