import dataclasses
import json
from math import isnan, nan
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fewshot.toy import ONSET, site
from jvlgs_jax.errors import UserError
from jvlgs_jax.fewshot.protocol import (
    START,
    Measurement,
    ProtocolConfig,
    check_measured,
    divide_scene,
    scene_sha256,
    settings_of,
)
from jvlgs_jax.fewshot.protocol_report import (
    bootstrapped,
    claim_output,
    curve,
    load_measurements,
    markdown,
    save_measurements,
    save_report,
)


def found(scene: str, method: str, shots: int, j: float, *, group: str = "", alarms: int = 0) -> Measurement:
    return Measurement(
        scene=scene,
        group=group or scene,
        method=method,
        shots=shots,
        j=j,
        f=j,
        leak_frames=20,
        leak_free_frames=10,
        false_alarms=alarms,
        amount=8.0,
        seconds=60.0,
        settings=settings_of(method),
        scene_sha256="",
    )


MEASURED = [
    *(found(scene, START, 0, j, alarms=1) for scene, j in (("a", 0.2), ("b", 0.4), ("c", 0.6))),
    *(found(scene, "decoder", 5, j) for scene, j in (("a", 0.5), ("b", 0.6), ("c", 0.7))),
]


def test_support_and_query_are_apart_in_time():
    config = ProtocolConfig(gap=10, stride=2)
    scene = site(20.0, frames=150)
    division = divide_scene(scene, config)
    assert division.gas == list(range(ONSET, 100))
    assert division.leak_free == list(range(ONSET // 2))  # none of them has enough of a past for the background
    early = [*division.gas, *division.leak_free]
    assert min(abs(a - b) for a in early for b in division.query) > 10
    assert {scene.truth[n].any() for n in division.query} == {True, False}
    assert max(division.query) >= 148


def test_a_scene_without_enough_gas_is_refused():
    with pytest.raises(UserError, match="scene yard shows gas in 5 frames, too few to learn from some and score"):
        divide_scene(site(20.0, frames=ONSET + 5), ProtocolConfig())
    with pytest.raises(UserError, match="no truth"):
        divide_scene(dataclasses.replace(site(20.0), truth=None), ProtocolConfig())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"methods": ("decodr",)}, "unknown method 'decodr'.*did you mean 'decoder'"),
        ({"methods": ("decoder:step=3",)}, "unknown setting 'step'"),
        ({"methods": ("decoder", "all", "decoder:steps=24")}, "methods hold decoder:steps=24 twice: leave one out"),
        ({"shots": (0, 1)}, "the least is 1: K = 0 is always there"),
        ({"shots": (1, 5, 1)}, "shots hold 1 twice: leave one out"),
        ({"stride": 0}, "stride is 0, the least is 1"),
    ],
)
def test_bad_settings_are_refused(settings: dict, message: str):
    with pytest.raises(UserError, match=message):
        ProtocolConfig(**settings)


def test_the_curve_has_means_gains_and_rates_of_the_same_scenes():
    start, adapted = curve(MEASURED)
    assert (start.method, start.shots, start.j.mean) == (START, 0, pytest.approx(0.4))
    assert adapted.gain.mean == pytest.approx(0.2)
    assert adapted.gain.low == pytest.approx(0.1, abs=0.02)
    assert adapted.gain.high == pytest.approx(0.3, abs=0.02)
    assert (adapted.false_alarm_rate, adapted.false_alarm_rate_before) == (0.0, pytest.approx(0.1))
    assert "| decoder | 5 | 3 | 0.600 [0.500, 0.700] | 0.200 [" in markdown([start, adapted])


def test_a_method_that_was_not_measured_everywhere_is_compared_with_the_start_on_its_own_scenes():
    (_, adapted) = curve(MEASURED[:-2])
    assert (adapted.scenes, adapted.gain.mean) == (1, pytest.approx(0.3))


def test_scenes_of_one_background_are_drawn_together():
    values = [0.0, 0.0, 0.0, 1.0]
    apart = bootstrapped(values, ["a", "b", "c", "d"])
    together = bootstrapped(values, ["a", "a", "a", "d"])
    assert (apart.mean, together.mean) == (0.25, 0.25)
    assert (together.low, together.high) == (0.0, 1.0)
    assert apart.high < 1.0
    assert isnan(bootstrapped(values, ["a"] * 4).low)


def test_the_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    names = [str(k) for k in range(20)]
    draws = [bootstrapped(rng.normal(0.5, 0.1, 20).tolist(), names, seed=k) for k in range(100)]
    covered = sum(interval.low <= 0.5 <= interval.high for interval in draws)
    assert 85 <= covered <= 99


def test_the_report_is_a_table_json_and_a_picture(tmp_path: Path):
    save_report(tmp_path, [*MEASURED, found("d", START, 0, nan)], ["a note"])
    assert "a note" in (tmp_path / "few_shot.md").read_text()
    content = json.loads((tmp_path / "few_shot.json").read_text())
    assert content["points"][1]["method"] == "decoder"
    assert content["scenes"][-1]["j"] is None
    picture = ElementTree.fromstring((tmp_path / "few_shot.svg").read_text())
    assert len(picture.findall(".//{*}polyline")) == 1
    assert len(picture.findall(".//{*}circle")) == 2


def test_measurements_come_back_as_they_were(tmp_path: Path):
    path = tmp_path / "measurements.jsonl"
    assert load_measurements(path) == []
    save_measurements(path, MEASURED)
    assert load_measurements(path) == MEASURED
    path.write_text('{"scene": "a", "of_another_version": 1}\n')
    with pytest.raises(UserError, match=r"measurements.jsonl: damaged, or of another version"):
        load_measurements(path)


def test_measurements_of_other_data_and_of_other_settings_are_not_mixed():
    scene, config = site(20.0), ProtocolConfig()
    same = found("yard", "decoder", 5, 0.5)._replace(scene_sha256=scene_sha256(scene))
    check_measured(scene, config, [same, found("elsewhere", "decoder", 5, 0.5)])
    assert scene.truth is not None
    for other in (site(21.0), dataclasses.replace(scene, truth=1 - scene.truth)):
        with pytest.raises(UserError, match="scene yard was measured with other frames or another truth"):
            check_measured(other, config, [same])
    with pytest.raises(UserError, match="scene yard was measured by decoder with other settings, an older one"):
        check_measured(scene, config, [same._replace(settings="an older one")])


def test_measurements_of_two_models_are_not_mixed(tmp_path: Path):
    claim_output(tmp_path / "out", {"model": "a"})
    claim_output(tmp_path / "out", {"model": "a"})
    with pytest.raises(UserError, match="measured with another model, protocol or dataset"):
        claim_output(tmp_path / "out", {"model": "b"})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds something else"):
        claim_output(tmp_path / "full", {"model": "a"})
