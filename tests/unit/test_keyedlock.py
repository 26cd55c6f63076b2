import asyncio

from openwx.keyedlock import KeyedLock


async def test_one_key_in_turn_and_others_beside_it() -> None:
    locks = KeyedLock()
    events: list[str] = []

    async def work(key: str, name: str) -> None:
        async with locks.hold(key):
            events.append(f"{name} begins")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            events.append(f"{name} ends")

    await asyncio.gather(work("a", "1"), work("a", "2"), work("b", "3"))
    assert events.index("1 ends") < events.index("2 begins")
    assert events.index("3 begins") < events.index("1 ends")
    assert len(locks) == 0


async def test_a_cancelled_waiter_leaves_nothing_behind() -> None:
    locks = KeyedLock()
    async with locks.hold("a"):
        waiter = asyncio.create_task(locks.hold("a").__aenter__())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.wait({waiter})
        assert len(locks) == 1
    assert len(locks) == 0
