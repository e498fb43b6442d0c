"""Build the image, run it, and ask it as its users would; without docker, run the Dockerfile's commands here.

    python deploy/check.py

Docker counts as there if its daemon answers, and if containers reach a package index. Without it the commands
of the Dockerfile run as they stand, but for where its folders lie, and for the user, whom only root can make.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "deploy" / "Dockerfile"
IMAGE, CONTAINER = "made-check", f"made-check-{os.getpid()}"
TOKEN = secrets.token_hex(16)
_SECONDS_TO_START = 600.0


def main() -> None:
    """Check the image, or what it would be made of."""
    with tempfile.TemporaryDirectory(prefix="made-image-") as place:
        runs = Path(place) / "runs"
        _fit(runs / "people")
        missing = _why_not_docker()
        if missing is None:
            print("image: building it with docker", flush=True)
            served = _container(runs)
        else:
            print(f"image: {missing}: its commands are run here as they stand", flush=True)
            served = _here(Path(place), runs)
        with served as address:
            _ask(address)
    print("image: /healthz answers, questions need the token, a row is scored, SIGTERM ends it")


def _fit(run: Path) -> None:
    """Fit a small model, as the user who starts a service has done."""
    rows = run.parent / "people.csv"
    rows.parent.mkdir(mode=0o755)
    lines = [f"{20 + i % 50},{'no' if i % 3 else 'yes'}" for i in range(200)]
    rows.write_text("\n".join(["age,member", *lines]) + "\n")
    quickly = ["--hidden", "8", "--epochs", "1", "--quiet"]
    fit = [sys.executable, "-m", "made", "fit", str(rows), "-o", str(run), *quickly]
    subprocess.run(fit, check=True, stdout=subprocess.DEVNULL)
    rows.unlink()
    run.parent.chmod(0o755)  # the user of the image is another
    for each in [run, *run.rglob("*")]:
        each.chmod(0o755 if each.is_dir() else 0o644)


def _why_not_docker() -> str | None:
    """Return why no image can be built here, or None."""
    if shutil.which("docker") is None:
        return "there is no docker"
    if not _succeeds("docker", "info"):
        return "no docker daemon answers"
    base = re.findall(r"^FROM (\S+)", FILE.read_text(), re.MULTILINE)[-1]
    if not _succeeds("docker", "image", "inspect", base) and not _succeeds("docker", "pull", base):
        return f"docker cannot fetch {base}"
    fetch = ["pip", "download", "--quiet", "--no-deps", "-d", "/tmp", "typer"]
    if not _succeeds("docker", "run", "--rm", base, *fetch):
        return "containers reach no package index"
    return None


def _succeeds(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=300, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@contextmanager
def _container(runs: Path) -> Iterator[str]:
    """Build the image and start it; at the end it is to stop when told so."""
    extra = os.environ.get("PIP_EXTRA_INDEX_URL")
    build = ["docker", "build", "--quiet", "-f", str(FILE), "-t", IMAGE]
    subprocess.run(
        [*build, *(["--build-arg", f"PIP_EXTRA_INDEX_URL={extra}"] if extra else []), str(ROOT)], check=True
    )
    if _succeeds("docker", "compose", "version"):
        compose = ["docker", "compose", "-f", str(ROOT / "deploy" / "compose.yaml"), "config", "--quiet"]
        subprocess.run(compose, check=True, env={**os.environ, "MADE_TOKEN": TOKEN})
    run = ["docker", "run", "--detach", "--name", CONTAINER, "-p", "127.0.0.1::8000"]
    subprocess.run(
        [*run, "-v", f"{runs}:/runs:ro", "-e", f"MADE_TOKEN={TOKEN}", IMAGE],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield f"http://{_said('docker', 'port', CONTAINER, '8000/tcp').splitlines()[0]}"
        if _said("docker", "exec", CONTAINER, "id", "-u") == "0":
            raise SystemExit("image: the service runs as root")
        subprocess.run(["docker", "stop", "--time", "40", CONTAINER], check=True, stdout=subprocess.DEVNULL)
        code = _said("docker", "inspect", "--format", "{{.State.ExitCode}}", CONTAINER)
        if code != "0":
            raise SystemExit(f"image: stopped with code {code}")
    finally:
        subprocess.run(["docker", "logs", CONTAINER], check=False)
        subprocess.run(
            ["docker", "rm", "--force", "--volumes", CONTAINER], check=False, stdout=subprocess.DEVNULL
        )


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def _here(place: Path, runs: Path) -> Iterator[str]:
    """Run the commands of the Dockerfile with folders of our own, then its health check."""
    (place / "home").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    folders = {"/source": ROOT, "/venv": place / "venv", "/home/made": place / "home", "/runs": runs}

    def moved(text: str) -> str:
        for folder, own in folders.items():
            text = re.sub(rf"(?<![\w/]){folder}(?![\w])", str(own), text)
        return re.sub(r"\b8000\b", str(port), text)

    # The image has a python, where this machine may have a python3 alone: that of this process stands first.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    installing = {**os.environ, "PIP_QUIET": "1", "PIP_COMPILE": "0", "PATH": path}
    environment = {**os.environ, "MADE_TOKEN": TOKEN}
    said: dict[str, list[str]] = {}
    for line in FILE.read_text().replace("\\\n", " ").splitlines():
        name, _, text = line.partition(" ")
        if name == "RUN" and not text.startswith("useradd"):
            subprocess.run(moved(text), shell=True, check=True, env=installing)
        elif name == "ENV":
            for own in shlex.split(text):
                key, _, value = own.partition("=")
                environment[key] = moved(value).replace("$PATH", environment["PATH"])
        elif name in ("ENTRYPOINT", "CMD"):
            said[name] = json.loads(moved(text))
        elif name == "HEALTHCHECK":
            said[name] = json.loads(moved(text[text.index("CMD") + len("CMD") :]))
    command = [*said["ENTRYPOINT"], *said["CMD"]]
    with subprocess.Popen(command, env=environment, cwd=place / "home") as service:
        try:
            yield f"http://127.0.0.1:{port}"
            subprocess.run(said["HEALTHCHECK"], env=environment, check=True)
            service.send_signal(signal.SIGTERM)
            if code := service.wait(40):
                raise SystemExit(f"image: the service ended with code {code}")
        finally:
            service.kill()


def _ask(address: str) -> None:
    """Ask what users ask; raise `SystemExit` where the answer is another than theirs."""
    until = time.monotonic() + _SECONDS_TO_START
    while _status(f"{address}/healthz") != 200:
        if time.monotonic() > until:
            raise SystemExit(f"image: no answer at {address}/healthz within {_SECONDS_TO_START:.0f} seconds")
        time.sleep(0.5)
    question = {"rows": [{"age": 39, "member": "yes"}]}
    score = f"{address}/models/people/score"
    if (status := _status(score, question)) != 401:
        raise SystemExit(f"image: a question without the token was answered with {status}")
    answer = json.loads(_opened(score, question, TOKEN))
    if not isinstance(answer["log_prob"][0], float):
        raise SystemExit(f"image: a row was scored as {answer}")


def _status(address: str, question: object = None) -> int | None:
    try:
        _opened(address, question)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:  # not there yet
        return None
    return 200


def _opened(address: str, question: object = None, token: str | None = None) -> bytes:
    body = None if question is None else json.dumps(question).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(address, body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: bytes = answer.read()
    return found


if __name__ == "__main__":
    main()
