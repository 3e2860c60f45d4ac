"""Laws of the journal: trees, chains, and a link that loses, doubles, delays and cuts."""

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from relto.codec import BATCH, HEADER, decode_entry, wire_entry
from relto.errors import PeerError
from relto.journal import (
    GapError,
    acknowledge,
    check_consistency,
    check_inclusion,
    consistency_proof,
    empty_log,
    frontier_of,
    frontier_root,
    grow,
    inclusion_proof,
    make_batch,
    make_mirror_batch,
    peaks_of,
    subtree_root,
    verify_acknowledgement,
    verify_batch,
    verify_restored,
)
from relto.model import Precedence
from relto.seal import leaf_hash, open_package, seal_chunks, seal_package
from tests.support_journal import AT, JPN, JPN_KOR, KOR, Log, ring

JPN_RING, KOR_RING = ring("JPN", JPN), ring("KOR", KOR)
LEAVES = st.lists(st.binary(min_size=1, max_size=4), min_size=1, max_size=70).map(
    lambda them: [leaf_hash(it) for it in them]
)


@given(LEAVES, st.data())
def test_a_leaf_is_proven_where_it_stands_and_nowhere_else(leaves, data):
    """JN-18."""
    peaks = peaks_of(leaves)
    size, root = len(leaves), subtree_root(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(lambda it: peaks[it - 1], index=index, size=size)
    check_inclusion(proof, leaf=leaves[index], index=index, size=size, root=root)
    other = data.draw(st.integers(0, size - 1))
    if leaves[other] != leaves[index]:
        try:
            check_inclusion(proof, leaf=leaves[other], index=index, size=size, root=root)
        except PeerError:
            return
        raise AssertionError("another leaf was proven")


@given(LEAVES, st.data())
def test_a_tree_continues_its_prefixes_and_no_others(leaves, data):
    """JN-19."""
    peaks = peaks_of(leaves)
    old = data.draw(st.integers(0, len(leaves)))
    proof = consistency_proof(lambda it: peaks[it - 1], old=old, size=len(leaves))
    given_ = {"old": old, "size": len(leaves), "root": subtree_root(leaves)}
    check_consistency(proof, old_root=subtree_root(leaves[:old]), **given_)
    if old:
        forked = [leaf_hash(b"another first leaf"), *leaves[1:old]]
        try:
            check_consistency(proof, old_root=subtree_root(forked), **given_)
        except PeerError:
            return
        raise AssertionError("a fork was taken for a continuation")


@given(LEAVES)
def test_growing_and_computing_give_the_same_tree(leaves):
    """JN-9."""
    frontier, peaks = (), peaks_of(leaves)
    for size, leaf in enumerate(leaves):
        frontier = grow(frontier, size=size, leaf=leaf)
        assert frontier[-1] == peaks[size][1]
        assert frontier == frontier_of(lambda it: peaks[it - 1], size=size + 1)
    assert frontier_root(frontier) == subtree_root(leaves)


@given(
    st.lists(st.binary(max_size=50), max_size=8),
    st.sampled_from(list(Precedence)),
    st.one_of(st.none(), st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True)),
    st.integers(0, 10**12),
)
def test_an_entry_reads_back_as_it_was_written(contents, precedence, case, nanoseconds):
    """JN-4, JN-5: decode after encode is the identity."""
    from relto.journal import Draft, append
    from tests.support_journal import SeededEntropy

    draft = Draft(
        kind="release",
        case=case,
        precedence=precedence,
        parts=tuple((f"part-{place}", content) for place, content in enumerate(contents)),
    )
    now = AT.add(nanoseconds=nanoseconds)
    _, entry = append(
        empty_log(JPN_KOR, is_exercise=False), draft, now=now, entropy=SeededEntropy()
    )
    assert decode_entry(wire_entry(entry)) == entry
    assert HEADER.encode(entry.header) == entry.raw
    assert [entry.content(f"part-{n}") for n in range(len(contents))] == contents


@given(st.binary(max_size=300), st.lists(st.integers(1, 60), max_size=10))
def test_how_content_is_cut_does_not_change_its_package(content, cuts):
    """PK-1."""
    pieces, rest = [], content
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    pieces.append(rest)
    key, context = bytes(range(32)), bytes(32)
    package = seal_package(content, content_key=key, context=context)
    assert b"".join(seal_chunks(pieces, content_key=key, context=context)) == package
    assert open_package(package, content_key=key, context=context) == content


