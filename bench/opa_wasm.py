"""A policy that OPA compiled to WebAssembly, run in Wasmtime: the part of OPA's interface we need.

The module wants a memory and a few functions of its host; it exports an evaluation of one entry
point in one call. Data is parsed once, into the lower part of its heap; each request is written
above that as JSON, and everything behind it is forgotten with the next one. The policy needs no
built-in function of the host, and one that asked for any is refused.

Source: OPA's description of its WebAssembly interface, version 1.2.
"""

import json
from pathlib import Path

import wasmtime

POLICY = Path(__file__).parent / "opa" / "policy.wasm"
_PAGE_BYTES = 65_536
_AS_JSON = 0


class OpaError(Exception):
    """The policy stopped, or wants something that is not here."""


class OpaPolicy:
    """One compiled policy with its data.

    Args:
        module: The bytes that `opa build -t wasm` made.
        data: What the policy reads as `data`, as JSON.
        entry: The entry point.
    """

    def __init__(self, module: bytes, data: str, *, entry: str) -> None:
        self._store = wasmtime.Store()
        limits = wasmtime.Limits(2, None)
        self._memory = wasmtime.Memory(self._store, wasmtime.MemoryType(limits))
        linker = wasmtime.Linker(self._store.engine)
        linker.define(self._store, "env", "memory", self._memory)
        word = wasmtime.ValType.i32()
        linker.define_func("env", "opa_abort", wasmtime.FuncType([word], []), self._abort)
        linker.define_func("env", "opa_println", wasmtime.FuncType([word], []), lambda _: None)
        for count in range(5):
            kind = wasmtime.FuncType([word] * (count + 2), [word])
            linker.define_func("env", f"opa_builtin{count}", kind, self._builtin)
        compiled = wasmtime.Module(self._store.engine, module)
        self._exports = linker.instantiate(self._store, compiled).exports(self._store)
        if self._json(self._call("builtins")):
            raise OpaError("the policy needs built-in functions of its host")
        self._entry = self._json(self._call("entrypoints"))[entry]
        text = data.encode()
        start = self._call("opa_malloc", len(text))
        self._write(text, start)
        self._data = self._call("opa_json_parse", start, len(text))
        self._heap = self._call("opa_heap_ptr_get")
        self._evaluate = self._exports["opa_eval"]

    def ask(self, text: str) -> object:
        """What the entry point says of an input, given as JSON; `None` when it says nothing."""
        given = text.encode()
        self._write(given, self._heap)
        found = self._evaluate(
            self._store,
            0,
            self._entry,
            self._data,
            self._heap,
            len(given),
            self._heap + len(given),
            _AS_JSON,
        )
        results = json.loads(self._text(found))
        return results[0]["result"] if results else None

    def _call(self, name: str, *words: int) -> int:
        return int(self._exports[name](self._store, *words))

    def _write(self, data: bytes, start: int) -> None:
        lacking = start + len(data) - self._memory.data_len(self._store)
        if lacking > 0:
            self._memory.grow(self._store, -(-lacking // _PAGE_BYTES))
        self._memory.write(self._store, data, start)

    def _text(self, start: int) -> bytes:
        """Bytes up to the first that is 0."""
        found, step = b"", 256
        while True:
            part = bytes(self._memory.read(self._store, start, start + step))
            found += part
            if 0 in part:
                return found[: found.index(0)]
            start += step

    def _json(self, value: int) -> dict[str, int]:
        found: dict[str, int] = json.loads(self._text(self._call("opa_json_dump", value)))
        return found

    def _abort(self, message: int) -> None:
        raise OpaError(self._text(message).decode())

    def _builtin(self, number: int, *_: int) -> int:
        raise OpaError(f"the policy asks for the built-in function {number}")
