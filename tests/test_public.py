"""What `import weitiao` offers, and how fast it is there."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

import weitiao
from conftest import toy_plan

HEAVY = ("torch", "transformers", "numpy", "pyarrow", "sklearn", "pandas", "rich", "pydantic")


def loaded_after(code, *names):
    """Which of `names` a fresh Python has imported after `code`."""
    asked = f"import sys\n{code}\nprint(*[n for n in {names!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, encoding="utf-8", check=True
    )
    return done.stdout.split()


def test_importing_is_light():
    assert loaded_after("import weitiao", *HEAVY) == []
    assert loaded_after("import weitiao; weitiao.WeitiaoError; dir(weitiao)", *HEAVY) == []


def test_loading_a_plan_needs_no_torch(tmp_path):
    plan = toy_plan("nli", "some/checkpoint", **{
        "train.strategies": ["fgm", "ema", "rdrop", "layer_decay"], "train.optimizer": "sgd",
        "train.loss": {"cross_entropy": {"label_smoothing": 0.1}}, "train.schedule": "cosine",
        "data.cleaners": ["unicode", "whitespace"], "data.steps": ["oversample"],
        "evaluate.metrics": ["macro_f1"],
    })  # fmt: skip
    path = tmp_path / "plan.yaml"
    plan.save(path)
    code = f"import weitiao\nweitiao.Plan.load({str(path)!r})"
    assert loaded_after(code, "torch", "transformers", "accelerate", "sklearn") == []


def test_help_needs_nothing_heavy():
    code = (
        "from typer.testing import CliRunner\nfrom weitiao.cli.app import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0"
    )
    assert loaded_after(code, "torch", "transformers", "numpy", "pyarrow", "pydantic") == []


@pytest.mark.parametrize("name", weitiao.__all__)
def test_every_public_name_is_there(name):
    found = getattr(weitiao, name)
    assert found.__doc__
    assert name in dir(weitiao)


def test_public_names_are_listed_once_and_in_order():
    assert weitiao.__all__ == sorted(set(weitiao.__all__))
    assert set(weitiao.__all__) == set(weitiao._HOME)
    assert isinstance(weitiao.__version__, str)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = weitiao.no_such_name


def test_no_public_name_hides_a_folder():
    folder = Path(weitiao.__file__).parent
    inside = {path.name for path in folder.iterdir() if path.is_dir()}
    inside |= {path.stem for path in folder.glob("*.py")}
    assert not inside & set(weitiao.__all__)


def seconds_of(*command):
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def test_help_is_instant():
    """At most 3.5 times that of `import typer` (30 commands); the machine may be busy for a while."""
    script = Path(sys.executable).with_name("weitiao")
    helped = [str(script)] if script.exists() else [sys.executable, "-m", "weitiao.cli.app"]
    pairs = []
    for _ in range(6):
        bare = seconds_of(sys.executable, "-c", "import typer")
        pairs.append((seconds_of(*helped, "--help"), bare))
        ours, bare = (min(times) for times in zip(*pairs, strict=True))
        if ours <= 3.5 * bare:
            return
    pytest.fail(f"--help took {ours:.2f} s, `import typer` {bare:.2f} s")


def test_the_names_of_0_1_warn_and_name_the_new_ones():
    for name in weitiao._DEPRECATED:
        with pytest.warns(
            DeprecationWarning, match=rf"weitiao\.{name} is deprecated: use .*weitiao\."
        ):
            assert callable(getattr(weitiao, name))
        assert name not in weitiao.__all__


VERBS = {
    "fit",
    "look",
    "plan",
    "train",
    "evaluate",
    "predict",
    "explain",
    "calibrate",
    "report",
    "runs",
}
OTHERWISE = {  # options of the command line that Python spells otherwise
    "words": "changes", "json_": "", "rows": "rows", "path": "plan", "texts": "row", "root": "folder",
    "resume": "", "gate": "", "budget": "budget", "folder_labels": "", "yes": "",
}  # fmt: skip


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_options_are_called_as_on_the_command_line(verb):
    """`weitiao.fit` takes what `weitiao fit` takes."""
    import inspect

    from weitiao.api.fit import FitOptions
    from weitiao.cli.app import app

    command = next(c.callback for c in app.registered_commands if c.callback.__name__ == verb)
    wanted = {OTHERWISE.get(name, name) for name in inspect.signature(command).parameters} - {""}
    taken = dict(inspect.signature(getattr(weitiao, verb)).parameters)
    if "options" in taken:
        taken |= FitOptions.__annotations__
    if verb == "plan":
        wanted -= {"output", "full"}  # a Plan is returned: `plan.save(path, full=True)`
    if verb == "train":  # given as changes
        wanted -= {"skip_bad", "budget", "seed"}
    if verb in ("train", "predict", "tune"):
        wanted -= {"executor", "workers"}  # weitiao.train_on_cluster and the like
    if verb == "predict":  # texts are given to the model itself, columns as `roles`
        wanted -= {"text", "text_pair", "premise", "hypothesis", "question", "context"}
    assert wanted <= set(taken)


def test_check_returns_the_problems(tmp_path):
    plan = toy_plan("classification", "some/checkpoint")
    assert weitiao.check(plan, files=False) == []
    (problem,) = weitiao.check(plan, {"train.loss": {"mse": {}}}, files=False)
    assert "train.loss" in problem
    assert len(weitiao.check(plan)) == 2, "neither the rows nor the checkpoint are there"
    path = tmp_path / "plan.yaml"
    plan.save(path)
    assert weitiao.check(path, files=False) == []
    assert len(weitiao.check(path, {"train.epochs": -1}, files=False)) == 1
