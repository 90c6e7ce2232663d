"""Golden values of scipy for lib/statistics: writes test/golden/statistics/.

Run with 1 thread: OMP_NUM_THREADS=1 python test/golden/make/statistics.py
"""

from golden import Golden  # before all others: some makers are named after packages

import itertools
import warnings

import numpy as np
from scipy import special, stats

SEED = 20241124
warnings.filterwarnings('ignore')
random = np.random.default_rng(SEED)
golden = Golden('statistics', SEED, {'wilcoxon': 1e-12, 'exact': 1e-15, 'normal': 1e-12}, packages=('numpy', 'scipy'))

ZEROS = ('wilcox', 'pratt', 'zsplit')
SIDES = ('two-sided', 'less', 'greater')


def wilcoxon(name, differences):
    """Every choice that scipy has, for one list of differences."""
    differences = np.asarray(differences, np.float64)
    results = []
    for zeros, side, correction, method in itertools.product(
        ZEROS, SIDES, (False, True), ('auto', 'exact', 'asymptotic', 'permutation')
    ):
        if correction and method in ('exact', 'permutation'):
            continue  # not read there
        if method == 'permutation' and not 2 <= len(differences) <= 9:
            continue
        if method == 'auto' and len(differences) == 1 and not differences.any():
            continue  # scipy refuses to permute one value
        how = stats.PermutationMethod(n_resamples=2**9) if method == 'permutation' else method
        result = stats.wilcoxon(differences, zero_method=zeros, alternative=side, correction=correction, method=how)
        z = float(result.zstatistic) if method == 'asymptotic' else None
        results.append([zeros, side, correction, method, float(result.statistic), float(result.pvalue), z])
    return {'name': name, 'differences': differences.tolist(), 'results': results}


def cases():
    yield wilcoxon('one', [0.5])
    yield wilcoxon('one zero', [0.0])
    yield wilcoxon('zeros only', [0.0] * 5)
    yield wilcoxon('many zeros only', [0.0] * 20)
    yield wilcoxon('all the same', [0.25] * 9)
    yield wilcoxon('all positive', np.arange(1, 11) / 64)
    yield wilcoxon('symmetric', [-3, -2, -1, 1, 2, 3])
    # A student's textbook: the plants of Darwin, as in scipy's own example.
    yield wilcoxon('plants', [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75])
    for size in (2, 3, 5, 8, 12, 13, 14, 25, 50, 51, 90):
        yield wilcoxon(f'{size} without ties', random.normal(0.3, 1, size))
        yield wilcoxon(f'{size} with ties', random.integers(1, 1 + max(2, size // 2), size) * random.choice([-1, 1, 1], size) / 8)
        yield wilcoxon(f'{size} with ties and zeros', random.integers(-2, 4, size) / 4)
    yield wilcoxon('far apart', [*(random.random(39) + 1), -1e-3])


def interval(name, sample):
    """scipy's quantiles around those of a 95 % interval: five deviations of 20,000 resamples to either side."""
    made = stats.bootstrap(
        (np.asarray(sample, np.float64),), np.mean, n_resamples=200_000, batch=1000, method='percentile', rng=random
    )
    basic = stats.bootstrap((np.asarray(sample),), np.mean, n_resamples=0, bootstrap_result=made, method='basic', rng=random)
    spread = 5 * (0.025 * 0.975 / 20_000) ** 0.5
    around = [float(np.quantile(made.bootstrap_distribution, q)) for share in (0.025, 0.975) for q in (share - spread, share + spread)]
    return {
        'name': name, 'sample': list(map(float, sample)), 'mean': float(np.mean(sample)), 'around': around,
        'percentile': [float(bound) for bound in made.confidence_interval],
        'basic': [float(bound) for bound in basic.confidence_interval],
        'standardError': float(made.standard_error),
    }


golden.json('wilcoxon.json', {'cases': list(cases())})
points = [0, 1e-3, 0.5, 1, 1.5, 1.96, 2.8, 2.82, 2.83, 2.84, 3, 5, 8, 12, 20, 37]
golden.json('normal.json', {'cases': [{'z': sign * z, 'tail': float(special.ndtr(-sign * z))} for z in points for sign in (1, -1)]})
golden.json('bootstrap.json', {'cases': [
    interval('three', [0.01, 0.03, -0.02]),
    interval('ten', random.normal(0.02, 0.01, 10)),
    interval('skewed', random.exponential(1, 40)),
]})
samples = [random.normal(size=size) for size in (1, 2, 7, 40)]
shares = [0, 0.025, 0.3, 0.5, 0.975, 1]
golden.json('summary.json', {'cases': [{
    'values': sample.tolist(), 'mean': float(sample.mean()),
    'spread': float(sample.std(ddof=1)) if len(sample) > 1 else None,
    'quantiles': [[share, float(np.quantile(sample, share))] for share in shares],
} for sample in samples]})
golden.finish()
