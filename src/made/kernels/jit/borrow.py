"""Arrays that compiled loops pass around without reference counting.

Numba counts a reference whenever an array is taken out of a tuple or passed to a function, with an atomic
operation each time. In loops that do little per iteration, that takes longer than the work.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["borrow"]


@intrinsic
def borrow(_typing: Any, owned: Any) -> Any:
    """Return an array, or a named tuple with its arrays, as borrowed references.

    The memory is not kept alive by what is returned: the caller must hold on to `owned` while it is used.
    """
    signature = owned(owned)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def without_owner(kind: Any, value: Any) -> Any:
            if not isinstance(kind, types.Array):
                return value
            array = context.make_array(kind)(context, builder, value)
            array.meminfo = cgutils.get_null_value(array.meminfo.type)
            array.parent = cgutils.get_null_value(array.parent.type)
            return array._getvalue()

        kind, value = signature.args[0], arguments[0]
        if isinstance(kind, types.Array):
            return without_owner(kind, value)
        fields = [without_owner(field, builder.extract_value(value, i)) for i, field in enumerate(kind.types)]
        return context.make_tuple(builder, signature.return_type, fields)

    return signature, generate