class Link(RuleBasedStateMachine):
    """An author, a partner, and a wire that may do anything but forge."""

    @initialize()
    def begin(self):
        self.log = Log()
        self.mirror = empty_log(JPN_KOR, is_exercise=False)
        self.held = []
        self.batches: list[bytes] = []
        self.notes: list[bytes] = []
        self.backup = None

    @rule(count=st.integers(1, 40))
    def say(self, count):
        for _ in range(count):
            self.log.say(b"x")

    @rule(most=st.integers(0, 30))
    def send(self, most):
        batch = make_batch(self.log.state, self.log.unacknowledged()[:most], signer=JPN)
        self.batches.append(BATCH.encode(batch))

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def deliver_any_batch_ever_sent(self, data):
        batch = BATCH.decode(data.draw(st.sampled_from(self.batches)))
        before = self.mirror
        try:
            verified = verify_batch(
                batch,
                state=before,
                ring=JPN_RING,
                read=lambda first, end: self.held[first - 1 : end - 1],
                now=AT,
            )
        except GapError:
            assert batch.first > before.size + 1
            return
        self.held += verified.entries
        self.mirror = acknowledge(verified, signer=KOR, party="KOR", now=AT)
        if self.mirror.acknowledgement:
            self.notes.append(self.mirror.acknowledgement)

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def deliver_a_damaged_batch(self, data):
        whole = data.draw(st.sampled_from(self.batches))
        sent = bytearray(whole)
        sent[data.draw(st.integers(0, len(sent) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        try:
            batch = BATCH.decode(bytes(sent))
            verify_batch(
                batch,
                state=self.mirror,
                ring=JPN_RING,
                read=lambda first, end: self.held[first - 1 : end - 1],
                now=AT,
            )
        except PeerError:
            return
        # What readers pass over, such as the line of a key they do not know, changes nothing.
        assert batch.entries == BATCH.decode(whole).entries

    @precondition(lambda self: self.notes)
    @rule(data=st.data())
    def deliver_any_acknowledgement_ever_given(self, data):
        note = data.draw(st.sampled_from(self.notes))
        self.log.state = verify_acknowledgement(
            note, state=self.log.state, partner=KOR_RING, own=JPN_RING, peaks=self.log.peaks
        )

    @rule()
    def lose_the_wire(self):
        self.batches, self.notes = [], []

    @precondition(lambda self: self.mirror.size)
    @rule(data=st.data())
    def restore_a_backup_of_the_author_and_reconcile(self, data):
        kept = data.draw(st.integers(0, self.mirror.size))
        lost = Log(seed=7)
        lost.entropy = self.log.entropy
        from relto.journal import extend

        for entry in self.log.held[:kept]:
            lost.state = extend(lost.state, entry)
            lost.held.append(entry)
        # Entries beyond the mirror were never sent by the restored author, so nobody misses them;
        # those that travelled and were lost are the wire's, and the author must not contradict
        # them.
        if self.log.state.size > self.mirror.size:
            return
        batch = make_mirror_batch(self.mirror, self.held[kept:], first=kept + 1)
        verified = verify_restored([batch], state=lost.state, ring=JPN_RING, read=lost.read, now=AT)
        lost.held += verified.entries
        lost.state = replace(verified.state, acknowledged=0, acknowledged_frontier=())
        self.log = lost
        self.log.say(kind="epoch")

    @invariant()
    def the_mirror_is_a_prefix_of_the_log(self):
        if hasattr(self, "log"):
            assert [entry.raw for entry in self.held] == [
                entry.raw for entry in self.log.held[: len(self.held)]
            ]
            assert self.mirror.size == len(self.held) >= self.log.state.acknowledged

    @invariant()
    def it_converges_when_the_wire_heals(self):
        if not hasattr(self, "log"):
            return
        state, mirror, held = self.log.state, self.mirror, list(self.held)

        def read(first, end):
            return held[first - 1 : end - 1]

        for _ in range(100):
            if state.acknowledged == state.size:
                break
            batch = make_batch(state, self.log.held[state.acknowledged :], signer=JPN)
            verified = verify_batch(
                batch,
                state=mirror,
                ring=JPN_RING,
                read=read,
                now=AT,
            )
            held += verified.entries
            mirror = acknowledge(verified, signer=KOR, party="KOR", now=AT)
            state = verify_acknowledgement(
                mirror.acknowledgement,
                state=state,
                partner=KOR_RING,
                own=JPN_RING,
                peaks=self.log.peaks,
            )
        assert state.acknowledged == state.size == mirror.size
        assert mirror.root == state.root


TestLink = Link.TestCase
TestLink.settings = settings(stateful_step_count=15, max_examples=25, deadline=None)
