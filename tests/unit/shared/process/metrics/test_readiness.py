"""Whether a process is ready, and why not, as numbers."""

from prometheus_client import CollectorRegistry

from shared.process.metrics.readiness import NotReady, ReadinessMetrics, Reason, text_of


def readiness() -> tuple[ReadinessMetrics, CollectorRegistry]:
    registry = CollectorRegistry()
    return ReadinessMetrics("ready", "Ready.", "not_ready", "Why not.", registry), registry


def present(registry: CollectorRegistry) -> list[Reason]:
    return [r for r in Reason if registry.get_sample_value("not_ready", {"reason": r})]


def test_a_process_is_starting_until_it_says_otherwise() -> None:
    _, registry = readiness()
    assert registry.get_sample_value("ready") == 0
    assert present(registry) == [Reason.STARTING]


def test_the_present_reason_is_1_and_all_others_are_0() -> None:
    metrics, registry = readiness()
    found: list[NotReady | None] = [NotReady(Reason.REDIS_AWAY, "no connection to redis")]
    metrics.follow(lambda: found[-1])
    assert registry.get_sample_value("ready") == 0
    assert present(registry) == [Reason.REDIS_AWAY]
    assert all(registry.get_sample_value("not_ready", {"reason": r}) is not None for r in Reason)
    found.append(None)
    assert registry.get_sample_value("ready") == 1
    assert present(registry) == []


def test_people_are_told_the_text() -> None:
    assert text_of(NotReady(Reason.POSTGRES, "Postgres is away")) == "Postgres is away"
    assert text_of(None) is None
