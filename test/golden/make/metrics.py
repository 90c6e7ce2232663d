"""Golden scores of scikit-learn and scipy for lib/metrics: writes test/golden/metrics/cases.json and manifest.json.

Run with 1 thread: OMP_NUM_THREADS=1 python test/golden/make/metrics.py
Correlations carry a second truth, exact rational sums with a 60-digit square root, because scipy itself loses digits on
ill-conditioned lists. NaN is written as null, infinity as a string, an exception of the reference as the string "raises".
"""

import hashlib
import json
import math
import os
import platform
import warnings
from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn import metrics

SEED = 20240711
getcontext().prec = 60
warnings.filterwarnings("ignore")
random = np.random.default_rng(SEED)


def plain(value):
    value = float(value)
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return None if math.isnan(value) else value


def attempt(function, *arguments, **options):
    try:
        return plain(function(*arguments, **options))
    except ValueError:
        return "raises"


def decimal(fraction):
    return Decimal(fraction.numerator) / Decimal(fraction.denominator)


def exact_pearson(x, y):
    if len(x) < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    x, y = [Fraction(v) for v in x], [Fraction(v) for v in y]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    x, y = [v - mean_x for v in x], [v - mean_y for v in y]
    square = sum(v * v for v in x) * sum(v * v for v in y)
    if square == 0:
        return None
    return float(decimal(sum(a * b for a, b in zip(x, y))) / decimal(square).sqrt())


