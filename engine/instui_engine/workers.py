"""Worker threads under structured concurrency: none outlives the call, and the first failure stops them all."""

from collections.abc import Callable

import anyio
import anyio.to_thread

from .context import Context


async def run_workers(context: Context, count: int, work: Callable[[], None]) -> None:
    """Run `work` in `count` threads until each returns; then raise the first failure, if any.

    `work` takes its tasks from wherever it likes, and returns when there is none or when `context.stopping()`.
    """
    limiter = anyio.CapacityLimiter(count)

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            context.fail(error)

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(lambda: anyio.to_thread.run_sync(guarded, limiter=limiter))
    context.check()
