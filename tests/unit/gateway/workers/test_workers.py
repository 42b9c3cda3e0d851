"""What a gateway of several processes says of itself, and how it starts them."""

import random
from collections import defaultdict

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from services.gateway.settings import GatewaySettings
from services.gateway.workers.combined_health import (
    NOT_RUNNING,
    SILENT,
    STARTING,
    State,
    not_accepting_because,
    not_ready_because,
)
from services.gateway.workers.combined_metrics import merge
from services.gateway.workers.parent import environment_of
from services.gateway.workers.restarts import MOST_ENDS, WINDOW_SECONDS, Restarts
from shared.process.metrics.fast_histogram import FastHistogram
from tests.unit.gateway.test_settings import refusal

READY = State(None, None)
NO_REDIS = State("no connection to redis", None)


@pytest.mark.parametrize(
    ("states", "because"),
    [
        ([READY, READY], None),
        (
            [READY, NO_REDIS, State.unable(STARTING), NO_REDIS],
            "no connection to redis (workers 2, 4 of 4); starting (worker 3 of 4)",
        ),
    ],
)
def test_a_gateway_is_ready_when_all_workers_are(states: list[State], because: str | None) -> None:
    assert not_ready_because(states) == because


@pytest.mark.parametrize(
    ("states", "because"),
    [
        # The kernel gives devices only to those that listen.
        ([State.unable(NOT_RUNNING), NO_REDIS], None),
        (
            [State.unable(STARTING), State.unable(NOT_RUNNING)],
            "starting (worker 1 of 2); not running (worker 2 of 2)",
        ),
        # That one listens too, and would get its share.
        ([READY, State.unable(SILENT, hangs=True)], "does not answer (worker 2 of 2)"),
    ],
)
def test_a_gateway_accepts_while_one_worker_does_and_none_hangs(
    states: list[State], because: str | None
) -> None:
    assert not_accepting_because(states) == because


def exposition(connections: float) -> bytes:
    registry = CollectorRegistry()
    Gauge("devices", 'Here "now".\nAll.', ["kind"], registry=registry).labels("charger").set(
        connections
    )
    closes = Counter("closes", "Closes.", ["code"], registry=registry)
    closes.labels('4"0\\9\n# HELP {a="b"} 1').inc(connections)
    Counter("unused", "Nothing yet.", ["code"], registry=registry)
    Histogram("took", "Seconds.", registry=registry, buckets=[1, 2]).observe(connections)
    Info("build", "Of what.", registry=registry).info({"version": "1"})
    return generate_latest(registry)


def test_merged_metrics_have_the_series_of_every_worker_and_nothing_twice() -> None:
    text = merge({"1": exposition(0.5), "2": exposition(1.5)}).decode()
    lines = text.splitlines()
    for word in ("# HELP", "# TYPE"):
        names = [line.split()[2] for line in lines if line.startswith(word)]
        assert len(names) == len(set(names)), word
    samples = [
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    assert len(samples) == len(set(samples))
    assert {dict(labels)["worker"] for _, labels in samples} == {"1", "2"}


def test_merging_changes_no_value_no_type_and_no_text() -> None:
    text = exposition(1.5)
    before = list(text_string_to_metric_families(text.decode()))
    merged_text = merge({"1": exposition(0.5), "2": text}).decode()
    after = list(text_string_to_metric_families(merged_text))
    assert [(f.name, f.type, f.documentation) for f in after] == [
        (f.name, f.type, f.documentation) for f in before
    ]
    for family, original in zip(after, before, strict=True):
        kept = [
            (sample.name, {k: v for k, v in sample.labels.items() if k != "worker"}, sample.value)
            for sample in family.samples
            if sample.labels["worker"] == "2"
        ]
        assert kept == [(s.name, s.labels, s.value) for s in original.samples]


def test_histograms_of_all_workers_add_up_as_counters_do() -> None:
    texts = {}
    for worker, values in {"1": (0.5, 3.0), "2": (0.5,)}.items():
        registry = CollectorRegistry()
        took = FastHistogram("took_seconds", "Seconds.", (1.0, 5.0), registry=registry).of()
        for value in values:
            took.observe(value)
        texts[worker] = generate_latest(registry)
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for family in text_string_to_metric_families(merge(texts).decode()):
        for sample in family.samples:
            # What `sum without(worker)` is.
            what = sample.name.removeprefix("took_seconds_"), sample.labels.get("le", "")
            sums[what] += sample.value
    assert sums == {
        ("bucket", "1.0"): 2,
        ("bucket", "5.0"): 3,
        ("bucket", "+Inf"): 3,
        ("count", ""): 3,
        ("sum", ""): 4.0,
    }


def test_no_worker_that_answers_is_an_exposition_too() -> None:
    assert merge({}) == b""


def test_a_worker_that_ended_is_restarted_at_once_and_then_more_slowly() -> None:
    restarts = Restarts(random.Random(1))
    delays = [restarts.delay(float(second)) for second in range(MOST_ENDS - 1)]
    for bound, delay in zip((0.1, 0.2, 0.4, 0.8), delays, strict=True):
        assert delay is not None
        assert 0 <= delay <= bound


def test_a_worker_that_ends_again_and_again_is_given_up() -> None:
    restarts = Restarts(random.Random(1))
    assert [restarts.delay(second * 2.0) for second in range(MOST_ENDS)][-1] is None


def test_ends_long_ago_do_not_count() -> None:
    restarts = Restarts(random.Random(1))
    for number in range(10 * MOST_ENDS):
        delay = restarts.delay(number * (WINDOW_SECONDS + 1))
        assert delay is not None
        assert delay <= 0.1


def test_a_worker_has_a_name_of_its_own_and_else_the_environment_of_the_parent() -> None:
    settings = GatewaySettings(instance_id="booth-a", workers=2)
    found = environment_of(
        2,
        settings,
        {
            "PATH": "/bin",
            "CHARGELIGHT_INSTANCE_ID": "booth-a",
            "chargelight_gateway_workers": "2",
            "CHARGELIGHT_REDIS_URL": "redis://r",
        },
    )
    assert found == {
        "PATH": "/bin",
        "CHARGELIGHT_INSTANCE_ID": "booth-a-2",
        "CHARGELIGHT_GATEWAY_WORKERS": "1",
        "CHARGELIGHT_GATEWAY_REUSE_PORT": "true",
        "CHARGELIGHT_REDIS_URL": "redis://r",
    }


def test_there_is_one_process_by_default_and_0_means_one_per_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert GatewaySettings().processes == 1
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert GatewaySettings(workers=0).processes == 3


@pytest.mark.parametrize("value", ["-1", "257", "two", "auto", "1.5", ""])
def test_a_wrong_number_of_workers_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    text = refusal(monkeypatch, GATEWAY_WORKERS=value)
    assert "CHARGELIGHT_GATEWAY_WORKERS is not valid" in text
    assert "one per core" in text


@pytest.mark.parametrize("port", ["GATEWAY_CHARGER_PORT", "GATEWAY_WIDGET_PORT"])
def test_workers_cannot_share_a_port_that_each_would_draw(
    monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    text = refusal(monkeypatch, **{"GATEWAY_WORKERS": "2", port: "0"})
    assert "CHARGELIGHT_GATEWAY_WORKERS=2 needs ports" in text


def test_a_name_must_leave_room_for_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    text = refusal(monkeypatch, GATEWAY_WORKERS="2", INSTANCE_ID="x" * 61)
    assert "CHARGELIGHT_INSTANCE_ID may have 60 characters" in text
    assert GatewaySettings(workers=1, instance_id="x" * 64).processes == 1
