"""One run by several ranks, as ``torchrun -m made fit`` starts them: rank 0 writes the folder, all train.

Parquet files are read by all ranks, each its share of the rows. Whatever else `made fit` takes is read by
rank 0, given to all, and shared out in memory.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from made import data
from made.data.addresses import forget_fetched
from made.data.parquet_files import are_parquet, open_parquet
from made.data.shared_rows import Encoder, SharedRows, share_rows
from made.runs.best_model import BestModel
from made.runs.config import RunConfig
from made.runs.fits import Fitted
from made.runs.folder import RunFolder
from made.runs.run import RunResult, described, finish, pipeline_of
from made.support.devices import find_device
from made.support.errors import InputError
from made.support.locks import locked
from made.support.ranks import Ranks, RankSettings
from made.training.checkpoint import fingerprint
from made.training.distributed import fit_together
from made.training.divergence import TrainingDivergedError
from made.training.history import History
from made.training.interrupt import deadline_in, time_left
from made.training.settings import TrainingSettings
from made.training.shares import Share
from made.tuning.candidates import Candidate
from made.tuning.one_per_rank import ComparisonByRanks, for_more_rows, without_finals
from made.tuning.pipeline import Pipeline
from made.tuning.recipes import find_recipe

__all__ = ["run_together"]

_log = logging.getLogger(__name__)

# Rows of a block that is in memory already.
_ROWS_PER_BLOCK = 4096
_LAUNCH = "launch"


def run_together(
    config: RunConfig,
    ranks: Ranks,
    settings: RankSettings,
    *,
    resume: bool = False,
    force: bool = False,
    progress: bool = False,
) -> RunResult | History:
    """Begin a run, or go on with one; all ranks call this.

    Where ranks were started again after a failure, the run that they had begun is gone on with.

    Parameters
    ----------
    config, resume, force, progress
        As for `made.runs.run.run`; the same on all ranks.
    ranks, settings
        Who takes part.

    Returns
    -------
    RunResult or History
        The result on rank 0, which has written the folder; what happened in the fit on the others.

    Raises
    ------
    InputError
        On some rank, if anything given makes no sense.
    """
    try:
        return _run(config, ranks, settings, resume=resume, force=force, progress=progress)
    finally:
        forget_fetched()


def _run(
    config: RunConfig, ranks: Ranks, settings: RankSettings, *, resume: bool, force: bool, progress: bool
) -> RunResult | History:
    folder, deadline = RunFolder(config.folder), deadline_in(config.max_time)
    find_recipe(config.recipe)
    ranks.check_device(find_device(config.device))
    for name, own in (("update", config.update), ("refit", config.refit)):
        if own:
            raise InputError(f"several ranks fit a model of their rows, once: leave --{name} out")
    config, resume = ranks.of_one(lambda: _begun(config, folder, ranks, resume=resume, force=force))
    together = ranks.of_one(lambda: {"ranks": ranks.n, _LAUNCH: ranks.launch})
    config = replace(config, together=together)
    with ExitStack() as stack:
        if ranks.is_first:
            stack.enter_context(locked(folder.path))
        share, dataset, pipeline = _rows(config, ranks, progress=progress)
        config = replace(config, context=dataset.schema.context_places)
        if config.choices.protect and config.choices.schema is not None:  # a file may name rare labels
            config = replace(config, choices=replace(config.choices, schema=dataset.schema))
        if not resume and pipeline.is_open:
            config = replace(
                config, plan=ranks.of_one(lambda: without_finals(pipeline.plan(config.max_time)))
            )
        is_compared = config.plan is not None and config.chosen is None
        if not is_compared and config.plan is None:  # what follows from the rows, follows from all of them
            pipeline.facts = replace(pipeline.facts, n_rows=sum(share.counts))
        if not is_compared:
            pipeline.prepare(config.candidate)  # checked before anything is written
        if ranks.is_first and not resume:
            folder.claim(force=force)
        elif ranks.is_first:
            folder.check_writable()

        def write(config: RunConfig, *fitted: Any) -> None:
            if ranks.is_first:
                folder.write_json("settings.json", described(config, dataset, *fitted))

        best = BestModel(folder) if ranks.is_first else None
        if is_compared:
            write(config)
            _log.info("%s", config.plan)
            chosen, ended = _compared(config, pipeline, ranks, best, deadline, progress)
            if ended is not None:
                return finish(folder, dataset, pipeline, ended) if ranks.is_first else ended.history
            chosen = for_more_rows(chosen, len(pipeline.train), sum(share.counts))
            assert config.plan is not None
            # The plan keeps what the winner is fitted with, for those who go on.
            others = tuple(own for own in config.plan.candidates if own.about != chosen.about)
            plan = replace(config.plan, candidates=(chosen, *others))
            config = replace(config, chosen=chosen.about, plan=plan)
        model, training = pipeline.prepare(config.candidate)
        write(config, model, training)
        checkpoint = folder.checkpoint_file
        try:
            history = fit_together(
                model,
                share,
                pipeline.valid,
                TrainingSettings(**training),
                ranks,
                settings,
                progress=progress,
                checkpoint=checkpoint,
                resume=resume and ranks.of_one(checkpoint.exists),
                max_time=time_left(deadline),
                on_best=best,
            )
        except TrainingDivergedError as diverged:
            if ranks.is_first:
                model.save(folder.model_file)
                diverged.history.save_csv(folder.path)
            raise
        _tell_memory(ranks)
        if not ranks.is_first:
            return history
        return finish(folder, dataset, pipeline, Fitted(model, history, config, training))


def _begun(
    config: RunConfig, folder: RunFolder, ranks: Ranks, *, resume: bool, force: bool
) -> tuple[RunConfig, bool]:
    """Return the run that is begun, or gone on with, and whether it is gone on with; for rank 0."""
    if resume:
        return config, True
    if (folder.path / "settings.json").exists():
        before = RunConfig.of(folder.path, config.device)
        if (before.together or {}).get(_LAUNCH) == ranks.launch:
            _log.info("the ranks were started again: the run in %s goes on", folder.path)
            return replace(before, data=config.data, max_time=config.max_time), True
    folder.check_free(force=force)  # before time is spent on the data
    return config, False


def _rows(config: RunConfig, ranks: Ranks, *, progress: bool) -> tuple[Share, data.Dataset, Pipeline]:
    """Return the share of this rank, the data set that all know, and its pipeline."""
    if not are_parquet(config.data):
        dataset = ranks.of_one(lambda: _loaded(config, progress=progress))
        pipeline = _pipeline(config, dataset, ranks)
        return _share_in_memory(pipeline, ranks), dataset, pipeline
    files = open_parquet(config.data, partial(_each, ranks))
    for rank, other in enumerate(ranks.gathered(files.identity)):
        if other != files.identity:
            raise InputError(
                f"rank {rank} and rank {ranks.rank} find other files: all ranks are to read the same"
            )
    shared = share_rows(files, ranks, seed=config.seed, choices=config.choices)
    dataset = shared.dataset.with_context(config.context)
    pipeline = _pipeline(config, dataset, ranks)
    without_rows = {split: own[:0].copy() for split, own in dataset.splits.items()}
    shared = replace(shared, dataset=replace(dataset, **without_rows, context=None))
    if not ranks.is_first:  # rank 0 alone scores and draws what is in them
        dataset = shared.dataset
    blocks = files.blocks(*ranks.share(files.n))
    share = Share(
        rank=ranks.rank,
        counts=[shared.n_train_of(*ranks.share(files.n, rank)) for rank in range(ranks.n)],
        blocks=blocks,
        sizes=[shared.n_train_of(own.first, own.first + own.n) for own in blocks],
        read=Encoder(files, shared, pipeline.schema),
        identity=_identity(files.identity, config, shared),
    )
    return share, dataset, pipeline


def _each(ranks: Ranks, paths: Sequence[str], look: Callable[[str], Any]) -> list[Any]:
    """Return what is found at the paths: each rank looks at some."""
    first, stop = ranks.share(len(paths))
    return list(chain.from_iterable(ranks.gathered([look(path) for path in paths[first:stop]])))


def _loaded(config: RunConfig, *, progress: bool) -> data.Dataset:
    dataset = data.load(
        config.data, data_dir=config.data_dir, seed=config.seed, choices=config.choices, progress=progress
    )
    return dataset.with_context(config.context)


def _pipeline(config: RunConfig, dataset: data.Dataset, ranks: Ranks) -> Pipeline:
    """Return the pipeline, with the schema that rank 0 has fitted."""
    pipeline = pipeline_of(config, dataset)
    pipeline.schema = ranks.of_one(lambda: pipeline.schema)
    return pipeline


def _share_in_memory(pipeline: Pipeline, ranks: Ranks) -> Share:
    n = len(pipeline.train)
    first, stop = ranks.share(n)
    blocks = [slice(own, min(own + _ROWS_PER_BLOCK, stop)) for own in range(first, stop, _ROWS_PER_BLOCK)]
    ends = [ranks.share(n, rank) for rank in range(ranks.n)]
    return Share(
        rank=ranks.rank,
        counts=[end - begin for begin, end in ends],
        blocks=blocks,
        sizes=[own.stop - own.start for own in blocks],
        read=lambda own: pipeline.train[own],
        identity=fingerprint(pipeline.train.codes, pipeline.train.context, pipeline.train.bodies),
    )


def _identity(files: str, config: RunConfig, shared: SharedRows) -> str:
    own = (files, config.seed, shared.n_train, config.choices.as_dict())
    return hashlib.sha256(repr(own).encode()).hexdigest()


def _compared(
    config: RunConfig,
    pipeline: Pipeline,
    ranks: Ranks,
    best: BestModel | None,
    deadline: float | None,
    progress: bool,
) -> tuple[Candidate, Fitted | None]:
    """Compare settings; return the winner, and where that did not come to its end what there is so far."""
    assert config.plan is not None

    def keep(model: Any, nll: float) -> None:
        if best is not None:
            best(model, nll)

    with TemporaryDirectory(prefix="made-") as place:
        own = {"deadline": deadline, "on_best": keep, "progress": progress and ranks.is_first}
        outcome = ComparisonByRanks(ranks, pipeline, config.plan, Path(place), **own).run()
    if outcome.model is None:
        return outcome.candidate, None
    nll = min(outcome.history.valid_nll)
    return outcome.candidate, Fitted(outcome.model, outcome.history, config, outcome.candidate.training, nll)


def _tell_memory(ranks: Ranks) -> None:
    """Log the most memory that each rank has had."""
    try:
        import resource
    except ImportError:  # Windows
        return
    unit = 1 if sys.platform == "darwin" else 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    peaks = ranks.gathered(own)
    _log.info("memory at most: %s", ", ".join(f"{own / 1e9:.2f} GB" for own in peaks))
