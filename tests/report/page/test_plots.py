"""The pictures: what is drawn is what is in the files, every text is text, no id clashes, every colour follows the theme."""

from __future__ import annotations

import re
from math import log
from xml.etree import ElementTree

import pytest

from parity.report.page import axes, phases, ratios, roofline, scaling, shapes, svg, training
from parity.report.page.schemas import BENCH, RUN
from tests.report.page import sample


def bench():
    return shapes.checked(sample.bench(), BENCH)


def run():
    return shapes.checked(sample.run(), RUN)


@pytest.fixture(scope="module")
def pictures():
    found = bench()
    return {
        one.name: one
        for one in (
            ratios.ratio_picture(found["comparisons"]),
            *scaling.section(found["scaling"]).pictures,
            *roofline.section(found).pictures,
            *phases.section(found["phases"]).pictures,
            *training.section(run()).pictures,
        )
    }


def words(picture, which="wide"):
    return [element.text for element in ElementTree.fromstring(getattr(picture, which)).iter("text")]


def drawings(pictures):
    return [drawing for one in pictures.values() for drawing in (one.wide, one.narrow)]


def paths(picture, colour):
    """The vertices of every line of this colour that is drawn with a path."""
    found = []
    for element in ElementTree.fromstring(picture.wide).iter("path"):
        style = element.get("style", "")
        if f"stroke: var(--{colour})" in style and "fill: none" in style:
            found.append([tuple(map(float, pair)) for pair in re.findall(r"[ML] (\S+) (\S+)", element.get("d"))])
    return found


def test_there_is_one_of_each(pictures):
    assert list(pictures) == [
        "ratios", "scaling-0", "scaling-1", "roofline-0", "roofline-1", "compile-times", "training-loss",
    ]  # fmt: skip


class TestEvery:
    def test_is_well_formed_and_named(self, pictures):
        for drawing in drawings(pictures):
            root = ElementTree.fromstring(drawing)
            assert (root.tag, root.get("role")) == ("svg", "img")
            ids = {element.get("id"): element for element in root.iter() if element.get("id")}
            assert ids[root.get("aria-labelledby")].text
            assert len(ids[root.get("aria-describedby")].text) > 40

    def test_ids_are_unique_on_the_page_and_every_reference_holds(self, pictures):
        everything = "".join(drawings(pictures))
        ids = re.findall(r'\bid="([^"]+)"', everything)
        assert len(ids) == len(set(ids)) > 500
        references = re.findall(r'href="#([^"]+)"', everything) + re.findall(r"url\(#([^)]+)\)", everything)
        assert len(references) > 100
        assert set(references) <= set(ids)

    def test_no_colour_but_those_of_the_theme(self, pictures):
        for drawing in drawings(pictures):
            assert not re.findall(r"#[0-9a-f]{6}\b|rgb\(", str(drawing))
            assert "var(--ink)" in drawing

    def test_text_is_text_in_the_fonts_of_the_page(self, pictures):
        for drawing in drawings(pictures):
            root = ElementTree.fromstring(drawing)
            told = list(root.iter("text"))
            assert len(told) > 5
            assert {"var(--sans)" in element.get("style") for element in told} == {True}
            assert not list(root.iter("style"))  # it would hold for the whole page

    def test_the_frameworks_differ_without_colour(self):
        assert svg.MARKER["jax"] != svg.MARKER["torch"]
        assert svg.DASHES["jax"] != svg.DASHES["torch"]

    def test_drawn_again_is_the_same(self, pictures):
        assert ratios.ratio_picture(bench()["comparisons"]) == pictures["ratios"]

    def test_an_element_in_a_name_stays_text(self):
        found = bench()
        for comparison in found["comparisons"]:
            comparison["op"] = sample.ATTACK
        picture = ratios.ratio_picture(found["comparisons"])
        for drawing in (picture.wide, picture.narrow):
            assert "<script" not in drawing
            assert "&lt;script&gt;" in drawing
        assert any(sample.ATTACK in text for text in words(picture))

    def test_a_dollar_is_a_dollar(self):
        found = bench()
        found["comparisons"][0]["op"] = "$x^2$"
        assert any("$x^2$" in text for text in words(ratios.ratio_picture(found["comparisons"])))


