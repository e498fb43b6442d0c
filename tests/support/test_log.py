"""Log lines of the package on standard error, for as long as they are wanted."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stderr

import pytest

from made.support.log import log_on_stderr

LOG = logging.getLogger("made.tuning.somewhere")


def test_lines_are_plain(capsys):
    with log_on_stderr():
        LOG.info("chosen: %s", "wide")
        LOG.debug("not this")
    LOG.info("nor this")
    assert capsys.readouterr() == ("", "chosen: wide\n")


def test_what_replaces_standard_error_gets_them(capsys):
    """A progress bar does, to print above itself."""
    with log_on_stderr(), redirect_stderr(io.StringIO()) as shown:
        LOG.info("a line")
    assert shown.getvalue() == "a line\n"
    assert capsys.readouterr().err == ""


def test_a_line_is_not_shown_twice(capsys):
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    try:
        with log_on_stderr():
            LOG.info("once")
    finally:
        logging.getLogger().removeHandler(handler)
    assert capsys.readouterr().err == "once\n"


def test_all_is_as_before_afterwards():
    log = logging.getLogger("made")
    before = log.level, log.propagate, log.handlers[:]
    with pytest.raises(KeyError), log_on_stderr():
        raise KeyError
    assert (log.level, log.propagate, log.handlers) == before
