"""Rows at fsspec addresses: on the local disk, and on a server that speaks S3 where one is installed."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

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


@pytest.fixture
def bucket():
    """The address of a bucket on a server of our own, and what finds it."""
    pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        files = s3fs.S3FileSystem(
            key="key", secret="secret", endpoint_url=environment["AWS_ENDPOINT_URL"], skip_instance_cache=True
        )
        files.mkdir("rows")
        yield files, environment
        process.terminate()


def test_a_bucket(launch, bucket, tmp_path, one_line):
    files, environment = bucket
    folder = write(tmp_path / "rows", mixed(400), [0, 230, 260, 400])
    for file in folder.iterdir():
        files.put(str(file), f"rows/people/{file.name}")
    launch("fit", "s3://rows/people/", "-o", tmp_path / "run", *TINY, n=3, **environment)
    launch("fit", folder, "-o", tmp_path / "local", *TINY, n=3)
    assert_same_weights(tmp_path / "run", tmp_path / "local")
    assert results(tmp_path / "run")["epochs"] == 3
    missing = launch("fit", "s3://nowhere/people/", "-o", tmp_path / "c", *TINY, ends=False, **environment)
    assert "s3://nowhere/people/" in one_line(missing)
