"""Twenty jobs of one process on the limit "database": how many are inside at a time?"""

import asyncio

from prefect.concurrency.asyncio import concurrency

inside = most = 0


async def job():
    global inside, most
    async with concurrency("database", occupy=1):
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.1)
        inside -= 1


async def main():
    await asyncio.gather(*(job() for _ in range(20)))
    print(f"at most {most} inside")


asyncio.run(main())
