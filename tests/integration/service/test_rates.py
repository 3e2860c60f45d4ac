"""What one partner may add in a second: a running node without sockets."""

import asyncio

import pytest

from relto.adapters.service import LinkState, Rates, TooFastError
from relto.codec import FRAME
from tests.integration.service.conftest import JPN, KOR, USA, House, until


@pytest.mark.slow
def test_a_partner_over_its_rate_is_told_to_wait_and_loses_nothing(house: House) -> None:
    """LK-24, LK-25, FL-44: it catches up, in order, while another partner is served as ever."""
    house.rates = {JPN: Rates(entries_per_second=10)}

    async def story() -> None:
        async with house:
            jpn, kor = house.services[JPN], house.services[KOR]
            # One frame is taken whole, although it is more than the rate: then nothing, for a time.
            cases = await asyncio.gather(*(house.ask() for _ in range(60)))
            await until(lambda: jpn.owed_seconds(KOR) > 0)
            poll = kor.driver.next_batch(JPN, is_poll=True)
            assert poll is not None
            held = jpn.driver.counts(KOR).theirs
            with pytest.raises(TooFastError):
                await jpn.exchange(KOR, poll, wait_seconds=0)
            assert jpn.driver.counts(KOR).theirs == held
            assert jpn.owed_seconds(USA) == 0
            poll = house.services[USA].driver.next_batch(JPN, is_poll=True)
            assert poll is not None
            assert await jpn.exchange(USA, poll, wait_seconds=0)
            await until(lambda: kor.health(JPN).state is LinkState.SLOWED)
            async with asyncio.timeout(60):
                for case in cases:
                    await house.wait(JPN, case, "receipted")
            alarms = [
                words for who, event, words in house.reports if (who, event) == (JPN, "alarm")
            ]
            assert len(alarms) == 1
            assert alarms[0].startswith("peer.too_fast: more than its share (10 entries, ")
            assert jpn.allowances.slowed(KOR) > 0
            assert (jpn.allowances.slowed(USA), kor.allowances.slowed(JPN)) == (0, 0)

    asyncio.run(story())


@pytest.mark.slow
def test_what_comes_in_answers_counts_as_what_comes_in_calls(house: House) -> None:
    """LK-26: whoever asks a partner that is over its rate asks later, and then gets all."""
    house.rates = {KOR: Rates(entries_per_second=10)}

    async def story() -> None:
        async with house:
            house.wires[JPN, KOR].other = None
            kor = house.services[KOR]
            cases = await asyncio.gather(*(house.ask() for _ in range(60)))
            await until(lambda: kor.allowances.slowed(JPN) > 0)
            assert kor.owed_seconds(JPN) > 0
            async with asyncio.timeout(60):
                for case in cases:
                    await house.wait(JPN, case, "receipted")
            assert kor.allowances.slowed(USA) == 0

    asyncio.run(story())


def test_a_frame_counts_with_all_its_bytes_whatever_becomes_of_it(house: House) -> None:
    """LK-24: what is refused adds nothing to the journal, and costs its author its rate."""
    house.rates = {JPN: Rates(frames_per_second=1_000)}

    async def story() -> None:
        async with house:
            jpn = house.services[JPN]
            for partner in (KOR, USA):
                await until(lambda one=partner: jpn.health(one).state is LinkState.UP)
            answer = await jpn.exchange(KOR, b"x" * 10_000, wait_seconds=0)
            said = FRAME.decode(answer).rejection
            assert said is not None
            assert said.code.startswith("peer.")
            assert jpn.owed_seconds(KOR) > 5
            with pytest.raises(TooFastError) as refused:
                await jpn.exchange(KOR, b"x", wait_seconds=0)
            assert refused.value.retry_seconds > 5
            assert jpn.owed_seconds(USA) == 0

    asyncio.run(story())
