"""The watch proves nothing unless it can fail: each planted bug is caught by some seed."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

import relto.driver.laws
import relto.driver.logs
import relto.driver.loop
import relto.driver.packer
import relto.driver.sweeping
import relto.node.assess
import relto.node.fold
import relto.node.proceed
from relto.exchange.table import HOLDER, CaseState, Way
from relto.model.message import Receipted
from relto.node import Append, Counsel, State
from relto.sim.store import MemoryStore
from relto.sim.storm.lab import Lab
from relto.sim.storm.plan import LAPSE, Kind
from relto.sim.storm.sweep import plan_of, play

SEEDS = 150

Plant = Callable[[pytest.MonkeyPatch], None]


def acknowledge_before_storing(patch: pytest.MonkeyPatch) -> None:
    honest = relto.driver.logs.Logs.store

    def store(self: Any, tx: Any, verified: Any, *, now: Any) -> None:
        blind = SimpleNamespace(append=lambda *_: 0, put_log=lambda _: None)
        honest(self, blind, verified, now=now)

    patch.setattr(relto.driver.logs.Logs, "store", store)


def skip_the_law(patch: pytest.MonkeyPatch) -> None:
    """Decide as if the pact had never ended."""
    honest = Counsel.decide
    before = LAPSE.subtract(hours=1)
    patch.setattr(
        Counsel, "decide", lambda self, case, *, at: honest(self, case, at=min(at, before))
    )


def permit_one_nanosecond_longer(patch: pytest.MonkeyPatch) -> None:
    honest = Counsel.decide
    patch.setattr(
        Counsel,
        "decide",
        lambda self, case, *, at: honest(self, case, at=at.subtract(nanoseconds=1)),
    )


def drop_an_entry(patch: pytest.MonkeyPatch) -> None:
    """Store all of a partner's batch but its first entry, and acknowledge the whole."""
    honest = relto.driver.logs.Logs.store

    def store(self: Any, tx: Any, verified: Any, *, now: Any) -> None:
        honest(self, tx, replace(verified, entries=verified.entries[1:]), now=now)

    patch.setattr(relto.driver.logs.Logs, "store", store)


def forget_the_receipt(patch: pytest.MonkeyPatch) -> None:
    """Open what has come, and say nothing about it."""
    patch.setattr(relto.node.proceed, "on_opened", lambda *args, **kwargs: ())


def deliver_twice(patch: pytest.MonkeyPatch) -> None:
    honest = relto.node.proceed.on_sealed

    def twice(*args: Any, **kwargs: Any) -> Any:
        effects = honest(*args, **kwargs)
        return (*effects, *(one for one in effects if isinstance(one, Append)))

    patch.setattr(relto.node.proceed, "on_sealed", twice)
    released = {
        **HOLDER[CaseState.RELEASED],
        ("release", Way.TO_REQUESTER): CaseState.RELEASED,
        ("consent-given", Way.TO_REQUESTER): CaseState.RELEASED,
    }
    patch.setitem(HOLDER, CaseState.RELEASED, released)


def forge_a_receipt(patch: pytest.MonkeyPatch) -> None:
    """Receipt what was never opened nor registered."""
    honest = relto.node.proceed._take

    def take(state: Any, counsel: Any, file: Any, **kwargs: Any) -> Any:
        arrived = file.arrived
        found = relto.node.proceed.inspect(state, counsel, file)
        if not hasattr(found, "marked"):
            return honest(state, counsel, file, **kwargs)
        receipt = Receipted(
            number=arrived.entry.number,
            header=arrived.entry.header,
            packages=tuple(item.package.digest for item in arrived.message.items),
            marked=found.marked,
            law=counsel.ref,
        )
        return (Append(target=arrived.entry.source, case=file.case, message=receipt),)

    patch.setattr(relto.node.proceed, "_take", take)


def leak_plaintext(patch: pytest.MonkeyPatch) -> None:
    """Pack without encrypting."""
    patch.setattr(
        relto.driver.packer,
        "seal_chunks",
        lambda content, *, content_key, context: iter(tuple(content)),
    )


def leak_what_is_held(patch: pytest.MonkeyPatch) -> None:
    """Name the items in a refusal."""
    honest = relto.node.proceed.refuse

    def refuse(file: Any, no: Any, counsel: Any) -> Any:
        held = "" if file.queued is None else " ".join(file.queued.holdings)
        return honest(file, replace(no, reason=f"we hold {held}"), counsel)

    patch.setattr(relto.node.proceed, "refuse", refuse)


def never_sweep(patch: pytest.MonkeyPatch) -> None:
    """Leave lying what a crash has left."""
    patch.setattr(relto.driver.sweeping.Sweeping, "sweep", lambda self, **_: 0)


def let_one_officer_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(relto.node.assess, "needed_officers", lambda *args: 1)


def ignore_the_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryStore, "fence", property(lambda self: self.disk.fence))
    honest = MemoryStore.transaction

    def transaction(self: Any) -> Any:
        self._fence = self.disk.fence
        return honest(self)

    patch.setattr(MemoryStore, "transaction", transaction)


