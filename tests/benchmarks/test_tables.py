"""The benchmark's numbers: medians of runs, figures of merit, the page. Nothing is timed here."""

import json
from dataclasses import replace

import pytest

from benchmarks.figures import figures
from benchmarks.results import (
    Agreement,
    Cell,
    Convolution,
    Errors,
    Memory,
    Pipeline,
    Run,
    merge,
    read_json,
    write_json,
)
from benchmarks.table import markdown, sheets

EXACT = Errors(0.0, 1e-15, 2e-15)


def run(ours=0.010):
    """Return a made-up run of two networks."""
    return Run(
        machine={"processor": "a processor"},
        peak=100e9,
        agreements=[Agreement("lenet", 0.01, EXACT, EXACT, EXACT)],
        cells=[
            Cell("lenet", "train", 1, ours, 0.020, "eager", {"eager": 0.021}),
            Cell("mobilenet", "train", 1, 0.1, 0.45, "compile", {"eager": 0.5}, 0.1, 0.3, 0.1, 0.2),
        ],
        convolutions=[
            convolution(filters=64, ours=0.020),  # 50 GF/s
            convolution(filters=64, ours=0.010),  # 100 GF/s
            convolution(filters=20, ours=1.0),  # not whole vectors: not counted
        ],
        memory=[Memory("lenet", 2 << 20, 40 << 20, 8 << 20, 300 << 20, "eager")],
    )


def convolution(filters, ours):
    return Convolution(
        "lenet", (8, 32, 9, 9), filters, 3, 1, 1, 1, "forward", 10**9, ours, 0.03, "NHWC"
    )


def found(some, what):
    (figure,) = [figure for figure in figures(some) if figure.what.startswith(what)]
    return figure


def test_the_geometric_mean_and_the_lowest_stand_beside_their_targets():
    # ratios 0.020 / 0.010 = 2 and 0.45 / 0.1 = 4.5; sqrt(2 * 4.5) = 3
    mean = found(run(), "training step, 1 thread: geometric mean of 2")
    assert (mean.found, mean.target, mean.met) == ("3.00", "2.0", True)
    assert found(run(), "training step, 1 thread: lowest").met
    low = found(run(ours=0.025), "training step, 1 thread: lowest")
    assert (low.found, low.met) == ("0.80 (lenet)", False)


def test_what_was_measured_for_one_network_only_is_the_mean_of_one():
    assert found(run(), "training step, 1 thread: geometric mean, each side alone").found == "3.00"
    assert found(run(), "training step, 1 thread: geometric mean, memory kept").found == "2.00"


def test_convolutions_count_where_their_channels_fill_vectors():
    share = found(run(), "3x3 convolutions, forward")
    assert (share.found, share.met) == ("50%; 1 of 2 reach the target", False)


def test_memory_is_no_higher():
    assert found(run(), "peak memory").met
    more = replace(run().memory[0], ours_growth=9 << 20)
    assert not found(replace(run(), memory=[more]), "peak memory").met


def test_several_runs_become_one_by_medians():
    median = merge([run(0.010), run(0.040), run(0.011)])
    assert median.cells[0].ours == 0.011
    assert median.cells[0].alone_ours is None
    assert median.cells[1] == run().cells[1]


def test_what_a_run_left_out_does_not_count_and_is_said():
    short = replace(run(0.040), convolutions=[], cells=run(0.040).cells[:1])
    alone = dict.fromkeys(("alone_ours", "alone_theirs", "kept_ours", "kept_theirs"))
    short = replace(short, cells=[*short.cells, replace(run().cells[1], ours=0.2, **alone)])
    median = merge([short, run(0.010), short])
    assert median.convolutions == run().convolutions
    assert (median.cells[0].ours, median.cells[1].ours) == (0.040, 0.2)
    assert median.cells[1].alone_ours == 0.1
    page = markdown([short, run(), short])
    assert "Alone and memory kept: of 1. Each convolution: of 1." in page
    assert "Each convolution:" not in markdown([run(), run()])


def test_runs_come_back_from_their_file(tmp_path):
    file = tmp_path / "new" / "runs.json"
    write_json(file, [run(), run(0.5)])
    assert read_json(file) == [run(), run(0.5)]


def test_the_page_holds_every_table_row_by_row():
    page = markdown([run(0.010), run(0.040), run(0.011)])
    lines = page.splitlines()
    assert "| lenet | 1 | 11.00 | 20.00 | eager | 1.82 |  |  | 0.50-2.00 |" in lines
    assert "| mobilenet | 1 | 100 | 450 | compile | 4.50 | 3.00 | 2.00 | 4.50-4.50 |" in lines
    assert "| lenet | 2 | 8 | 0.25 | 40 | 300 | eager |" in lines
    for sheet in sheets([run()]):
        assert {len(row) for row in sheet.rows} == {len(sheet.headers)}, sheet.title


def test_the_span_of_one_run_is_not_shown():
    assert "| lenet | 1 | 10.00 | 20.00 | eager | 2.00 |  |  |" in markdown([run()]).splitlines()


@pytest.mark.parametrize("missing", ["cells", "convolutions", "memory", "agreements"])
def test_a_run_may_lack_a_part(missing):
    part = replace(run(), **{missing: []})
    assert "clearconv beside PyTorch" in markdown([part, part])


def pipeline(ours):
    return Run({"processor": "a processor"}, 0.0, pipeline=[
        Pipeline("both", 2, ours, 400.0, 500.0, "seed_cnn", (224, 224), "animals")
    ])  # fmt: skip


def test_the_pipeline_can_be_measured_by_itself_and_joined():
    both = [run(), pipeline(900.0), pipeline(1300.0), pipeline(1100.0)]
    figure = found(merge(both), "images decoded and augmented")
    assert (figure.found, figure.target, figure.met) == ("2.2", "2", True)  # 1100 / 500
    assert not found(pipeline(900.0), "images decoded and augmented").met
    page = markdown(both)
    assert "One run. Input pipeline: of 3." in page
    assert "| animals | both | 2 | 1,100 | 400 | 500 | 2.2 |" in page
    assert "| lenet | 1 | 10.00 | 20.00 | eager | 2.00 |" in page
    assert "100 GF/s" in page
    assert "Input pipeline" in markdown([pipeline(900.0)])


def test_a_file_written_before_the_pipeline_was_measured_is_read(tmp_path):
    path = tmp_path / "old.json"
    write_json(path, [run()])
    content = json.loads(path.read_text())
    del content["runs"][0]["pipeline"]
    path.write_text(json.dumps(content))
    assert read_json(path)[0].pipeline == []
    write_json(path, [pipeline(1.0)])
    assert read_json(path) == [pipeline(1.0)]
