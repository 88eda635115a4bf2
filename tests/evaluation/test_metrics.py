"""The metrics there are."""

from __future__ import annotations

import pytest

from tunesmith.errors import UsageError
from tunesmith.evaluation.metrics import METRICS, check_metric_names


def test_every_metric_has_a_title_and_a_scale():
    assert all(metric.title for metric in METRICS.values())
    assert {name for name, metric in METRICS.items() if metric.scale == 100} == {"bleu", "chrf"}


def test_a_metric_that_does_not_exist_is_refused_with_the_near_name():
    with pytest.raises(UsageError, match="^--metrics: no such metric `rougel`. Did you mean `rougeL`[?]$"):
        check_metric_names(["f1", "rougel"], "--metrics")
    with pytest.raises(UsageError, match="no such metric `zzz`. There are: exact_match, "):
        check_metric_names(["zzz"], "--metrics")


def test_a_metric_that_only_describes_gives_no_verdict():
    check_metric_names(["spread"], "--metrics")
    with pytest.raises(UsageError, match="^--metric: `spread` describes and gives no verdict.* such as worst_of_k[.]$"):
        check_metric_names(["f1", "spread"], "--metric", judged=True)
