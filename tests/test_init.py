"""The package: its face, what importing it costs, and what its core needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import made


def run(code):
    """Run code in a Python of its own and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_name_of_the_face_is_there():
    assert set(made.__all__) <= set(dir(made))
    for name in made.__all__:
        assert getattr(made, name) is not None


def test_editors_see_the_names_that_there_are():
    tree = ast.parse(Path(made.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: node.module for node in imports for alias in node.names}
    assert seen == {**made._HOMES, **dict.fromkeys(made._MODULES, "made")}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Flow"):
        made.Flow  # noqa: B018


def test_import_alone_is_light():
    code = "import sys, made; print(*{name.partition('.')[0] for name in sys.modules})"
    heavy = {"torch", "numpy", "typer", "rich", "matplotlib", "scipy", "sklearn", "safetensors", "pooch"}
    assert not heavy & set(run(code).split())


CORE = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Blocker())
import made
variables = [made.Bernoulli(3), made.Categorical(["a", "b", "c"])]
model = made.MADE(variables, hidden=(8,), orderings=2)
rows = model.sample(5, seed=0)
model.set_marginals(rows)
model.loss(rows).backward()
decoded = model.schema.decode([[0, 1, 1, 2]])
print(model.log_prob(rows).shape, model.log_prob([["1", "0", "1", "b"]]).shape, decoded.shape)
print(made.Autoencoder(variables, hidden=(8,)).reconstruct(rows).shape, len(str(model.summary())) > 100)
"""


def test_the_core_needs_numpy_and_torch_alone():
    blocked = {
        *("safetensors", "typer", "click", "rich", "matplotlib", "sklearn", "scipy", "pooch", "PIL"),
        *("numba", "pandas", "polars"),
    }
    out = run(CORE.replace("{blocked}", repr(blocked))).split("\n")
    assert out[0] == "torch.Size([5]) torch.Size([1]) (1, 4)"
    assert out[1] == "(5, 4) True"


def test_no_connection_is_opened():
    run(
        "import socket\n"
        "def refuse(*_, **__):\n"
        "    raise AssertionError('a connection')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "import made, pandas, numpy\n"
        "digits = made.data.load('digits')\n"
        "model = made.MADE(made.Bernoulli(64), hidden=(8,))\n"
        "made.fit(model, digits.train, digits.valid, epochs=1)\n"
        "model.log_prob(digits.test), model.sample(2, seed=0)\n"
        "frame = pandas.DataFrame({'a': numpy.arange(120) % 7, 'b': numpy.arange(120) % 2})\n"
        "made.auto_fit(frame, max_time=1).complete(frame.mask(frame == 1))\n"
    )
