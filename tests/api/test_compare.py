"""weitiao compare: runs, recipes and files of predictions, matched row by row."""

import csv
import json
import random
import shutil

import pytest
from typer.testing import CliRunner

import weitiao
from judged_runs import judged_run
from weitiao.cli.app import app
from weitiao.errors import WeitiaoError
from weitiao.i18n.messages import speaking
from weitiao.results import run_data

TEXTS = [f"row {i}: write to li{i}@example.com <script>alert({i})</script>" for i in range(120)]
LABELS = [["good", "bad", "so so"][i * 7 % 3] for i in range(120)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two runs on the same file, and two recipes of three seeds each."""
    root = tmp_path_factory.mktemp("compared")
    for name, right in (("plain", 0.7), ("better", 0.93)):
        (root / name).mkdir()
        for seed in range(3):
            run = judged_run(root, TEXTS, LABELS, right=right, seed=seed + len(name) * 10)
            rate = 1e-4 if name == "better" else 5e-5
            run.plan().with_({"train.seed": seed, "train.learning_rate": rate}).save(run.plan_path)
            shutil.move(run.folder, root / name / f"seed-{seed}")
    return root


def answers_of(root, name="plain/seed-0"):
    kept = run_data.read_answers(root / name)
    return [kept.answers.labels[value] for value in kept.answers.values]


def write(path, head, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return path


def test_two_runs(made):
    found = weitiao.compare(made / "plain/seed-0", made / "better/seed-0")
    assert found.verdict == "better"
    assert found.names == ("plain/seed-0", "better/seed-0")
    one = found.comparisons[0]
    assert one.rows == 120
    assert one.gaps[0].name == "accuracy"
    assert one.mcnemar is not None
    assert found.settings()["train.learning_rate"] == [5e-5, 1e-4]
    json.dumps(found.summary())


@pytest.mark.parametrize("how", ["folder", "pattern", "commas"])
def test_recipes_however_they_are_named(how, made):
    def named(name):
        paths = [str(made / name / f"seed-{seed}") for seed in range(3)]
        return {"folder": str(made / name), "pattern": str(made / name / "seed-*"),
                "commas": ",".join(paths)}[how]  # fmt: skip

    found = weitiao.compare(named("plain"), named("better"))
    assert [one.kind for one in found.aligned.contenders] == ["recipe", "recipe"]
    assert len(found.comparisons[0].gaps[0].first) == 3
    assert found.verdict == "better"
    assert list(found.settings()) == ["train.learning_rate"]


def test_runs_of_different_plans_are_no_recipe(made):
    mixed = f"{made / 'plain/seed-0'},{made / 'better/seed-1'}"
    with pytest.raises(WeitiaoError, match=r"differ in train\.learning_rate"):
        weitiao.compare(mixed, made / "plain")


def test_predictions_are_matched_by_id_by_text_and_by_the_users_own_column(made, tmp_path):
    given = answers_of(made)
    ids = [f"rows.jsonl:{line}" for line in range(1, 121)]
    order = random.Random(0).sample(range(120), 120)
    by_id = write(tmp_path / "id.csv", ["id", "pred"], [(ids[i], given[i]) for i in order])
    by_text = write(
        tmp_path / "text.csv", ["text", "answer"], [(TEXTS[i], given[i]) for i in order]
    )
    lines = [json.dumps({"text": TEXTS[i], "prediction": given[i]}) for i in order]
    by_json = (
        tmp_path / "rows.jsonl"
    )  # called like the file of the rows, its lines in another order
    by_json.write_text("\n".join(lines), encoding="utf-8")
    for file in (by_id, by_text, by_json):
        found = weitiao.compare(made / "plain/seed-0", file)
        assert found.verdict == "same", file
        assert found.comparisons[0].rows == 120


def test_the_users_own_ids(tmp_path):
    rows = [
        {"id": f"r{i}", "text": t, "label": y}
        for i, (t, y) in enumerate(zip(TEXTS, LABELS, strict=True))
    ]
    run = judged_run(tmp_path, TEXTS, LABELS, name="own")
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    given = answers_of(run.folder.parent, run.folder.name)
    order = random.Random(1).sample(range(120), 100)
    theirs = write(tmp_path / "theirs.csv", ["id", "output"], [(f"r{i}", given[i]) for i in order])
    found = weitiao.compare(run.folder, theirs)
    assert found.verdict == "same"
    assert found.comparisons[0].rows == 100
    assert "120 rows, of which 100 are common to all" in found.aligned.notes[0]


def test_answers_that_are_no_labels_are_wrong_but_case_and_blanks_are_forgiven(made, tmp_path):
    given = answers_of(made)
    odd = [" " + one.upper() for one in given]
    file = write(tmp_path / "llm.csv", ["text", "answer"], zip(TEXTS, odd, strict=True))
    assert weitiao.compare(made / "plain/seed-0", file).verdict == "same"
    odd[:40] = ["I am not sure"] * 30 + [""] * 10
    file = write(tmp_path / "llm2.csv", ["text", "answer"], zip(TEXTS, odd, strict=True))
    found = weitiao.compare(made / "plain/seed-0", file)
    wrong = sum(a == b for a, b in zip(given[:40], LABELS[:40], strict=True))
    before, after = found.comparisons[0].gaps[0].means
    assert after == pytest.approx(before - wrong / 120)
    assert "10 rows without a prediction: counted as wrong" in " ".join(found.aligned.notes)


def test_files_alone_need_the_truth_in_one_of_them(made, tmp_path):
    rules = write(tmp_path / "rules.csv", ["text", "pred"], [(t, "good") for t in TEXTS])
    with pytest.raises(WeitiaoError, match="none of the files has the truth"):
        weitiao.compare(rules, rules)
    given = answers_of(made)
    known = write(tmp_path / "known.csv", ["text", "label", "pred"],
                  zip(TEXTS, LABELS, given, strict=True))  # fmt: skip
    found = weitiao.compare(rules, known)
    assert found.verdict == "better"
    assert found.comparisons[0].gaps[0].means[0] == pytest.approx(LABELS.count("good") / 120)
    named = write(
        tmp_path / "named.csv", ["t", "gold", "a"], zip(TEXTS, LABELS, given, strict=True)
    )
    columns = {"prediction": "a", "target": "gold", "text": "t"}
    assert weitiao.compare(named, named, **columns).verdict == "same"


def test_numbers_and_several_labels(tmp_path):
    numbers = [i % 7 + 0.5 for i in range(90)]
    runs = [judged_run(tmp_path, TEXTS[:90], numbers, task="regression", right=right, seed=seed)
            for seed, right in enumerate((0.3, 0.8))]  # fmt: skip
    found = weitiao.compare(*(run.folder for run in runs))
    assert found.verdict == "better"
    assert [gap.name for gap in found.comparisons[0].gaps] == ["pearson", "spearman", "mae", "rmse"]
    assert found.comparisons[0].gaps[2].change.value > 0, "a smaller error is better"
    sets = [["a"], ["a", "b"], []] * 30
    runs = [judged_run(tmp_path, TEXTS[:90], sets, task="multilabel", right=right, seed=seed, name="m")
            for seed, right in enumerate((0.5, 0.95))]  # fmt: skip
    assert weitiao.compare(*(run.folder for run in runs)).verdict == "better"


def test_paths_are_compared_level_by_level_as_they_were_judged(tmp_path):
    """The figure was the accuracy: nothing said that the labels are paths."""
    paths = [["sport/ball", "sport/ice", "money/bank", "money/shop"][i * 7 % 4] for i in range(90)]
    runs = [judged_run(tmp_path, TEXTS[:90], paths, settings={"separator": "/"}, seed=seed)
            for seed in range(2)]  # fmt: skip
    found = weitiao.compare(*(run.folder for run in runs), metric="hierarchical_f1")
    (gap,) = [one for one in found.comparisons[0].gaps if one.name == "hierarchical_f1"]
    told = [run.read("metrics")["metrics"] for run in runs]
    assert gap.means == pytest.approx([one["hierarchical_f1"] for one in told])
    assert gap.means[0] > told[0]["accuracy"]


def test_another_truth_means_other_rows(made, tmp_path):
    swapped = {"good": "bad", "bad": "so so", "so so": "good"}
    run = judged_run(tmp_path, TEXTS, [swapped[y] for y in LABELS], name="rows")
    with pytest.raises(WeitiaoError, match="has another truth in the two"):
        weitiao.compare(made / "plain/seed-0", run.folder)


def test_mistakes_are_told(made, tmp_path):
    run = made / "plain/seed-0"
    odd = write(tmp_path / "odd.csv", ["a", "b", "c"], [(1, 2, 3)])
    for things, told in (
        ((run,), "needs two things"),
        ((run, tmp_path / "nothing"), "no run and no file"),
        ((run, odd), "which column holds the predictions"),
        (
            (run, write(tmp_path / "else.csv", ["text", "pred"], [("x", "good")])),
            "no row is common",
        ),
    ):
        with pytest.raises(WeitiaoError, match=told):
            weitiao.compare(*things)
    with pytest.raises(WeitiaoError, match="cannot decide here"):
        weitiao.compare(run, made / "better/seed-0", metric="roc_auc")
    young = tmp_path / "young"
    shutil.copytree(run, young)
    (young / "answers.parquet").unlink()
    with pytest.raises(WeitiaoError, match="has not been evaluated"):
        weitiao.compare(run, young)


def test_several_comparisons_widen_the_intervals(made):
    two = weitiao.compare(made / "plain/seed-0", made / "better/seed-0").comparisons[0]
    three = weitiao.compare(
        made / "plain/seed-0", made / "better/seed-0", made / "better/seed-1"
    ).comparisons[0]
    assert (two.level, three.level) == (0.95, 0.975)
    assert three.gaps[1].change.high > two.gaps[1].change.high


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_says_it_and_other_peoples_texts_stay_texts(language, made, tmp_path):
    with speaking(language):
        found = weitiao.compare(made / "plain", made / "better")
        text = found.write(tmp_path / "compare.html").read_text(encoding="utf-8")
    assert {"en": "is better than", "zh": "更好"}[language] in text
    assert "&lt;script&gt;alert(" in text
    assert text.count("<script") == 3
    assert "@example.com" not in text
    open_text = found.write(tmp_path / "open.html", unmasked=True).read_text(encoding="utf-8")
    assert "@example.com" in open_text
    assert "train.learning_rate" in text
    assert "default-src" in text


def test_the_rows_that_flipped_are_those(made, tmp_path):
    first, second = answers_of(made), answers_of(made, "better/seed-0")
    right = [(a == y, b == y) for a, b, y in zip(first, second, LABELS, strict=True)]
    text = weitiao.compare(made / "plain/seed-0", made / "better/seed-0").write(
        tmp_path / "compare.html"
    ).read_text(encoding="utf-8")  # fmt: skip
    gained = [i for i, (a, b) in enumerate(right) if b and not a]
    lost = [i for i, (a, b) in enumerate(right) if a and not b]
    assert f"Now right: {len(gained)} row" in text
    assert f"Now wrong: {len(lost)} row" in text
    for i in [*gained, *lost][:40]:
        assert f"<bdi>rows.jsonl:{i + 1}</bdi>" in text


def test_on_the_command_line(made, tmp_path):
    page = str(tmp_path / "page.html")
    words = ["compare", str(made / "plain"), str(made / "better"), "-o", page]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["comparisons"][0]["verdict"] == "better"
    assert told["page"] == page
    shown = CliRunner().invoke(app, words)
    assert "Better. better is better than plain" in shown.stderr.replace("\n", " ")


@pytest.mark.parametrize("task", [None, "token_classification"])
def test_files_of_spans_are_refused(task, tmp_path):
    cells = [["0", '[{"text": "Ada", "start": 0, "end": 3, "label": "PER", "score": 0.9}]']] * 12
    path = str(write(tmp_path / "answers.csv", ["id", "prediction"], cells))
    with pytest.raises(
        WeitiaoError, match=r"answers\.csv: files of tags or spans are not compared"
    ):
        weitiao.compare(path, path, task=task)
