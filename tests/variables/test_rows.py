"""Rows: entries, what is known of them, and context stay together."""

import pytest
import torch

from made.variables.rows import Rows


def _rows(n, *, known=True, context=True):
    codes = torch.arange(n * 3).reshape(n, 3)
    return Rows(codes, codes % 2 == 0 if known else None, codes[:, :1].float() if context else None)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("context", [True, False])
@pytest.mark.parametrize(("n", "size"), [(1025, 1024), (2048, 1024), (3, 1024), (0, 1024)])
def test_batches_keep_everything_together(n, size, known, context):
    rows = _rows(n, known=known, context=context)
    batches = list(rows.batches(size))
    assert [len(batch) for batch in batches] == [size] * (n // size) + ([n % size] if n % size else [])
    for batch in batches:
        if context:
            torch.testing.assert_close(batch.context, batch.codes[:, :1].float())
        if known:
            assert torch.equal(batch.known, batch.codes % 2 == 0)
    if batches:
        again = Rows.cat(batches)
        assert torch.equal(again.codes, rows.codes)
        assert (again.known is None) == (not known)
        assert (again.context is None) == (not context)


def test_parts_by_index_and_by_repetition():
    rows = _rows(4)
    some = rows[torch.tensor([3, 0])]
    assert some.codes[:, 0].tolist() == [9, 0]
    assert some.context[:, 0].tolist() == [9.0, 0.0]
    assert rows[:2].repeat(2).codes[:, 0].tolist() == [0, 0, 3, 3]


def test_what_is_known():
    assert not _rows(2).is_complete
    assert _rows(2, known=False).is_complete
    assert _rows(2, known=False).mask.all()
    assert Rows.cat([_rows(1), _rows(1, known=False)]).known.tolist() == [[True, False, True], [True] * 3]