def pass_over_other_workers(patch: pytest.MonkeyPatch) -> None:
    """Go on from what is in memory, whatever another worker has stored since."""
    patch.setattr(
        relto.driver.loop.Engine,
        "_catch_up",
        lambda self, tx: setattr(self, "_fence", tx.fence),
    )


def lose_the_last_commit(patch: pytest.MonkeyPatch) -> None:
    """A disk that says `durable` and lies: the last entry is gone after a crash."""
    honest = MemoryStore.crash

    def crash(self: Any) -> Any:
        disk = honest(self)
        if disk.order and disk.order[-1][0].source == disk.order[-1][0].target:
            return disk
        if disk.order:
            log, _ = disk.order.pop()
            disk.logs[log].pop()
        return disk

    patch.setattr(MemoryStore, "crash", crash)


def hand_on_what_was_recalled(patch: pytest.MonkeyPatch) -> None:
    """Release what came in as it was registered, whatever has become of it since."""
    patch.setattr(relto.node.assess, "as_it_stands", lambda state, counsel, stock, *, now: stock)


def certify_and_keep(patch: pytest.MonkeyPatch) -> None:
    """Certify that a content is destroyed, and leave it where it lies."""
    patch.setattr(State, "keeps", lambda *args, **kwargs: True)


def release_to_revoked_keys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(State, "is_linked", lambda self, party: party in self.peers)


def forget_recalls(patch: pytest.MonkeyPatch) -> None:
    """Take a recall, and leave the register as it was."""
    honest = relto.node.fold._custody
    patch.setattr(
        relto.node.fold,
        "_custody",
        lambda state, fact, file: (
            ()
            if fact.kind == "recall" and fact.target == state.party
            else honest(state, fact, file)
        ),
    )


def forget_delegations(patch: pytest.MonkeyPatch) -> None:
    """Go on under a standing authority that was withdrawn."""
    honest = relto.node.assess._delegation
    patch.setattr(
        relto.node.assess,
        "_delegation",
        lambda *args, **kwargs: honest(*args, **kwargs) or "withdrawn",
    )


MUTANTS: dict[str, tuple[Plant, frozenset[str], frozenset[Kind]]] = {
    "acknowledges before it stores": (
        acknowledge_before_storing,
        frozenset({"unstored"}),
        frozenset(),
    ),
    "skips the law": (skip_the_law, frozenset({"unlawful"}), frozenset()),
    "permits one nanosecond after the end": (
        permit_one_nanosecond_longer,
        frozenset({"unlawful"}),
        frozenset({Kind.STILL}),
    ),
    "drops an entry": (drop_an_entry, frozenset({"bug", "unstored", "unsigned"}), frozenset()),
    "forgets the receipt": (forget_the_receipt, frozenset({"stuck"}), frozenset()),
    "delivers twice": (deliver_twice, frozenset({"doubled"}), frozenset()),
    "forges a receipt": (forge_a_receipt, frozenset({"receipt"}), frozenset()),
    "leaks plaintext": (leak_plaintext, frozenset({"plaintext"}), frozenset()),
    "tells what is held": (leak_what_is_held, frozenset({"label"}), frozenset()),
    "never sweeps": (never_sweep, frozenset({"orphan"}), frozenset({Kind.CRASH})),
    "lets one officer do": (let_one_officer_do, frozenset({"unlawful"}), frozenset()),
    "ignores the fence": (ignore_the_fence, frozenset({"second"}), frozenset({Kind.SECOND})),
    "passes over what other workers have stored": (
        pass_over_other_workers,
        frozenset({"bug", "fork", "unsigned", "doubled", "memory", "stuck"}),
        frozenset(),
    ),
    "hands on what was recalled": (
        hand_on_what_was_recalled,
        frozenset({"unlawful"}),
        frozenset({Kind.CUSTODY}),
    ),
    "certifies and keeps": (
        certify_and_keep,
        frozenset({"plaintext"}),
        frozenset({Kind.CUSTODY}),
    ),
    "releases to revoked keys": (
        release_to_revoked_keys,
        frozenset({"revoked", "bug"}),
        frozenset({Kind.REVOKE}),
    ),
    "forgets recalls": (
        forget_recalls,
        frozenset({"register", "stuck"}),
        frozenset({Kind.CUSTODY}),
    ),
    "forgets delegations": (
        forget_delegations,
        frozenset({"unlawful"}),
        frozenset({Kind.STANDING}),
    ),
    "loses what was durable": (
        lose_the_last_commit,
        frozenset({"lost", "fork", "bug", "unstored", "ack"}),
        frozenset({Kind.CRASH}),
    ),
}


@pytest.mark.sim
@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_node_that(name: str, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, rules, kinds = MUTANTS[name]
    plant(monkeypatch)
    for seed in range(SEEDS):
        plan = plan_of(seed)
        if not kinds <= {fault.kind for fault in plan.faults}:
            continue
        outcome = play(plan, lab)
        if outcome.failure:
            assert outcome.rule in rules, f"seed {seed}: {outcome.failure}"
            return
    pytest.fail(f"no seed below {SEEDS} catches a node that {name}")
