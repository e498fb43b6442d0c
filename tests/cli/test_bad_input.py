"""Bad input: one line that begins with "error:", exit code 2, and every file as it was."""

from __future__ import annotations

import os

import numpy as np
import pytest
import safetensors.numpy

import made


@pytest.fixture
def files(here):
    """Files that are wrong in many ways, beside the good ones."""
    texts = {
        "ragged.csv": "a,b,c\n0,1,10\n0,1\n1,1,20\n",
        "infinite.csv": "a,b,c\n0,1,10\n0,inf,20\n1,1,20\n",
        "empty.csv": "",
        "header.csv": "a,b,c\n",
        "one.csv": "a,b,c\n0,1,10\n",
        "narrow.csv": "a,b\n0,1\n1,0\n1,1\n",
        "range.csv": "sex,kind,size\n\n0,3,10\n",
        "label.csv": "sex,kind,size\n\n0,1,30\n",
        "bit.csv": "sex,kind,size\n\n2,1,20\n",
        "half.csv": "sex,kind,size\n0,,10\n1,2,\n",
        "half_range.csv": "sex,kind,size\n\n1,3,\n",
        "half_label.csv": "sex,kind,size\n\n1,,30\n",
        "half_words.csv": "sex,kind,size\n\n1,blue,\n",
        "half_ragged.csv": "sex,kind,size\n\n1,\n",
        "half_narrow.csv": "0,\n1,0\n",
        "half_inf.csv": "sex,kind,size\n\n1,inf,10\n",
        "no_context.csv": "sex,kind,size\n\n1,,10\n",
        "wide.csv": "?," * 13 + "1\n",
        "afile": "mine",
        "mine.csv": "mine",
        "rows.txt": "0 1\n",
    }
    for name, text in texts.items():
        (here / name).write_text(text)
    np.save(here / "nan.npy", np.array([[0.0, np.nan]] * 9))
    (here / "broken.npy").write_bytes((here / "images.npy").read_bytes()[:-50])
    model = (here / "run" / "model.safetensors").read_bytes()
    for name in ("cut", "foreign", "garbage", "bare", "hollow", "longer"):
        (here / name).mkdir()
    (here / "cut" / "model.safetensors").write_bytes(model[: len(model) // 2])
    (here / "longer" / "model.safetensors").write_bytes(model + b"more")
    (here / "garbage" / "model.safetensors").write_text("this is no model")
    safetensors.numpy.save_file({"weight": np.zeros(3)}, here / "foreign" / "model.safetensors")
    for name in ("folder.npy", "folder.png"):
        (here / name).mkdir()
    (here / "hollow" / "model.safetensors").write_bytes(model)
    (here / "hollow" / "settings.json").write_text("{}")
    made.MADE(made.Bernoulli(14), (4,)).save(here / "wide.safetensors")
    made.MADE(made.Bernoulli(2), (4,), context=2).save(here / "numbers.safetensors")
    return here


CASES = {
    # data
    "unknown name": ("fit digitz -o new", ["digitz", "digits"]),
    "unknown path": ("fit nowhere/rows.csv -o new", ["nowhere/rows.csv"]),
    "unknown kind of file": ("fit rows.txt -o new", ["rows.txt", ".csv"]),
    "folder as data": ("fit bare -o new", ["bare"]),
    "ragged": ("fit ragged.csv -o new", ["ragged.csv", "line 3"]),
    "NaN in npy": ("fit nan.npy -o new", ["nan.npy", "column 1", "missing in every row"]),
    "infinite": ("fit infinite.csv -o new", ["infinite.csv", "line 3", "infinite"]),
    "empty": ("fit empty.csv -o new", ["empty.csv", "empty"]),
    "header alone": ("fit header.csv -o new", ["header.csv"]),
    "one row": ("fit one.csv -o new", ["one.csv", "1 row"]),
    "broken npy": ("fit broken.npy -o new", ["broken.npy"]),
    "describe nothing": ("data nowhere.csv", ["nowhere.csv"]),
    "missing data": ("fit -o new", ["DATA"]),
    # settings of a fit
    "run in place": ("fit rows.csv -o run", ["run already holds a run", "--resume", "--force"]),
    "file in place": ("fit rows.csv -o afile", ["afile"]),
    "folder below a file": ("fit rows.csv -o afile/run", ["afile"]),
    "hidden 0": ("fit rows.csv -o new --hidden 0", ["hidden", "at least 1", "0"]),
    "hidden beyond memory": (
        "fit rows.csv -o new --hidden 99999999999",
        ["not enough memory", "TB are needed", "smaller hidden layers"],
    ),
    "connectivities without end": (
        "fit rows.csv -o new --connectivities 1000000000000",
        ["masks", "65,536", "fresh"],
    ),
    "more orderings than can be scored": ("fit rows.csv -o new --orderings 1000000", ["1,000,000 masks"]),
    "samples beyond the disk": (
        "sample run -n 10000000000000 -o mine.csv",
        ["not enough room for 10,000,000,000,000 rows", "TB are needed", "fewer"],
    ),
    "samples beyond the disk, as npy": (
        "sample run -n 10000000000000 -o new.npy",
        ["not enough room for 10,000,000,000,000 rows", "TB are needed"],
    ),
    "completions beyond memory": (
        "complete run half.csv -n 1000000000000 -o mine.csv",
        ["not enough memory for 1,000,000,000,000 completions of 2 rows"],
    ),
    "hidden negative": ("fit rows.csv -o new --hidden 8,-8", ["hidden", "-8"]),
    "hidden abc": ("fit rows.csv -o new --hidden abc", ["--hidden", "abc"]),
    "hidden fraction": ("fit rows.csv -o new --hidden 8.5", ["--hidden", "8.5"]),
    "no permutation": ("fit rows.csv -o new --ordering 0,1,1", ["ordering", "1 occurs twice"]),
    "ordering from 1": ("fit rows.csv -o new --ordering 1,2,3", ["ordering", "3"]),
    "ordering too short": ("fit rows.csv -o new --ordering 0,1", ["ordering", "3"]),
    "ordering unknown": ("fit rows.csv -o new --ordering backwards", ["ordering", "backwards"]),
    "orderings 0": ("fit rows.csv -o new --orderings 0", ["orderings", "0"]),
    "orderings abc": ("fit rows.csv -o new --orderings abc", ["--orderings", "abc"]),
    "connectivities 0": ("fit rows.csv -o new --connectivities 0", ["connectivities", "0"]),
    "connectivity": ("fit rows.csv -o new --connectivity odd", ["connectivity", "odd"]),
    "activation": ("fit rows.csv -o new --activation step", ["activation", "step"]),
    "coding": ("fit rows.csv -o new --coding two-hot", ["coding", "two-hot"]),
    "dropout": ("fit rows.csv -o new --dropout 1", ["dropout", "1"]),
    "epochs 0": ("fit rows.csv -o new --epochs 0", ["epochs", "0"]),
    "no minutes": ("fit rows.csv -o new --minutes 0", ["--minutes", "above 0"]),
    "endless minutes": ("fit rows.csv -o new --minutes inf", ["--minutes", "above 0"]),
    "epochs abc": ("fit rows.csv -o new --epochs abc", ["--epochs", "integer"]),
    "epochs fraction": ("fit rows.csv -o new --epochs 1.5", ["--epochs", "integer"]),
    "batch size": ("fit rows.csv -o new --batch-size 0", ["batch_size", "0"]),
    "patience": ("fit rows.csv -o new --patience 0", ["patience", "0"]),
    "learning rate": ("fit rows.csv -o new --learning-rate nan", ["learning_rate"]),
    "weight decay": ("fit rows.csv -o new --weight-decay -1", ["weight_decay"]),
    "optimizer": ("fit rows.csv -o new --optimizer sgd", ["optimizer", "sgd"]),
    "schedule": ("fit rows.csv -o new --schedule linear", ["schedule", "linear"]),
    "precision": ("fit rows.csv -o new --precision half", ["precision", "half"]),
    "negative seed": ("fit rows.csv -o new --seed -1", ["seed", "-1"]),
    "device of a fit": ("fit rows.csv -o new --device banana", ["device", "banana"]),
    "forced with bad settings": ("fit rows.csv -o run --force --epochs 0", ["epochs"]),
    "forced with bad model": ("fit rows.csv -o run --force --hidden 0", ["hidden"]),
    "forced with bad data": ("fit infinite.csv -o run --force", ["infinite.csv"]),
    # resume
    "resume of nothing": ("fit -o new --resume", ["new", "holds no run"]),
    "resume of an empty folder": ("fit -o bare --resume", ["bare", "holds no run"]),
    "resume with other data": ("fit other.csv -o run --resume", ["other.csv", "run"]),
    "resume with another seed": ("fit -o run --resume --seed 5", ["--seed"]),
    "resume with other layers": ("fit -o run --resume --hidden 9", ["--hidden"]),
    "resume with another rate": ("fit -o run --resume --learning-rate 1", ["--learning-rate"]),
    "resume with bad epochs": ("fit -o run --resume --epochs 0", ["epochs"]),
    "resume of bad settings": ("fit -o hollow --resume", ["hollow/settings.json"]),
    # the words of a command
    "unknown command": ("train rows.csv", ["train"]),
    "unknown option": ("fit rows.csv -o new --hiden 8", ["--hiden"]),
    "option without value": ("fit rows.csv -o", ["-o"]),
    "missing argument": ("evaluate", ["RUN"]),
    "one argument too many": ("summary run run", ["run"]),
    # use of a run
    "no run": ("evaluate nowhere", ["nowhere"]),
    "empty folder": ("evaluate bare", ["bare"]),
    "settings without data": ("evaluate hollow", ["hollow/settings.json"]),
    "truncated model": ("evaluate cut", ["cut/model.safetensors", "truncated"]),
    "model with a tail": ("evaluate longer", ["longer/model.safetensors"]),
    "no model": ("evaluate garbage", ["garbage/model.safetensors"]),
    "foreign model": ("evaluate foreign", ["foreign/model.safetensors"]),
    "checkpoint as model": ("evaluate run/checkpoint.safetensors", ["checkpoint"]),
    "model file without data": ("evaluate run/model.safetensors", ["model.safetensors"]),
    "unknown split": ("evaluate run --split dev", ["split", "dev"]),
    "more masks than one": ("evaluate run --masks 1,2", ["2 masks", "has one", "ask for 1"]),
    "no masks": ("evaluate run --masks 0", ["number of masks", "at least 1", "0"]),
    "negative masks": ("evaluate run --masks=-4", ["number of masks", "-4"]),
    "masks abc": ("evaluate run --masks 1,abc", ["--masks", "1,abc"]),
    "a fraction of a mask": ("evaluate run --masks 1.5", ["--masks", "1.5"]),
    "masks without end": ("evaluate run --masks 1,2,...", ["--masks", "1,2,4,...,16"]),
    "masks that do not double": ("evaluate run --masks 1,3,...,9", ["--masks", "doubling"]),
    "masks, an empty list": ("evaluate run --masks ,", ["--masks", ","]),
    "masks that fall": ("evaluate run --masks 4,...,2", ["--masks", "doubling"]),
    "masks from nothing": ("evaluate run --masks ...,8", ["--masks", "doubling"]),
    "masks from 0": ("evaluate run --masks 0,...,8", ["--masks", "doubling"]),
    "kind of mask picture": ("evaluate run --masks 1 -o new.txt", ["new.txt", ".png"]),
    "mask picture in no folder": ("evaluate run --masks 1 -o missing/new.png", ["missing/new.png"]),
    "mask picture without masks": ("evaluate run -o new.png", ["-o", "--masks"]),
    "masks on unknown rows": ("evaluate run nowhere.csv --masks 1", ["nowhere.csv"]),
    "device of an evaluation": ("evaluate run --device banana", ["banana"]),
    "device of a sample": ("sample run --device banana", ["banana"]),
    "rows that do not fit": ("score run narrow.csv -o mine.csv", ["narrow.csv", "the header has 'a'"]),
    "class out of range": ("score run range.csv -o mine.csv", ["line 3", "column 2 (kind)", "3"]),
    "unknown label": ("score run label.csv -o mine.csv", ["line 3", "column 3 (size)", "30"]),
    "bit out of range": ("score run bit.csv -o mine.csv", ["line 3", "column 1 (sex)", "2"]),
    "ragged rows to score": ("score run ragged.csv -o mine.csv", ["ragged.csv"]),
    "infinite value to score": ("score run half_inf.csv -o mine.csv", ["half_inf.csv", "line 3", "inf"]),
    "word beside an unknown entry to score": (
        "score run half_words.csv -o mine.csv",
        ["half_words.csv", "blue"],
    ),
    "unknown entry and class out of range": (
        "score run half_range.csv",
        ["half_range.csv: line 3, column 2 (kind)", "3"],
    ),
    "unknown entries by variable": (
        "score run half.csv --per-variable -o mine.csv",
        ["--per-variable", "half.csv"],
    ),
    "unknown entries to evaluate": (
        "evaluate run half.csv",
        ["half.csv", "line 2, column kind is unknown", "made score"],
    ),
    "unknown entries and one particle": (
        "score run half.csv --particles 1 -o mine.csv",
        ["particles", "at least 2"],
    ),
    "unknown entries, scores into a missing folder": (
        "score run half.csv -o missing/s.csv",
        ["missing/s.csv"],
    ),
    "context with missing entries to score": (
        "score conditional no_context.csv",
        ["no_context.csv: line 3", "(kind)"],
    ),
    "nothing to score": ("score run empty.csv -o mine.csv", ["empty.csv"]),
    "missing rows to score": ("score run", ["DATA"]),
    "unknown rows to score": ("score run nowhere.csv -o mine.csv", ["nowhere.csv"]),
    "scores into a missing folder": ("score run other.csv -o missing/scores.csv", ["missing/scores.csv"]),
    "negative number": ("sample run -n -1 -o mine.csv", ["-1"]),
    "number abc": ("sample run -n abc -o mine.csv", ["-n", "integer"]),
    "negative seed of samples": ("sample run --seed -1 -o mine.csv", ["seed", "-1"]),
    "kind of sample file": ("sample run -o new.txt", ["new.txt", ".npy", ".csv", ".png"]),
    "no kind of sample file": ("sample run -o new", ["new", ".npy"]),
    "samples into a missing folder": ("sample run -n 1 -o missing/new.npy", ["missing/new.npy"]),
    "csv into a missing folder": ("sample run -n 1 -o missing/new.csv", ["missing/new.csv"]),
    "picture into a missing folder": ("sample run -n 1 -o missing/new.png", ["missing"]),
    "picture of nothing": ("sample run -n 0 -o new.png", ["at least one row", "-n"]),
    "picture of too much": ("sample run -n 10001 -o new.png", ["10,000", "10,001", ".npy"]),
    "samples onto a folder": ("sample run -n 1 -o folder.npy", ["folder.npy", "directory"]),
    "picture onto a folder": ("sample run -n 1 -o folder.png", ["folder.png", "folder"]),
    # given values and context
    "given two values": ("sample run --given sex=1,sex=0 -o mine.csv", ["--given", "sex", "1 and 0"]),
    "given two values by name and number": ("sample run --given 0=1,sex=0", ["--given", "sex", "1 and 0"]),
    "given an unknown label": (
        "sample run --given size=30 -o mine.csv",
        ["--given", "size", "30", "10, 20, 40"],
    ),
    "given a code for a label": ("sample run --given size=1", ["--given", "size", "10, 20, 40"]),
    "given a class out of range": ("sample run --given kind=3", ["--given", "kind", "3", "0, 1, 2"]),
    "given a negative class": ("sample run --given kind=-1", ["--given", "kind", "-1", "0, 1, 2"]),
    "given a fraction": ("sample run --given sex=0.5", ["--given", "sex", "0.5", "0, 1"]),
    "given NaN": ("sample run --given sex=nan", ["--given", "sex", "nan", "0, 1"]),
    "given a word": ("sample run --given sex=female", ["--given", "sex", "female", "0, 1"]),
    "given an unknown variable": ("sample run --given sixe=10", ["--given", "'sixe'", "size"]),
    "given a number of no variable": ("sample run --given 3=1", ["--given", "'3'", "0..2"]),
    "given no value": ("sample run --given sex", ["--given", "name=value", "'sex'"]),
    "given an empty value": ("sample run --given sex=", ["--given", "name=value", "'sex='"]),
    "given no name": ("sample run --given =1", ["--given takes name=value", "got '=1'"]),
    "given what is context": (
        "sample conditional --given kind=1 --context kind=1",
        ["--given", "'kind'", "sex"],
    ),
    "context for no context": (
        "sample run --context kind=1 -o mine.csv",
        ["--context", "has none", "made fit"],
    ),
    "context missing": ("sample conditional -o mine.csv", ["conditional", '--context "kind=..."']),
    "context empty": ("sample conditional --context= -o mine.csv", ["--context", "lacks kind"]),
    "context out of range": ("sample conditional --context kind=3", ["--context", "kind", "3", "0, 1, 2"]),
    "context of no such name": ("sample conditional --context kind=1,sex=1", ["--context", "'sex'", "kind"]),
    "context twice": ("sample conditional --context kind=1,kind=2", ["--context", "kind", "1 and 2"]),
    "context of numbers": (
        "sample numbers.safetensors --context x0=1,x1=1",
        ["--context", "numbers", "Python"],
    ),
    "fit on unknown context": ("fit rows.csv -o new --context age", ["'age'", "sex"]),
    "fit on all as context": ("fit rows.csv -o new --context sex,1,size", ["all columns", "none is left"]),
    "fit on context twice": ("fit rows.csv -o new --context kind,1", ["twice"]),
    "resume with other context": ("fit -o run --resume --context kind", ["--context"]),
    # completion
    "complete what": ("complete run", ["ROWS", "--half"]),
    "complete both": ("complete run half.csv --half top", ["ROWS", "--half"]),
    "complete without a run": ("complete", ["RUN"]),
    "complete by no run": ("complete nowhere half.csv", ["nowhere"]),
    "complete no file": ("complete run nowhere.csv", ["nowhere.csv", "no such file"]),
    "complete a named set": ("complete run digits", ["digits", "no such file"]),
    "complete half of no image": ("complete run --half top", ["run", "no images", "file of rows"]),
    "complete an unknown half": ("complete pictures --half middle", ["top, bottom, left, right", "'middle'"]),
    "complete in an unknown way": (
        "complete run half.csv --kind best",
        ["--kind", "draw, variable, joint", "best"],
    ),
    "complete by an unknown method": (
        "complete run half.csv --method magic",
        ["--method", "given-first", "magic"],
    ),
    "complete, negative number": ("complete run half.csv -n -1 -o mine.csv", ["-n", "at least 0", "-1"]),
    "complete, several of the best": ("complete run half.csv --kind joint -n 2", ["-n", "--kind joint"]),
    "complete, negative seed": ("complete run half.csv --seed -1", ["seed", "-1"]),
    "complete, a particle": (
        "complete run half.csv --particles 1 -o mine.csv",
        ["particles", "at least 2"],
    ),
    "complete, no states": ("complete run half.csv --max-states 0", ["max_states", "at least 1"]),
    "complete, device": ("complete run half.csv --device banana", ["banana"]),
    "complete, one ordering": (
        "complete run half.csv --method given-first",
        ["several orderings", "for_questions"],
    ),
    "complete exactly": (
        "complete wide.safetensors wide.csv --method exact -o mine.csv",
        ["row 0", "no exact answer", "13 unknown", "max_states"],
    ),
    "complete narrow rows": ("complete run half_narrow.csv", ["half_narrow.csv", "2 columns", "3"]),
    "complete ragged rows": ("complete run half_ragged.csv", ["half_ragged.csv", "line 3"]),
    "complete words": ("complete run half_words.csv", ["half_words.csv", "line 3", "(kind)", "blue"]),
    "complete, infinite value": ("complete run half_inf.csv", ["half_inf.csv", "line 3", "inf"]),
    "complete, class out of range": (
        "complete run half_range.csv",
        ["half_range.csv: line 3, column 2 (kind)"],
    ),
    "complete, unknown label": (
        "complete run half_label.csv",
        ["half_label.csv: line 3", "(size)", "30", "labels"],
    ),
    "complete, context with missing entries": (
        "complete conditional no_context.csv -o mine.csv",
        ["no_context.csv: line 3", "(kind)", "must be known"],
    ),
    "complete, context left out": ("complete conditional half_narrow.csv", ["2 columns", "1 of context"]),
    "picture of completed tables": ("complete run half.csv -o new.png", ["new.png", "no images", ".csv"]),
    "picture of no completions": ("complete pictures --half top -n 0 -o new.png", ["at least one"]),
    "kind of completions file": ("complete run half.csv -o new.txt", ["new.txt", ".npy", ".csv", ".png"]),
    "completions into a missing folder": ("complete run half.csv -o missing/new.csv", ["missing/new.csv"]),
    "array into a missing folder": ("complete run half.csv -o missing/new.npy", ["missing/new.npy"]),
    "completed images into a missing folder": (
        "complete pictures --half top -o missing/new.png",
        ["missing"],
    ),
    "completions onto a folder": ("complete run half.csv -o folder.npy", ["folder.npy", "directory"]),
    "completed images onto a folder": (
        "complete pictures --half top -o folder.png",
        ["folder.png", "folder"],
    ),
    "show without a run": ("show", ["RUN"]),
    "show into a file": ("show run -o afile", ["afile"]),
    "unknown mask": ("summary run --mask 3", ["mask 3"]),
}


@pytest.mark.parametrize(("command", "words"), CASES.values(), ids=CASES)
def test_one_line_and_nothing_changed(files, call, snapshot, command, words):
    before, folders = snapshot(files), set(files.rglob("*"))
    result = call(*command.split(), code=2)
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err
    assert snapshot(files) == before
    assert set(files.rglob("*")) == folders


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("seed", [2**63, 2**64, 10**30])
def test_huge_seeds_work_or_are_refused(here, call, tiny, seed):
    result = call("sample", "run", "-n", "3", "--seed", seed)
    assert len(result.out.splitlines()) == 4
    call("fit", "rows.csv", "-o", "new", "--seed", seed, *tiny)


@pytest.mark.usefixtures("no_pictures")
def test_changed_data_cannot_be_resumed(here, call, tiny, snapshot):
    call("fit", "rows.csv", "-o", "new", *tiny)
    (here / "rows.csv").write_bytes((here / "other.csv").read_bytes())
    settings = here / "new" / "settings.json"
    settings.write_text(settings.read_text() + "\n")  # it shows if it is written again
    before = snapshot(here)
    result = call("fit", "-o", "new", "--resume", "--quiet", code=2)
    assert "the same data" in result.err
    assert snapshot(here) == before


@pytest.mark.usefixtures("no_pictures")
def test_divergence_is_one_line(here, call):
    command = "fit rows.csv -o new --hidden 8 --quiet --epochs 300 --patience 300 --batch-size 4"
    result = call(*command.split(), "--learning-rate", "1e9", "--schedule", "constant", code=2)
    assert result.err.startswith("error: training diverged")
    assert result.err.count("\n") == 1
    assert len(call("sample", "new", "-n", "2").out.splitlines()) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_is_not_writable(here, call, tiny, snapshot):
    (here / "locked").mkdir()
    (here / "locked" / "mine.csv").write_text("mine")
    (here / "locked").chmod(0o500)
    before = snapshot(here)
    for command in ("fit rows.csv -o locked", "sample run -o locked/mine.csv", "show run -o locked"):
        result = call(*command.split(), *(tiny if command.startswith("fit") else ()), code=2)
        assert "locked" in result.err
        assert result.err.count("\n") == 1
    assert snapshot(here) == before
    (here / "locked").chmod(0o700)
