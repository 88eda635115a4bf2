"""Intervals and tests: equal to the libraries, and right about simulated truth (the gates of RELIABILITY.md, G25)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from tunesmith import stats


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


TESTS = {"exact": stats.mcnemar_p, "mid": stats.mcnemar_mid_p}


def without_each(values: np.ndarray) -> np.ndarray:
    """The jackknife values of a mean."""
    return (values.sum() - values) / (len(values) - 1)


def sign_flip_p(deltas, generator: np.random.Generator) -> float:
    """The paired permutation test of a mean, made of the parts that every statistic's test is made of."""
    rows = np.asarray(deltas, dtype=np.float64)[:, None]
    exact = 2 ** len(rows) <= stats.NUM_RESAMPLES
    sums = stats.every_swap_sum(rows) if exact else stats.swap_sums(rows, generator)
    return stats.swap_p((rows.sum() - 2 * sums[:, 0]) / len(rows), rows.mean(), exact=exact)


# -- equal to the libraries --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num_successes", "n"), [(0, 1), (1, 1), (0, 50), (50, 50), (3, 7), (97, 541)])
def test_wilson_equals_scipy(num_successes, n):
    expected = scipy.stats.binomtest(num_successes, n).proportion_ci(method="wilson")
    assert stats.wilson_interval(num_successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_students_interval_of_two_exponentials_is_that_of_their_logarithms():
    logs = rng().normal(0, 1e-4, (30, 2))  # so near to 1 that exp is a straight line
    without = (logs.sum(axis=0) - logs) / 29
    found = stats.student_interval_of_exponentials(logs.mean(axis=0), without)
    expected = stats.student_interval((logs[:, 1] - logs[:, 0]).mean(), without[:, 1] - without[:, 0])
    assert found == pytest.approx(expected, abs=2e-8)


def test_what_is_surely_larger_is_so_on_the_scale_of_exponentials_too():
    shared = rng().normal(8, 3, 20)  # two systems that find the same texts hard, one always a little more so
    logs = np.stack([shared, shared + rng(1).normal(0.2, 0.05, 20)], axis=1)
    without = (logs.sum(axis=0) - logs) / 19
    low, high = stats.student_interval_of_exponentials(logs.mean(axis=0), without)
    value = float(np.subtract(*np.exp(logs.mean(axis=0))[::-1]))
    assert 0 < low < value < high < np.exp(logs.mean(axis=0) + 3).max()
    assert stats.student_interval(value, np.exp(without[:, 1]) - np.exp(without[:, 0]))[0] < 0


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (0, 1), (5, 0), (6, 0), (12, 30), (33, 33), (200, 241)])
def test_mcnemar_equals_statsmodels(only_a, only_b):
    expected = mcnemar([[100, only_a], [only_b, 70]], exact=True).pvalue
    assert stats.mcnemar_p(only_a, only_b) == pytest.approx(expected, abs=1e-12)


def test_holm_equals_statsmodels_and_leaves_out_what_is_undefined():
    for seed in range(4):  # statsmodels collects garbage at every call: dear in a large process
        p_values = list(rng(seed).uniform(size=2 + 3 * seed) ** 3)
        expected = multipletests(p_values, method="holm")[1]
        assert stats.holm(p_values) == pytest.approx(list(expected), abs=1e-12)
        assert stats.holm([None, *p_values, None]) == [None, *stats.holm(p_values), None]
    assert stats.holm([]) == []
    assert stats.holm([None]) == [None]


