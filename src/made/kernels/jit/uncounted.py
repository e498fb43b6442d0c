"""Arrays that compiled loops pass around without counting references.

Numba counts a reference whenever an array is taken out of a tuple or handed to a function, with an atomic
operation each time. In loops that do little per turn, that takes longer than the work.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls
# mypy: disable-error-code="call-arg,var-annotated,import-untyped"

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["uncounted"]


@intrinsic
def uncounted(_typing: Any, given: Any) -> Any:
    """Return an array, or a named tuple with its arrays, as it is but owned by nobody.

    What is given must outlive what is returned: whoever calls this holds on to it until the end.
    """
    signature = given(given)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def disowned(kind: Any, value: Any) -> Any:
            if not isinstance(kind, types.Array):
                return value
            array = context.make_array(kind)(context, builder, value)
            array.meminfo = cgutils.get_null_value(array.meminfo.type)
            array.parent = cgutils.get_null_value(array.parent.type)
            return array._getvalue()

        kind, value = signature.args[0], arguments[0]
        if isinstance(kind, types.Array):
            return disowned(kind, value)
        fields = [disowned(field, builder.extract_value(value, i)) for i, field in enumerate(kind.types)]
        return context.make_tuple(builder, signature.return_type, fields)

    return signature, generate
