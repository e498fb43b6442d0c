"""Answers that are sent as they are found, portion by portion."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from fastapi import HTTPException, Request, Response
from fastapi.responses import StreamingResponse

from made.service import answers, tables
from made.service.responses import accepted, as_columns, joined

__all__ = ["in_portions", "streamed"]

Compute = Callable[[Callable[[], Any]], Awaitable[Any]]
# What nginx answers in its log where a client is gone: nobody reads it.
_CLIENT_IS_GONE = 499


async def in_portions(
    request: Request, compute: Compute, places: Iterator[slice], part: Callable[[slice], answers.Columns]
) -> answers.Columns:
    """Return what was answered in portions as one; a client that goes away ends the work."""
    found: list[answers.Columns] = []
    for some in places:
        if found and await request.is_disconnected():
            raise HTTPException(_CLIENT_IS_GONE)
        found.append(await compute(partial(part, some)))
    return joined(found)


async def streamed(
    request: Request,
    compute: Compute,
    places: Iterator[slice],
    part: Callable[[slice], answers.Table],
    about: dict[str, Any],
    last: Callable[[], answers.Columns] = dict,
) -> Response:
    """Return rows as they are found; a client that goes away ends the work.

    Parameters
    ----------
    request : Request
        Says what is accepted: JSON, CSV or Arrow; a stream of Arrow has one schema, which all rows decide, so
        it is sent as a whole.
    compute : callable
        Runs a piece of work in the computing thread.
    places : iterator of slice
        The portions; at least one.
    part : callable
        Returns the rows of a portion.
    about : dict
        What stands before the rows in JSON.
    last : callable
        Returns what stands after them.
    """
    kind = accepted(request)
    if kind == tables.ARROW:
        whole = [await compute(partial(part, some)) for some in places]
        table = whole[0][0], np.concatenate([own.astype(object) for _, own in whole])
        return Response(tables.as_arrow(as_columns(table)), media_type=tables.ARROW)

    def written(some: slice) -> bytes:
        table = part(some)
        if kind == tables.CSV:
            return tables.as_csv(as_columns(table), header=some.start == 0)
        rows = ",\n".join(json.dumps(own, ensure_ascii=False) for own in answers.rows_of(table))
        return (b",\n" if some.start and rows else b"") + rows.encode()

    # What is wrong with a question shows in the first portion, before anything is sent.
    first: bytes = await compute(partial(written, next(places)))

    async def body() -> AsyncIterator[bytes]:
        if kind == tables.JSON:
            yield b"{" + _members(about) + (b", " if about else b"") + b'"rows": ['
        yield first
        for some in places:
            yield await compute(partial(written, some))
        if kind == tables.JSON:
            after = last()
            yield b"]" + (b", " if after else b"") + _members(after) + b"}"

    return StreamingResponse(body(), media_type=kind)


def _members(own: dict[str, Any]) -> bytes:
    """Return the inside of an object of JSON."""
    return json.dumps(own, ensure_ascii=False)[1:-1].encode()