@pytest.mark.parametrize("n", [30, 60, 300])
def test_the_bca_interval_equals_scipys_over_the_same_draws(n):
    values = rng(n).exponential(size=n)
    expected = scipy.stats.bootstrap((values,), np.mean, n_resamples=2000, method="BCa", rng=rng(7)).confidence_interval
    resampled = stats.bootstrap_sums(values[:, None], rng(7), 2000)[:, 0] / n
    found = stats.bca_interval(values.mean(), without_each(values), resampled)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_bca_interval_of_a_ratio_equals_scipys_over_the_same_draws():
    asked = rng(1).integers(1, 5, 80).astype(float)
    rows = np.stack([rng(2).binomial(asked.astype(int), 0.6), asked], axis=1)

    def ratio(sums):
        return sums[..., 0] / sums[..., 1]

    expected = scipy.stats.bootstrap(
        (rows[:, 0], rows[:, 1]), lambda a, b, axis: a.sum(axis) / b.sum(axis), n_resamples=2000, method="BCa",
        rng=rng(7), paired=True, vectorized=True,
    ).confidence_interval  # fmt: skip
    resampled = ratio(stats.bootstrap_sums(rows, rng(7), 2000))
    found = stats.bca_interval(ratio(rows.sum(axis=0)), stats.jackknife(rows, ratio), resampled)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("n", [2, 20, 300])
def test_students_interval_of_a_mean_equals_scipys(n):
    values = rng(n).exponential(size=n)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval()
    found = stats.student_interval(values.mean(), without_each(values))
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (0, 5), (3, 3), (1, 7), (12, 30), (200, 241)])
def test_mid_p_is_the_exact_p_less_half_of_what_is_as_likely(only_a, only_b):
    n, k = only_a + only_b, min(only_a, only_b)
    likelihood = scipy.stats.binom.pmf(np.arange(n + 1), n, 0.5)
    expected = 2 * (likelihood[:k].sum() + likelihood[k] / 2) if n else 1.0
    assert stats.mcnemar_mid_p(only_a, only_b) == pytest.approx(expected, abs=1e-12)
    assert stats.mcnemar_mid_p(only_a, only_b) <= stats.mcnemar_p(only_a, only_b)


def test_the_percentile_interval_equals_scipys_over_the_same_draws():
    values = rng(1).normal(size=40)
    expected = scipy.stats.bootstrap((values,), np.mean, n_resamples=999, method="percentile", rng=rng(3))
    expected = expected.confidence_interval
    resampled = stats.bootstrap_sums(values[:, None], rng(3), 999)[:, 0] / 40
    assert stats.percentile_interval(resampled) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("n", [2, 6, 12])