def averages(predictions, references, names, **options):
    functions = {"precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score}
    return {f"{metric} {name}": attempt(function, references, predictions, average=name, **options)
            for metric, function in functions.items() for name in names}


def single_label(name, predictions, references, positive=1):
    expected = {
        "accuracy": attempt(metrics.accuracy_score, references, predictions),
        "microF1": attempt(metrics.f1_score, references, predictions, average="micro"),
        "macroF1": attempt(metrics.f1_score, references, predictions, average="macro"),
        "matthews": attempt(metrics.matthews_corrcoef, references, predictions),
    }
    # One class against the rest: what "binary" means where there are two classes.
    this = [int(v == positive) for v in references], [int(v == positive) for v in predictions]
    for metric, function in [
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ]:
        expected[metric] = attempt(function, *this, average="binary")
    expected.update(averages(predictions, references, ("micro", "macro", "weighted")))
    return {"name": name, "kind": "single-label", "positive": positive,
            "predictions": list(map(int, predictions)), "references": list(map(int, references)), "expected": expected}


def multi_label(name, predictions, references):
    predictions, references = np.asarray(predictions, int), np.asarray(references, int)
    expected = {
        "accuracy": attempt(metrics.accuracy_score, references, predictions),
        "precision": attempt(metrics.precision_score, references, predictions, average="micro"),
        "recall": attempt(metrics.recall_score, references, predictions, average="micro"),
        "f1": attempt(metrics.f1_score, references, predictions, average="micro"),
        "microF1": attempt(metrics.f1_score, references, predictions, average="micro"),
        "macroF1": attempt(metrics.f1_score, references, predictions, average="macro"),
    }
    expected.update(averages(predictions, references, ("micro", "macro", "weighted", "samples")))
    if references.shape[1] == 1:
        # scikit-learn takes a single column for classes 0 and 1; the label is class 1 alone, or the first of two columns.
        expected.update(averages(predictions, references, ("micro", "macro", "weighted"), labels=[1]))
        padded = [np.pad(rows, ((0, 0), (0, 1))) for rows in (predictions, references)]
        expected.update(averages(*padded, ("samples",)))
        expected.update({name: expected[f"{name} micro"] for name in ("precision", "recall", "f1")})
        expected.update({"microF1": expected["f1 micro"], "macroF1": expected["f1 macro"]})
    return {"name": name, "kind": "multi-label", "predictions": predictions.tolist(),
            "references": references.tolist(), "expected": expected}


def regression(name, predictions, references, conditioned=True):
    x, y = np.asarray(predictions, np.float64), np.asarray(references, np.float64)
    expected = {
        "pearson": attempt(lambda: stats.pearsonr(x, y)[0]),
        "spearman": attempt(lambda: stats.spearmanr(x, y)[0]),
        "mse": attempt(metrics.mean_squared_error, y, x),
    }
    ranks = [stats.rankdata(x), stats.rankdata(y)]
    exact = {"pearson": exact_pearson(x, y), "spearman": exact_pearson(*ranks)}
    return {"name": name, "kind": "regression", "conditioned": conditioned, "predictions": list(map(plain, x)),
            "references": list(map(plain, y)), "expected": expected, "exact": exact,
            "ranks": [list(map(plain, r)) for r in ranks]}


def cases():
    for size in (1, 2, 3, 10, 100, 1000):
        for share in (0.02, 0.3, 0.5, 0.95):
            references = (random.random(size) < share).astype(int)
            noise = random.random(size) < 0.25
            yield single_label(f"binary, {size} rows, share {share}", np.where(noise, 1 - references, references), references)
    yield single_label("binary, positive class 0", random.integers(0, 2, 50), random.integers(0, 2, 50), positive=0)
    for size, classes in ((5, 3), (40, 3), (200, 5), (500, 20), (30, 20)):
        references = random.integers(0, classes, size)
        predictions = np.where(random.random(size) < 0.6, references, random.integers(0, classes, size))
        yield single_label(f"{classes} classes, {size} rows", predictions, references, positive=classes - 1)
    yield single_label("empty", [], [])
    yield single_label("all right", [0, 1, 1, 0], [0, 1, 1, 0])
    yield single_label("all wrong", [1, 0, 0, 1], [0, 1, 1, 0])
    yield single_label("one class only, positive", [1, 1, 1], [1, 1, 1])
    yield single_label("one class only, negative", [0, 0, 0], [0, 0, 0])
    yield single_label("constant prediction, negative", [0, 0, 0, 0], [0, 1, 1, 0])
    yield single_label("constant prediction, positive", [1, 1, 1, 1], [0, 1, 1, 0])
    yield single_label("constant reference", [0, 1, 0, 1], [1, 1, 1, 1])
    yield single_label("no true positive", [1, 1, 0, 0], [0, 0, 1, 1])
    yield single_label("a class that is only predicted", [0, 1, 2, 2], [0, 1, 1, 0])
    yield single_label("a class that is never found", [0, 1, 1, 0], [0, 1, 2, 2])
    yield single_label("a class that occurs nowhere", [0, 2, 2, 0], [0, 0, 2, 2])

    for size, labels, share in ((1, 1, 0.5), (4, 3, 0.5), (60, 4, 0.3), (300, 12, 0.1)):
        references = (random.random((size, labels)) < share).astype(int)
        predictions = np.where(random.random((size, labels)) < 0.15, 1 - references, references)
        yield multi_label(f"{labels} labels, {size} rows", predictions, references)
    yield multi_label("nothing applies, nothing found", np.zeros((3, 2)), np.zeros((3, 2)))
    yield multi_label("nothing found", np.zeros((3, 2)), [[1, 0], [0, 1], [1, 1]])
    yield multi_label("nothing applies", [[1, 0], [0, 1], [1, 1]], np.zeros((3, 2)))
    yield multi_label("one empty column", [[1, 0], [1, 0], [0, 0]], [[1, 0], [0, 0], [1, 0]])
    yield multi_label("one label", [[1], [0], [1]], [[1], [1], [0]])
    yield multi_label("one row", [[1, 0, 1]], [[1, 1, 0]])
    yield multi_label("all right", [[1, 0], [0, 0], [1, 1]], [[1, 0], [0, 0], [1, 1]])
    yield multi_label("rows without a label", [[0, 0], [1, 0], [0, 0]], [[0, 0], [0, 0], [0, 1]])
    yield multi_label("no rows", np.zeros((0, 2)), np.zeros((0, 2)))
    yield multi_label("no labels", np.zeros((3, 0)), np.zeros((3, 0)))

    for size in (2, 3, 10, 100, 1000):
        x = random.normal(size=size).round(6)
        yield regression(f"normal, {size} rows", x, (0.7 * x + random.normal(size=size)).round(6))
    ties = random.integers(0, 4, 200) / 2
    yield regression("ties", ties, (ties + random.integers(-2, 3, 200)) / 2)
    yield regression("heavy ties", [1, 1, 1, 2], [3, 3, 4, 4])
    yield regression("scores 0 to 5", (random.random(150) * 5).round(3), (random.random(150) * 5).round(1))
    yield regression("exactly equal", [0.1, 0.2, 0.7], [0.1, 0.2, 0.7])
    yield regression("exactly opposite", [0.1, 0.2, 0.7], [-0.1, -0.2, -0.7])
    yield regression("monotone, not linear", [1, 2, 3, 4, 5], [1, 8, 27, 64, 125])
    x, y = random.normal(size=300), random.normal(size=300)
    yield regression("offset 1e6", 1e6 + x, y - 1e6, conditioned=False)
    yield regression("offset 1e9", 1e9 + x, x + y, conditioned=False)
    yield regression("nearly constant", [1e9, 1e9 + 1e-6, 1e9 + 2e-6, 1e9], [2, 5, 3, 1], conditioned=False)
    yield regression("one far point", [1e15, 1, 2, 3], [1e15, 3, 1, 2], conditioned=False)
    yield regression("huge", [1e300, 2e300, -3e300], [2, 5, 3], conditioned=False)
    yield regression("the largest", [1.7e308, -1.7e308, 1.1e308], [2, 5, 3], conditioned=False)
    yield regression("tiny", [1e-300, 2e-300, -3e-300], [2, 5, 3], conditioned=False)
    yield regression("subnormal", [5e-324, 1e-323, 0], [2, 5, 3], conditioned=False)
    yield regression("constant", [1, 1, 1], [2, 5, 3])
    yield regression("constant 0.1", [0.1] * 10, list(range(10)))
    yield regression("both constant", [2, 2], [2, 2])
    yield regression("one row", [1], [2])
    yield regression("empty", [], [])
    yield regression("NaN", [1, math.nan, 3], [2, 5, 3])
    yield regression("infinite", [1, math.inf, 3], [2, 5, 3])
    yield regression("both infinite", [1, math.inf, -math.inf], [2, 5, 3])


def main():
    # Elsewhere where a check makes them again.
    folder = Path(os.environ.get("GOLDEN_ROOT", Path(__file__).resolve().parent.parent)) / "metrics"
    folder.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(case, separators=(",", ":"), allow_nan=False) for case in cases())
    (folder / "cases.json").write_text(f"[\n{lines}\n]\n")
    manifest = {
        "script": "test/golden/make/metrics.py",
        "scriptSha256": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__,
                     "scikit-learn": sklearn.__version__},
        "seed": SEED,
        "tolerance": 1e-12,
        "files": ["cases.json"],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


main()
