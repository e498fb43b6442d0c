"""Rows at fsspec addresses: on the local disk, and on servers for S3 and for Google's storage, if there."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .conftest import TINY, mixed, write
from .test_fit import assert_same_weights, results


def test_addresses_are_files(launch, rows, tmp_path, one_line):
    launch("fit", rows, "-o", tmp_path / "a", *TINY)
    launch("fit", f"file://{rows}/*.parquet", "-o", tmp_path / "b", *TINY)
    assert_same_weights(tmp_path / "a", tmp_path / "b")
    line = one_line(launch("fit", f"file://{rows}/none/", "-o", tmp_path / "c", *TINY, ends=False))
    assert "no .parquet file is found there" in line
    line = one_line(launch("fit", "nosuch://rows/", "-o", tmp_path / "c", *TINY, ends=False))
    assert "nosuch" in line


@contextmanager
def served(*server: str) -> Iterator[str]:
    """Run a server of our own, whose port follows its command, and yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, *server, str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def bucket():
    """A bucket on a server that speaks S3, and what finds it."""
    pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    with served("-m", "moto.server", "-H", "127.0.0.1", "-p") as address:
        environment = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        files = s3fs.S3FileSystem(key="key", secret="secret", endpoint_url=address, skip_instance_cache=True)
        files.mkdir("rows")
        yield "s3", files, environment


@pytest.fixture
def google_bucket(monkeypatch):
    """A bucket on a server that speaks Google's protocol, and what finds it."""
    pytest.importorskip("gcp_storage_emulator")
    gcsfs = pytest.importorskip("gcsfs")
    program = (
        "import sys; from gcp_storage_emulator.server import create_server; "
        "create_server('127.0.0.1', int(sys.argv[1]), in_memory=True, default_bucket='rows').run()"
    )
    # The emulator has no gRPC, by which gcsfs would ask for the kind of a bucket.
    environment = {"GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
    with served("-c", program) as address:
        environment["STORAGE_EMULATOR_HOST"] = address
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield "gs", gcsfs.GCSFileSystem(token="anon", project="made", endpoint_url=address), environment


@pytest.mark.parametrize("kind", ["bucket", "google_bucket"])
def test_a_bucket(kind, request, launch, tmp_path, one_line):
    scheme, files, environment = request.getfixturevalue(kind)
    folder = write(tmp_path / "rows", mixed(400), [0, 230, 260, 400])
    for file in folder.iterdir():
        files.pipe(f"rows/people/{file.name}", file.read_bytes())
    launch("fit", f"{scheme}://rows/people/", "-o", tmp_path / "run", *TINY, n=3, **environment)
    launch("fit", folder, "-o", tmp_path / "local", *TINY, n=3)
    assert_same_weights(tmp_path / "run", tmp_path / "local")
    assert results(tmp_path / "run")["epochs"] == 3
    nowhere = f"{scheme}://nowhere/people/"
    missing = launch("fit", nowhere, "-o", tmp_path / "c", *TINY, ends=False, **environment)
    assert nowhere in one_line(missing)
