"""Requests that arrive together are answered together, each with its own answer."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

from made.service.app import create_app
from made.service.batcher import Batcher, FullError
from made.service.models import Models
from made.service.settings import Limits


def run_with(batcher_of, asks):
    """Start a batcher, ask, and stop it."""

    async def work():
        batcher = batcher_of()
        batcher.start()
        found = await asks(batcher)
        await batcher.stop()
        return found, batcher

    return asyncio.run(work())


def test_what_waits_is_answered_together():
    passes = []

    def answer(key, asked):
        passes.append((key, list(asked)))
        time.sleep(0.05)
        return [2 * own for own in asked]

    async def asks(batcher):
        return await asyncio.gather(*(batcher.ask("a", number, 1) for number in range(20)))

    found, batcher = run_with(lambda: Batcher(answer, Limits(batch_rows=8)), asks)
    assert found == [2 * number for number in range(20)]
    assert max(len(asked) for _, asked in passes) == 8
    assert batcher.n_passes == len(passes) <= 5
    assert batcher.n_requests == 20
    assert batcher.n_waiting == 0


def test_models_are_not_mixed_and_an_error_is_that_of_its_request():
    def answer(key, asked):
        return [ValueError(own) if own == "bad" else (key, own) for own in asked]

    first, second = object(), object()

    async def asks(batcher):
        asked = [(first, "x"), (second, "y"), (first, "bad"), (second, "z")]
        return await asyncio.gather(*(batcher.ask(*own, 1) for own in asked), return_exceptions=True)

    found, _ = run_with(lambda: Batcher(answer, Limits()), asks)
    assert found[0] == (first, "x")
    assert [own[1] for own in (found[1], found[3])] == ["y", "z"]
    assert isinstance(found[2], ValueError)


def test_what_fails_fails_for_all_and_the_next_is_answered():
    def answer(key, asked):
        if "boom" in asked:
            raise RuntimeError("boom")
        return asked

    async def asks(batcher):
        first = await asyncio.gather(batcher.ask(0, "boom", 1), return_exceptions=True)
        return [*first, await batcher.ask(0, "fine", 1)]

    found, _ = run_with(lambda: Batcher(answer, Limits()), asks)
    assert isinstance(found[0], RuntimeError)
    assert found[1] == "fine"


def test_beyond_what_may_wait_nothing_is_taken():
    def answer(key, asked):
        time.sleep(0.2)
        return asked

    async def asks(batcher):
        many = [batcher.ask(0, number, 3) for number in range(10)]
        return await asyncio.gather(*many, return_exceptions=True)

    found, _ = run_with(lambda: Batcher(answer, Limits(max_waiting=6)), asks)
    assert any(isinstance(own, FullError) for own in found)
    assert found[0] == 0


def test_work_of_those_who_are_gone_is_not_done():
    done = []

    def answer(key, asked):
        done.extend(asked)
        time.sleep(0.1)
        return asked

    async def asks(batcher):
        first = asyncio.create_task(batcher.ask(0, "first", 1))
        await asyncio.sleep(0.03)
        gone = asyncio.create_task(batcher.ask(0, "gone", 1))
        await asyncio.sleep(0.01)
        gone.cancel()
        await first
        return await batcher.ask(0, "last", 1)

    assert run_with(lambda: Batcher(answer, Limits()), asks)[0] == "last"
    assert done == ["first", "last"]


def test_scores_of_many_clients_are_those_of_one(run, rows, model):
    import httpx2

    async def at_once():
        app = create_app(Models([run]))
        transport = httpx2.ASGITransport(app)
        async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport) as client:
            ask = [client.post("http://made/models/people/score", json={"rows": [row]}) for row in rows * 20]
            found = await asyncio.gather(*ask)
            return [own.json()["log_prob"][0] for own in found], (
                await client.get("http://made/metrics")
            ).text

    found, text = asyncio.run(at_once())
    alone = [float(model.log_prob([list(row.values())])[0]) for row in rows]
    np.testing.assert_allclose(found, alone * 20, rtol=1e-6)
    passes = next(line for line in text.splitlines() if line.startswith("made_batches_total"))
    assert float(passes.split()[1]) < 120


@pytest.mark.parametrize("n", [1, 300])
def test_a_request_larger_than_a_batch_is_answered(n):
    async def asks(batcher):
        return await batcher.ask(0, "x", n)

    assert (
        run_with(lambda: Batcher(lambda key, asked: asked, Limits(batch_rows=4, max_waiting=8)), asks)[0]
        == "x"
    )
