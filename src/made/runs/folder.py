"""A run folder: the files that a fit leaves, by name, and what can be read back from them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from made import data
from made.data.choices import Choices
from made.data.suffixes import STANDARD_INPUT
from made.loading import load
from made.model import MADE
from made.support.errors import InputError
from made.support.writing import forget_file, forget_left_overs, make_folder, write_aside
from made.variables.schema import Schema

__all__ = ["RunFolder"]

_FILES = (
    "settings.json",
    "metrics.csv",
    "batches.csv",
    "results.json",
    "held_out.json",
    "model.safetensors",
    "checkpoint.safetensors",
    "checkpoint-1.safetensors",
    "best.json",
    "loss.png",
    "samples.png",
)
_COMPARISON, _REFIT = "comparison", "refit"
_REPLACED = ".replaced"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    path : Path
        May not exist yet.
    """

    path: Path

    @property
    def model_file(self) -> Path:
        """The trained model."""
        return self.path / "model.safetensors"

    @property
    def checkpoint_file(self) -> Path:
        """The checkpoint from which ``--resume`` goes on."""
        return self.path / "checkpoint.safetensors"

    @property
    def comparison(self) -> Path:
        """Where fits of candidates are kept until one is chosen."""
        return self.path / _COMPARISON

    @property
    def refit(self) -> Path:
        """Where fits on all rows are kept."""
        return self.path / _REFIT

    @property
    def checkpoints(self) -> list[Path]:
        """All that there are, of any fit of the run."""
        numbered = "[0-9]*.safetensors"  # beside what processes of a comparison share
        places = ((self.path, self.checkpoint_file.name), (self.comparison, numbered), (self.refit, numbered))
        return [file for folder, name in places for file in sorted(folder.glob(name))]

    @property
    def best_file(self) -> Path:
        """How good the model is, while the run goes on."""
        return self.path / "best.json"

    @property
    def holds_run(self) -> bool:
        """Whether a run was begun here."""
        return any((self.path / name).exists() for name in (*_FILES, _COMPARISON, _REFIT))

    def check_free(self, *, force: bool) -> None:
        """Raise an `InputError` if a new run cannot go here: there is one already and `force` is not set."""
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path} is a file: a run needs a folder of its own")
        if self.holds_run and not force:
            raise InputError(
                f"{self.path} already holds a run: use another folder, --resume it, or --force to replace it"
            )

    def claim(self, *, force: bool) -> None:
        """Prepare the folder for a new run. A run that it replaces is kept aside until there is a new model.

        Raises
        ------
        InputError
            If it is not free, or cannot be written to.
        """
        self.check_free(force=force)
        make_folder(self.path)
        self.check_writable()
        self.forget_replaced()
        for name in (*_FILES, _COMPARISON, _REFIT):
            if (self.path / name).exists():
                (self.path / _REPLACED).mkdir(exist_ok=True)
                os.replace(self.path / name, self.path / _REPLACED / name)

    def check_writable(self) -> None:
        """Raise an `InputError` that says why, where nothing can be written here; forget what a kill left."""
        try:
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise InputError(f"cannot write into the folder {self.path}: {error.strerror}") from error
        for folder in (self.path, self.comparison, self.refit):
            forget_left_overs(folder)

    def forget_replaced(self) -> None:
        """Delete the run that was replaced: called once the new one has a model."""
        shutil.rmtree(self.path / _REPLACED, ignore_errors=True)

    def forget_comparison(self) -> None:
        """Delete the fits of candidates."""
        shutil.rmtree(self.comparison, ignore_errors=True)

    def forget_results(self) -> None:
        """Delete figures and pictures of an earlier model of this run."""
        for name in ("results.json", "held_out.json", "samples.png"):
            forget_file(self.path / name)

    @property
    def origin(self) -> dict[str, Any]:
        """Where the data of the run came from: name, data_dir and seed."""
        own = self.read_json("settings.json").get("data")
        if not isinstance(own, dict) or not {"name", "data_dir", "seed"} <= set(own):
            raise InputError(f"{self.path / 'settings.json'} does not say which data the run was on")
        return own

    @property
    def begun(self) -> str | None:
        """When the run was begun, where it was."""
        exists = (self.path / "settings.json").exists()
        return self.read_json("settings.json").get("begun") if exists else None

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write settings or results."""
        write_aside(self.path / name, (json.dumps(content, indent=2) + "\n").encode())

    def read_json(self, name: str) -> dict[str, Any]:
        """Read settings or results."""
        file = self.path / name
        try:
            content = json.loads(file.read_text())
        except FileNotFoundError:
            raise InputError(f"{self.path} holds no run: there is no {name} in it") from None
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"cannot read {file}: {error}") from error
        if not isinstance(content, dict):
            raise InputError(f"{file} does not hold settings")
        return content

    def load_model(self, device: str = "cpu") -> MADE:
        """Load the trained model."""
        if not self.path.exists():
            raise InputError(f"there is no run folder {self.path}")
        if self.path.is_dir() and not self.model_file.exists():
            raise InputError(
                f"{self.path} holds no trained model ({self.model_file.name}); see made fit --help"
            )
        model = load(self.path if self.path.is_file() else self.model_file, device)
        if not isinstance(model, MADE):
            raise InputError(f"{self.path} holds an autoencoder, which has no likelihood and draws no rows")
        if not model.schema.is_named and (self.path / "settings.json").exists():
            model.schema = self._named(model.schema)
        return model

    def schema_of_version_0_1(self) -> Schema | None:
        """Return the schema of a run of version 0.1; None for any later one."""
        settings = self.read_json("settings.json").get("full", {}).get("model", {})
        if "variables" not in settings:
            return None
        return self._named(MADE.from_settings(settings).schema)

    def _named(self, schema: Schema) -> Schema:
        """Return a schema with what runs of version 0.1 noted beside the model: names, image shape."""
        settings = self.read_json("settings.json")
        names, own_context = settings.get("columns"), settings.get("context_columns") or []
        places, shape = settings.get("data", {}).get("context", []), settings.get("image_shape")
        if places:
            columns, own = list(schema.modelled), dict(zip(places, schema.context_columns, strict=True))
            for place in sorted(own):
                columns.insert(place, own[place])
            schema = replace(schema, columns=tuple(columns), context_places=tuple(places))
        if names is not None:
            together = list(names)
            for place, name in sorted(zip(places, own_context, strict=True)):
                together.insert(place, name)
            if together != [f"x{d}" for d in range(len(together))]:
                schema = schema.rename(together)
        return schema if shape is None else schema.with_image_shape(shape)

    def load_data(self, data_dir: str | None = None) -> data.Dataset:
        """Load the data set of the run, split as it was."""
        own = self.origin
        if own["name"] == STANDARD_INPUT:
            raise InputError(f"the rows of {self.path} came from standard input: name a file of rows")
        dataset = data.load(
            own["name"],
            data_dir=data_dir or own["data_dir"],
            seed=own["seed"],
            choices=Choices.from_dict(own),
        )
        return dataset.with_context(own.get("context", []))
