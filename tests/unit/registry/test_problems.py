"""Errors of the registry, as the REST API answers them."""

import pytest

from services.registry.api.problems import of_error
from services.registry.errors import DomainError


@pytest.mark.parametrize("error_type", DomainError.__subclasses__())
def test_each_error_is_a_problem_with_its_detail_and_its_facts(
    error_type: type[DomainError],
) -> None:
    error = error_type.__new__(error_type)
    DomainError.__init__(error, "what is wrong", charger="c1")
    problem = of_error(error)
    assert 400 <= problem.status < 600
    assert problem.detail == "what is wrong"
    assert problem.model_dump()["charger"] == "c1"
