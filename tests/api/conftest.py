"""Plans with facts, for tests of the design document."""

import pytest

from api import design_plans
from weitiao.api import design_facts


@pytest.fixture
def of_task(tiny_bert, monkeypatch):
    """task -> its plan and the facts of some toy rows."""
    monkeypatch.setattr(design_facts, "look", design_plans.quick_look)
    return lambda task: design_plans.known(task, tiny_bert)
