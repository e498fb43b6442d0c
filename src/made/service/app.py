"""The application: routes to what models answer."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

import made
from made.service import answers, tables
from made.service.batcher import Batcher, FullError
from made.service.columns import columns_given
from made.service.context_row import context_of
from made.service.guard import Guard, Metrics
from made.service.models import Models, Served
from made.service.page_files import PAGES, PageFiles
from made.service.requests import (
    ColumnsRequest,
    CompleteRequest,
    ConditionalRequest,
    SampleRequest,
    ScoreRequest,
)
from made.service.responses import (
    body_of,
    checked,
    invalid,
    joined,
    kind_of,
    refused,
    table_response,
)
from made.service.schema_answer import schema_of
from made.service.settings import Limits
from made.service.streams import in_portions, streamed
from made.support.errors import InputError
from made.variables.rows import Rows

__all__ = ["create_app"]

_log = logging.getLogger(__name__)
# Requests of so many complete rows are scored together with others; how often files are looked at.
_FEW_ROWS, _SECONDS_TO_RELOAD = 64, 2.0


def create_app(
    models: Models, limits: Limits | None = None, tokens: Sequence[str] = (), *, reload_models: bool = False
) -> FastAPI:
    """Return an application that answers for models.

    Parameters
    ----------
    models : Models
        By name.
    limits : Limits, optional
        Its defaults, if not given.
    tokens : sequence of str
        One of which every request has to bring; none: whoever reaches the address may ask.
    reload_models : bool
        Whether model files that are replaced are taken up.

    Examples
    --------
    >>> create_app(Models([])).title
    'made'
    """
    limits = Limits() if limits is None else limits
    service, page = _Service(models, limits), PageFiles()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        reloading = asyncio.create_task(service.reload_for_ever()) if reload_models else None
        yield
        if reloading is not None:
            reloading.cancel()
        await service.batcher.stop()

    app = FastAPI(
        title="made",
        version=made.__version__,
        description="Exact probabilities of rows, rows drawn, rows completed, and distributions of columns.",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own pages load their scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(
        Guard,
        limits=limits,
        tokens=tokens,
        metrics=service.metrics,
        open_paths=page.addresses,
        asking_paths=PAGES,
    )
    service.add_routes(app)
    page.add_routes(app)
    return app


class _Service:
    """Answers requests; one thread computes, see `Batcher`."""

    def __init__(self, models: Models, limits: Limits) -> None:
        self.models, self.limits, self.metrics = models, limits, Metrics()
        self.batcher = Batcher(self._together, limits)

    def _together(self, served: Served, asked: list[Any]) -> list[Any]:
        """Return the scores of small requests, see `answers.scores_together`."""
        self.metrics.passes.inc()
        return answers.scores_together(served, asked)

    async def reload_for_ever(self) -> None:
        """Take up model files that were replaced."""
        while True:
            await asyncio.sleep(_SECONDS_TO_RELOAD)
            for name in await self.batcher.compute(self.models.reload):
                _log.info("%s was replaced, and is loaded anew", name)

    def add_routes(self, app: FastAPI) -> None:
        """Add all routes to an application."""
        app.add_exception_handler(InputError, refused)
        app.add_exception_handler(FullError, self._full)
        app.add_exception_handler(RequestValidationError, invalid)
        get, post = partial(app.add_api_route, methods=["GET"]), partial(app.add_api_route, methods=["POST"])
        get("/healthz", self.health, summary="Whether the service answers")
        get("/metrics", self.measured, summary="Counters for Prometheus", response_class=Response)
        get("/models", self.listed, summary="The models, by name")
        get("/models/{name}/schema", self.schema, summary="The columns of a model")
        for what, call, body in (
            ("score", self.score, ScoreRequest),
            ("sample", self.sample, SampleRequest),
            ("complete", self.complete, CompleteRequest),
            ("conditional", self.conditional, ConditionalRequest),
            ("conditionals", self.conditionals, ColumnsRequest),
        ):
            post(
                f"/models/{{name}}/{what}",
                call,
                summary=(body.__doc__ or "").splitlines()[0],
                openapi_extra=body_of(body, takes_tables=what in ("score", "complete")),
                response_class=Response,
            )

    async def health(self) -> dict[str, str]:
        """Answer."""
        return {"status": "ok", "version": made.__version__}

    async def measured(self) -> Response:
        """Return the counters."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    async def listed(self) -> dict[str, Any]:
        """Return the models."""
        own = [{"name": each.name, "model": repr(each.model)} for each in self.models]
        return {"models": own}

    async def schema(self, name: str) -> dict[str, Any]:
        """Return the columns of a model."""
        return schema_of(self._served(name))

    async def score(self, name: str, request: Request) -> Response:
        """Return log p of rows."""
        served = self._served(name)
        kind, body = kind_of(request), await request.body()
        objects: list[Any] | None = None
        if kind == tables.JSON:
            asked = checked(ScoreRequest, body)
            objects = asked.rows
            self._check_number(len(objects))
        else:
            settings: dict[str, Any] = {**request.query_params, "rows": [{}]}
            asked = checked(ScoreRequest, json.dumps(settings).encode())
        per_column = asked.per_column or request.query_params.get("per_column", "").lower() in ("1", "true")
        has_more = per_column or asked.in_ordering is not None
        if objects is not None and len(objects) <= _FEW_ROWS and not has_more:
            found = await self.batcher.ask(served, objects, len(objects))
            if isinstance(found, dict):
                self.metrics.rows.labels("scored").inc(len(objects))
                return table_response(request, found)
            rows = found
        else:
            rows = await self._encoded(served, kind, body, objects)
        self._check_number(len(rows))
        compute, what = self.batcher.compute, "score" if rows.is_complete else "estimate"

        def part(some: slice) -> answers.Columns:
            return answers.scores(served, answers.rows_at(rows, some), some.start, particles=asked.particles)

        columns = await in_portions(request, compute, answers.portions(len(rows), what), part)
        if per_column:

            def odd(some: slice) -> answers.Columns:
                return answers.odd(served, answers.rows_at(rows, some))

            columns |= await in_portions(request, compute, answers.portions(len(rows), "odd"), odd)
        if asked.in_ordering is not None:
            mask = asked.in_ordering

            def steps(some: slice) -> answers.Columns:
                return answers.in_ordering(served, answers.rows_at(rows, some), mask)

            columns |= await in_portions(request, compute, answers.portions(len(rows), "score"), steps)
        self.metrics.rows.labels("scored").inc(len(rows))
        return table_response(request, columns)

    async def sample(self, name: str, request: Request) -> Response:
        """Return rows drawn, streamed as they are drawn."""
        served, asked = self._served(name), checked(SampleRequest, await request.body() or b"{}")
        self._check_number(asked.n)
        seed = secrets.randbits(32) if asked.seed is None else asked.seed
        held = asked.given, asked.where, asked.mask, context_of(served.model, asked.context)

        def part(some: slice) -> answers.Table:
            self.metrics.rows.labels("drawn").inc(some.stop - some.start)
            return answers.samples(served.model, some, seed, *held)

        how = partial(answers.how_drawn, served.model, seed, *held)
        about = {"seed": seed, **await self.batcher.compute(how)}
        places = answers.portions(asked.n, "sample")
        if asked.mask is not None:
            about |= {"mask": asked.mask, "ordering": answers.ordering_of(served.model, asked.mask)}
        return await streamed(request, self.batcher.compute, places, part, about)

    async def complete(self, name: str, request: Request) -> Response:
        """Return rows filled in."""
        served = self._served(name)
        kind, body = kind_of(request), await request.body()
        if kind == tables.JSON:
            asked = checked(CompleteRequest, body)
            objects: list[Any] | None = asked.rows
            self._check_number(len(asked.rows) * (asked.number or 1))
        else:
            settings: dict[str, Any] = {**request.query_params, "rows": [{}]}
            asked, objects = checked(CompleteRequest, json.dumps(settings).encode()), None
        rows = await self._encoded(served, kind, body, objects, to_fill=True)
        each = asked.number or 1
        self._check_number(len(rows) * each)
        if asked.number is not None and asked.kind != "draw":
            raise InputError("number asks for several draws: with another kind there is one completion")
        done: list[answers.Columns] = []

        def part(some: slice) -> answers.Table:
            numbers = np.arange(some.start, some.stop)
            table, found = answers.completions(served.model, answers.rows_at(rows, some), asked, numbers)
            self.metrics.rows.labels("completed").inc(each * (some.stop - some.start))
            done.append(found)
            return table

        places = answers.portions(len(rows), "mean" if asked.kind == "mean" else "complete", each=each)
        about = {"seed": asked.seed}
        return await streamed(request, self.batcher.compute, places, part, about, lambda: joined(done))

    async def conditional(self, name: str, request: Request) -> Response:
        """Return the distribution of one column given others."""
        served, asked = self._served(name), checked(ConditionalRequest, await request.body())
        context = context_of(served.model, asked.context)
        held = asked.given, asked.where, asked.particles, context
        work = partial(answers.conditional, served, asked.variable, *held)
        return JSONResponse(await self.batcher.compute(work))

    async def conditionals(self, name: str, request: Request) -> Response:
        """Return the distributions of columns given others, estimated together."""
        served, asked = self._served(name), checked(ColumnsRequest, await request.body() or b"{}")
        known, where = answers.known_of(served.model, asked.given), answers.where_of(asked.where)
        context = context_of(served.model, asked.context)
        work = partial(columns_given, served, asked.variables, known or {}, where, asked.number, context)
        return JSONResponse(await self.batcher.compute(work))

    def _served(self, name: str) -> Served:
        served = self.models.get(name)
        if served is None:
            names = ", ".join(own.name for own in self.models)
            raise HTTPException(404, f"there is no model {name!r}: there are {names}")
        return served

    async def _encoded(
        self, served: Served, kind: str, body: bytes, objects: list[Any] | None, *, to_fill: bool = False
    ) -> Rows:
        work = (
            partial(tables.encode_body, served.model, body, kind)
            if objects is None
            else partial(tables.encode_objects, served.model, objects)
        )
        return await self.batcher.compute(partial(work, to_fill=to_fill))

    def _check_number(self, n: int) -> None:
        if n > self.limits.max_rows:
            raise HTTPException(413, f"{n:,} rows where {self.limits.max_rows:,} are allowed: ask for fewer")

    async def _full(self, _request: Request, _error: Exception) -> Response:
        reason = f"{self.limits.max_waiting:,} rows wait already: try again"
        return JSONResponse({"detail": reason}, 503, {"retry-after": "1"})