class TestRatios:
    def test_every_candidate_but_the_base_has_a_row(self, pictures):
        told = words(pictures["ratios"])
        assert told.count("torch.compile") == 5
        assert told.count("SDPA") == told.count("jax.nn.dot_product_attention") == 1
        assert "jax.jit" not in told
        assert "flex_attention" not in told
        assert {"0.704 FASTER", "1.014 CANNOT TELL", "0.995 SAME", "1.459 SLOWER"} <= set(told)

    def test_narrow_says_the_same(self, pictures):
        narrow = set(words(pictures["ratios"], "narrow"))
        assert {"0.704 FASTER", "jax.nn.dot_product_attention", "attention gradient · float32"} <= narrow

    def test_description_has_the_numbers(self, pictures):
        assert "attention forward float32, SDPA: 0.410 (0.406 to 0.414), FASTER" in pictures["ratios"].description
        assert pictures["ratios"].description.startswith("13 ratios")

    def test_markers_and_intervals_stand_where_they_must(self):
        picture = ratios.ratio_picture(bench()["comparisons"][:1])
        uses = [(float(one.get("x")), float(one.get("y"))) for one in ElementTree.fromstring(picture.wide).iter("use")]
        lines = [line for line in paths(picture, "torch") if len(line) == 2 and line[0][1] == line[1][1]]
        bars = [line for line in lines if line[0][1] > 30]  # the legend is above
        found = []
        for (low, y), (high, _) in bars:
            start, middle, end = sorted(x for x, other in uses if abs(other - y) < 0.01)  # a cap, the marker, a cap
            assert (start, end) == pytest.approx((low, high), abs=0.01)
            found.append((middle, low, high))
        sdpa, compiled, torch = sorted(found)
        point = (torch[0] - sdpa[0]) / log(0.97 / 0.41)  # SVG points for a factor of e
        for (middle, low, high), value, around in ((sdpa, 0.41, 0.01), (compiled, 0.704, 0.02), (torch, 0.97, 0.045)):
            assert middle - sdpa[0] == pytest.approx(point * log(value / 0.41), abs=0.01)
            assert low - middle == pytest.approx(point * log(1 - around), abs=0.01)
            assert high - middle == pytest.approx(point * log(1 + around), abs=0.01)

    def test_the_range_is_that_of_the_compiled(self):
        low, high = ratios.limits(bench()["comparisons"])
        assert low < 0.406 < 1.474 < high < 3  # an eager one is at 22

    def test_a_ratio_without_an_interval_is_drawn(self):
        found = sample.bench()
        found["comparisons"][0]["candidates"][3]["ratio"].update(low=None, high=None)
        found["comparisons"][0]["control"]["ratio"].update(low=None, high=None)
        found["comparisons"][0]["candidates"][4]["ratio"].update(value=None)
        told = words(ratios.ratio_picture(shapes.checked(found, BENCH)["comparisons"]))
        assert "0.704 FASTER" in told
        assert "jax.nn.dot_product_attention" not in told

    def test_nothing_timed_is_no_picture(self):
        assert ratios.ratio_picture([]) is None
        assert ratios.ratio_picture(bench()["comparisons"][4:5]) is None


class TestScaling:
    def test_crossover_and_exponents_are_told(self, pictures):
        told = " ".join(words(pictures["scaling-0"]))
        assert "crossover at T = 527" in told
        assert "jax.jit: time ~ T^1.90 (1.70 to 2.10)" in told
        assert "torch.compile: time ~ T^1.45 (1.35 to 1.55)" in told

    def test_a_failed_point_is_marked(self, pictures):
        assert "failed" in words(pictures["scaling-1"])
        assert "failed" not in words(pictures["scaling-0"])
        assert "128 failed: out of memory" in pictures["scaling-1"].description

    def test_the_curves_cross_at_the_crossover(self, pictures):
        lines = {side: max(paths(pictures["scaling-0"], side), key=len) for side in ("jax", "torch")}
        assert {len(line) for line in lines.values()} == {6}
        below, above = ([lines[side][place][1] for side in ("jax", "torch")] for place in (0, 5))
        assert below[0] > below[1]  # downwards in SVG: jax is faster at first
        assert above[0] < above[1]

    def test_one_side_alone_is_drawn(self):
        entry = bench()["scaling"][0]
        for point in entry["points"]:
            del point["seconds"]["torch.compile"]
            point.update(ratio=None, message="no compiler")
        section = scaling.section([entry])
        assert len(section.pictures) == 1
        assert {row[8].text for row in section.tables[0].rows} == {"failed"}

    def test_without_any_time_there_is_a_table_only(self):
        entry = bench()["scaling"][0]
        for point in entry["points"]:
            point.update(seconds={}, ratio=None)
        section = scaling.section([entry])
        assert section.pictures == ()
        assert len(section.tables[0].rows) == 6