def test_few_samples_are_permuted_exactly_as_scipy_does(n):
    deltas = rng(n).normal(0.4, 1, size=n).round(1)  # rounded, for ties
    expected = scipy.stats.permutation_test((deltas,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert sign_flip_p(deltas, rng()) == pytest.approx(expected, abs=1e-12)


def test_many_samples_are_permuted_at_random_as_closely_as_scipy_does():
    deltas = rng(5).normal(0.15, 1, size=150)
    expected = scipy.stats.permutation_test(
        (deltas,), np.mean, permutation_type="samples", n_resamples=20_000, rng=rng(1)
    ).pvalue
    assert sign_flip_p(deltas, rng(2)) == pytest.approx(expected, abs=0.01)


def test_every_swap_is_every_subset():
    rows = rng().normal(size=(5, 3))
    subsets = [rows[list(chosen)].sum(axis=0) for size in range(6) for chosen in itertools.combinations(range(5), size)]
    assert np.sort(stats.every_swap_sum(rows), axis=0) == pytest.approx(np.sort(subsets, axis=0), abs=1e-12)


def test_resamples_do_not_depend_on_the_size_of_a_chunk(monkeypatch):
    rows = rng().integers(0, 9, size=(37, 2)).astype(float)
    whole = stats.bootstrap_sums(rows, rng(1), 500)
    monkeypatch.setattr(stats, "MAX_CHUNK_CELLS", 37 * 60)
    assert (stats.bootstrap_sums(rows, rng(1), 500) == whole).all()
    assert stats.swap_sums(rows, rng(1), 500).shape == whole.shape


def test_random_groups_hold_every_row_once_and_have_one_size_give_or_take_one():
    groups = stats.random_groups(np.stack([np.arange(1003.0), np.ones(1003)], axis=1), rng(), 100)
    assert groups[:, 0].sum() == 1003 * 1002 / 2 and set(groups[:, 1]) == {10, 11}


def test_groups_of_rows_are_as_wide_as_rows():
    rows = rng(3).exponential(size=(20_000, 1))
    by_group = stats.bootstrap_sums(stats.random_groups(rows, rng(4)), rng(5), 2000).std()
    assert by_group == pytest.approx(rows.std() * np.sqrt(len(rows)), rel=0.06)


# -- where nothing varies ----------------------------------------------------------------------------------------------


def test_constant_values_have_no_bootstrap_interval():
    resampled = stats.bootstrap_sums(np.full((30, 1), 0.25), rng(), 200)[:, 0] / 30
    values = np.full(30, 0.25)
    assert stats.bca_interval(0.25, without_each(values), resampled) is None
    assert stats.resampled_interval(0.25, without_each(values), resampled) is None
    assert stats.percentile_interval(resampled) is None


def test_a_constant_has_about_the_interval_of_the_rule_of_three():
    low, high = stats.constant_interval(0.0, 100, (0.0, 1.0))
    assert low == 0.0
    assert high == pytest.approx(1 - 0.05 ** (1 / 100), abs=0.01)
    assert stats.constant_interval(1.0, 100, (0.0, 1.0)) == pytest.approx((1 - high, 1.0))
    low, high = stats.constant_interval(0.0, 100, (-1.0, 1.0))
    assert low == -high < 0
    expected = (0.4 - 0.4 * 0.7935, 0.4 + 0.6 * 0.7935)
    assert stats.constant_interval(0.4, 1, (0.0, 1.0)) == pytest.approx(expected, abs=1e-3)


def test_two_systems_that_never_differ_are_no_difference_with_a_width():
    low, high = stats.paired_proportion_interval(0, 0, 100)
    assert low == -high and 0.02 < high < 0.04
    assert sign_flip_p([0.0] * 40, rng()) == 1.0


def test_the_mean_of_intervals_of_one_is_itself_and_of_many_is_narrower():
    assert stats.mean_of_intervals([0.2], [(0.1, 0.4)]) == pytest.approx((0.1, 0.4))
    low, high = stats.mean_of_intervals([0.0] * 4, [(0.0, 0.08)] * 4)
    assert (low, high) == pytest.approx((0.0, 0.04))


# -- power -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("points", "n"), [(0.03, 1742), (0.05, 626)])
def test_the_smallest_detectable_difference_agrees_with_the_known_sample_sizes(points, n):
    assert stats.smallest_detectable_proportion_difference(n, 0.2) == pytest.approx(points, abs=5e-5)


def test_the_smallest_detectable_difference_is_found_with_80_percent_power():
    n, discordant = 400, 0.2
    delta = stats.smallest_detectable_proportion_difference(n, discordant)
    counts = rng().multinomial(n, [(discordant - delta) / 2, (discordant + delta) / 2, 1 - discordant], size=4000)
    found = np.mean([stats.mcnemar_p(*pair) < 0.05 for pair in counts[:, :2]])
    assert 0.74 < found < 0.83  # the exact test is a little conservative


def test_no_difference_is_detectable_on_a_handful_of_samples():
    assert stats.smallest_detectable_proportion_difference(2) is None
    assert stats.smallest_detectable_proportion_difference(200, 0.0) == pytest.approx(7.8 / 200, rel=0.02)
    assert stats.smallest_detectable_difference(0.01) == pytest.approx(0.028016, abs=1e-5)


# -- gates on ourselves ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [100, 200])
def test_wilson_covers_the_truth_in_95_percent(n):
    intervals = np.array([stats.wilson_interval(k, n) for k in range(n + 1)])
    truths = np.linspace(0.02, 0.98, 193)
    inside = (intervals[:, 0, None] <= truths) & (truths <= intervals[:, 1, None])
    likelihood = scipy.stats.binom.pmf(np.arange(n + 1)[:, None], n, truths)
    coverage = (likelihood * inside).sum(axis=0)  # exact, not simulated
    assert 0.945 <= coverage.mean() <= 0.965
    assert np.quantile(coverage, 0.05) >= 0.93


@pytest.mark.parametrize("n", [20, 100])
@pytest.mark.parametrize("skew", [(2, 2), (0.5, 3)])
def test_the_interval_of_a_mean_covers_the_truth(n, skew):
    generator, truth, num_runs = rng(11), skew[0] / sum(skew), 1500
    samples = generator.beta(*skew, size=(n, num_runs))
    resampled = stats.bootstrap_sums(samples, generator, 2000) / n  # one set of draws serves all runs
    means, without = samples.mean(axis=0), np.apply_along_axis(without_each, 0, samples)
    intervals = np.array(
        [stats.resampled_interval(means[run], without[:, run], resampled[:, run]) for run in range(num_runs)]
    )
    coverage = np.mean((intervals[:, 0] <= truth) & (truth <= intervals[:, 1]))
    assert 0.935 <= coverage <= 0.975


@pytest.mark.parametrize("n", [30, 100])
def test_the_interval_of_a_difference_covers_the_truth_where_few_samples_differ(n):
    # BCa alone holds it in 85 % of cases at n = 30.
    generator, num_runs = rng(5), 1000
    changes = np.where(generator.uniform(size=(n, num_runs)) < 0.7, 0.0, generator.normal(0.1, 0.4, (n, num_runs)))
    resampled = stats.bootstrap_sums(changes, generator, 1000) / n
    means, without = changes.mean(axis=0), np.apply_along_axis(without_each, 0, changes)
    found = [stats.resampled_interval(means[run], without[:, run], resampled[:, run]) for run in range(num_runs)]
    assert np.mean([interval is None or interval[0] <= 0.03 <= interval[1] for interval in found]) >= 0.935


@pytest.mark.parametrize("n", [100, 200])
@pytest.mark.parametrize(("only_a", "only_b"), [(0.1, 0.1), (0.02, 0.05), (0.15, 0.3)])
def test_the_interval_of_a_paired_difference_covers_the_truth(n, only_a, only_b):
    counts = rng(3).multinomial(n, [only_a, only_b, 1 - only_a - only_b], size=3000)
    intervals = np.array([stats.paired_proportion_interval(a, b, n) for a, b, _ in counts])
    coverage = np.mean((intervals[:, 0] <= only_b - only_a) & (only_b - only_a <= intervals[:, 1]))
    assert 0.935 <= coverage <= 0.98


def test_the_interval_of_a_mean_of_proportions_covers_the_truth():
    truths, n, generator = np.array([0.02, 0.3, 0.9]), 100, rng(4)
    counts = generator.binomial(n, truths, size=(3000, 3))
    intervals = np.array(
        [stats.mean_of_intervals(row / n, [stats.wilson_interval(k, n) for k in row]) for row in counts]
    )
    assert 0.935 <= np.mean((intervals[:, 0] <= truths.mean()) & (truths.mean() <= intervals[:, 1])) <= 0.97


@pytest.mark.parametrize("n", [20, 100, 541])
def test_two_equal_systems_are_called_different_in_at_most_6_5_percent(n):
    counts = rng(n).multinomial(n, [0.1, 0.1, 0.8], size=2000)
    assert np.mean([stats.mcnemar_p(a, b) < 0.05 for a, b, _ in counts]) <= 0.065


@pytest.mark.parametrize("n", [8, 30, 150])
def test_two_equal_systems_with_real_valued_scores_are_called_different_in_at_most_6_5_percent(n):
    generator, num_runs = rng(n), 1000
    scores = generator.beta(0.5, 2, size=(2, n, num_runs))
    deltas = scores[1] - scores[0]
    sums = stats.every_swap_sum(deltas) if n < 10 else stats.swap_sums(deltas, generator, 1000)
    totals = deltas.sum(axis=0)
    swapped = totals - 2 * sums
    p_values = [stats.swap_p(swapped[:, run], totals[run], exact=n < 10) for run in range(num_runs)]
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.065


def test_given_eight_discordant_pairs_mid_p_calls_more_than_6_5_percent_of_equal_systems_different():
    # Why verdicts are by the exact test: it keeps to 5 % for every number of discordant pairs.
    likelihood = scipy.stats.binom.pmf(np.arange(9), 8, 0.5)
    found = {name: sum(likelihood[[test(k, 8 - k) < 0.05 for k in range(9)]]) for name, test in TESTS.items()}
    assert found["exact"] < 0.05 and found["mid"] > 0.065


def test_the_exact_test_keeps_to_5_percent_for_every_number_of_discordant_pairs():
    for n in range(1, 60):
        likelihood = scipy.stats.binom.pmf(np.arange(n + 1), n, 0.5)
        assert sum(likelihood[[stats.mcnemar_p(k, n - k) < 0.05 for k in range(n + 1)]]) <= 0.05


def test_over_eight_tasks_a_false_alarm_comes_in_at_most_6_5_percent_of_runs():
    # Soup's fixed 5-point threshold calls one of its suites regressed in 60 % of such runs (SOUP.md, section 4).
    counts = rng(8).multinomial(100, [0.05, 0.05, 0.9], size=(1000, 8))
    alarms = [min(stats.holm([stats.mcnemar_p(a, b) for a, b, _ in run])) < 0.05 for run in counts]
    assert np.mean(alarms) <= 0.065


def test_pairing_finds_what_two_separate_samples_miss():
    # RELIABILITY.md 0.7: n = 541, 4 points, 15 % discordant: 64 % for exact McNemar, 12 % for an unpaired z-test.
    n, num_runs, generator = 541, 1500, rng(2)
    counts = generator.multinomial(n, [0.055, 0.095, 0.45, 0.4], size=num_runs)
    paired = np.mean([stats.mcnemar_p(a, b) < 0.05 for a, b, *_ in counts])
    unpaired = np.mean([proportions_ztest([a + both, b + both], [n, n])[1] < 0.05 for a, b, both, _ in counts])
    assert paired > 0.58
    assert unpaired < 0.2


# -- several training runs ---------------------------------------------------------------------------------------------


def test_a_mean_over_training_runs_counts_the_luck_of_the_seed():
    sure, p_sure = stats.mean_over_runs([0.050, 0.052, 0.048], 0.01, 400)
    luck, p_luck = stats.mean_over_runs([0.15, -0.02, 0.02], 0.01, 400)
    assert p_sure < 0.001 < 0.05 < p_luck
    assert luck[0] < 0 < sure[0] < 0.05 < sure[1] < luck[1]


def test_recipes_that_are_no_better_are_called_so_in_at_most_6_5_percent():
    # 3 seeds whose effect is as large as the noise of the samples.
    generator, n, num_runs, alarms = rng(1), 100, 1000, 0
    for _ in range(num_runs):
        changes = generator.normal(0, 0.03, (3, 1)) + generator.normal(0, 0.3, (3, n)) + generator.normal(0, 0.1, n)
        error = changes.mean(axis=0).std(ddof=1) / np.sqrt(n)
        alarms += stats.mean_over_runs(list(changes.mean(axis=1)), error, n)[1] < 0.05
    assert alarms / num_runs <= 0.065


def test_no_failure_of_n_bounds_the_failure_rate_by_about_three_over_n():
    assert stats.zero_failures_bound(100) == pytest.approx(0.0295, abs=1e-4)
    assert (1 - stats.zero_failures_bound(100)) ** 100 == pytest.approx(0.05)
