"""Bodies of requests, and answers: JSON, CSV or Arrow, as the headers ask for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError

from made.service import answers, tables
from made.service.requests import OBJECT, TEXT

__all__ = [
    "accepted",
    "as_columns",
    "body_of",
    "checked",
    "invalid",
    "joined",
    "kind_of",
    "refused",
    "table_response",
]

# Parts of the place of an error that are no names of the body.
_NO_PLACES = ("body", "str", "int", "bool", "float", TEXT, OBJECT)
_Request = TypeVar("_Request", bound=BaseModel)


def as_columns(table: answers.Table) -> answers.Columns:
    """Return a table as columns of plain values."""
    names, values = table
    return {name: tables.plain(values[:, d]) for d, name in enumerate(names)}


def joined(parts: Sequence[answers.Columns]) -> answers.Columns:
    """Return what was answered in portions as one."""
    return {name: [value for part in parts for value in part[name]] for name in parts[0]} if parts else {}


def kind_of(request: Request) -> str:
    """Return what a body is."""
    kind = request.headers.get("content-type", tables.JSON).partition(";")[0].strip().lower()
    if kind not in (tables.JSON, tables.CSV, tables.ARROW):
        known = f"{tables.JSON}, {tables.CSV} or {tables.ARROW}"
        raise HTTPException(415, f"a body is {known}, got {kind!r}")
    return kind


def accepted(request: Request) -> str:
    """Return what an answer with rows is sent as."""
    asked = request.headers.get("accept", "")
    return next((kind for kind in (tables.CSV, tables.ARROW) if kind in asked), tables.JSON)


def table_response(request: Request, columns: answers.Columns) -> Response:
    """Return columns as the request accepts them."""
    kind = accepted(request)
    if kind == tables.JSON:
        return Response(json.dumps(columns, ensure_ascii=False), media_type=kind)
    make = tables.as_csv if kind == tables.CSV else tables.as_arrow
    return Response(make(columns), media_type=kind)


def checked(kind: type[_Request], body: bytes) -> _Request:
    """Return a body in JSON, checked."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from None


def body_of(kind: type[BaseModel], *, takes_tables: bool) -> dict[str, Any]:
    """Return what is said of a body in the description of the service."""
    schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    content: dict[str, Any] = {tables.JSON: {"schema": schema}}
    if takes_tables:
        content |= {tables.CSV: {"schema": {"type": "string"}}, tables.ARROW: {"schema": {"type": "string"}}}
    return {"requestBody": {"required": True, "content": content}}


async def refused(_request: Request, error: Exception) -> Response:
    """Say in one line why a question has no answer."""
    return JSONResponse({"detail": " ".join(str(error).split())}, 422)


async def invalid(_request: Request, error: Exception) -> Response:
    """Say in one line what is wrong with a body, of the first error."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in _NO_PLACES)
    reason = first["msg"].rstrip(".")
    return JSONResponse({"detail": f"{place}: {reason}" if place else reason}, 422)