class TestRoofline:
    def test_table(self):
        rows = [[cell.text for cell in row] for row in roofline.section(bench()).tables[0].rows]
        assert rows[0][4:] == ["250", "370 GFLOP/s", "arithmetic", "317 GFLOP/s", "85.7 %", "SDPA"]
        assert rows[4][4:] == ["1.68", "47.0 GFLOP/s", "memory", "22.6 GFLOP/s", "48.1 %", "jax.jit"]
        assert [row[0] for row in rows] == ["1", "2", "3", "4", "5", "1"]

    def test_roof_has_its_ridge(self, pictures):
        roof = next(line for line in paths(pictures["roofline-0"], "ink") if len(line) == 3)
        assert roof[0][1] > roof[1][1] == roof[2][1]

    def test_numbers_do_not_lie_on_each_other(self):
        spots, texts = [(0.0, 0.0), (8.0, 1.0), (9.0, 12.0), (100.0, 0.0)], ["1–12", "13", "14", "15"]
        lifts = roofline.lifts(spots, texts)
        assert lifts[3] == 5
        placed = [(x, y + lift, 5 * len(text)) for (x, y), lift, text in zip(spots, lifts, texts, strict=True)]
        for index, (x, y, width) in enumerate(placed):
            for other_x, other_y, other_width in placed[:index]:
                assert abs(x - other_x) >= (width + other_width) / 2 or abs(y - other_y) >= 9

    def test_markers_on_each_other_share_a_label(self):
        assert roofline.together([(0, 0), (50, 0), (1, 2), (0, 30), (50, 5)]) == [[0, 2], [1, 4], [3]]
        assert roofline.numbers([1, 2, 3, 5, 7, 8]) == "1–3, 5, 7–8"

    def test_every_comparison_has_its_number(self, pictures):
        assert {"1", "2", "3", "4", "5"} <= set(words(pictures["roofline-0"]))

    def test_who_measured_the_limits(self, pictures):
        assert "measured by torch." in pictures["roofline-0"].caption
        assert "measured by jax (arithmetic) and torch (memory)." in pictures["roofline-1"].caption

    def test_without_work_or_limits(self):
        found = bench()
        found["limits"] = {}
        assert "not measured" in roofline.section(found).missing
        found = bench()
        for comparison in found["comparisons"]:
            comparison["work"] = None
        assert "known number of FLOP and bytes" in roofline.section(found).missing


class TestPhases:
    def test_sums_are_told_and_unknown_is_no_bar(self, pictures):
        told = words(pictures["compile-times"])
        assert {"772 ms", "542 ms", "8.32 s", "2.63 s"} <= set(told)
        assert told.count("unknown") == 2

    def test_parts(self):
        assert phases.parts(bench()["phases"][0], "cold") == [0.41, 0.05, 0.31, 0.002]
        assert phases.parts(bench()["phases"][-1], "cold") is None

    def test_all_unknown_is_a_table_only(self):
        section = phases.section(bench()["phases"][-1:])
        assert section.pictures == ()
        assert section.tables[0].rows[0][-1].text == "CppCompileError: g++ is not installed"

    def test_memory(self):
        rows = [[cell.text for cell in row] for row in phases.memory(bench()["phases"]).tables[0].rows]
        assert [row[3] for row in rows] == ["41.2 MB", "58.7 MB", "1.23 GB", "41.2 MB", "41.2 MB", "–"]
        assert rows[-1][4] == "CppCompileError: g++ is not installed"


class TestTraining:
    def test_table_is_the_curve(self):
        found = run()
        rows = training.section(found).tables[0].rows
        assert (rows[0][0].text, rows[-1][0].text) == ("0", "499")
        for step, jax, torch, apart in rows:
            losses = found["training"]["losses"]
            assert jax.value == losses["jax"][int(step.text)]
            assert torch.value == losses["torch"][int(step.text)]
            assert apart.value == abs(jax.value - torch.value)

    @pytest.mark.parametrize(
        "losses", [{"jax": [0.0], "torch": [0.0]}, {"jax": [-1.0, 2.0], "torch": [-1.0, 2.0, 3.0]}]
    )
    def test_curves_that_no_log_axis_takes(self, losses):
        found = run()
        found["training"]["losses"] = losses
        assert len(training.section(found).pictures) == 1

    @pytest.mark.parametrize("losses", [{}, {"jax": [1.0]}, {"jax": [1.0], "torch": []}])
    def test_one_side_alone_is_missing(self, losses):
        found = run()
        found["training"]["losses"] = losses
        assert "no training run in both frameworks" in training.section(found).missing


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.9, 110, 9, [1, 2, 5, 10, 20, 50, 100]),
        (0.9, 110, 5, [1, 10, 100]),
        (0.38, 1.55, 5, [0.5, 0.7, 1, 1.5]),
        (1e-6, 1e6, 5, [1e-6, 1e-3, 1, 1e3, 1e6]),
    ],
)
def test_steps(low, high, most, expected):
    assert axes.steps(low, high, most) == pytest.approx(expected)


@pytest.mark.parametrize(("low", "high"), [(0.98, 1.02), (0.999, 1.0011), (3.1, 3.3), (1e-300, 1e300)])
def test_steps_are_never_too_few_or_too_many(low, high):
    found = axes.steps(low, high, 5)
    assert 1 <= len(found) <= 6
    assert all(low <= step <= high for step in found)
