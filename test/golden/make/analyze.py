"""The weight decomposition analysis of two weights, and lines through points.

Every change is computed twice from its textbook form: by numpy in float64, and by mpmath with 60 digits, which tells small
changes of direction apart where 1 - cos in float64 is rounding alone. The lines are scipy's.
"""

from golden import Golden  # before all other packages

import mpmath
import numpy as np
import torch
from scipy import stats

SEED = 20261124
golden = Golden('analyze', SEED, {'numpy': 1e-12, 'exact': 1e-12}, packages=('numpy', 'scipy', 'mpmath', 'torch'))
random = np.random.default_rng(SEED)
mpmath.mp.dps = 60


def effective(stored, number):
    """Magnitude (or none), its axis, and V = weight + scaling * loraB loraA, in numbers of a kind."""
    V = number(stored['weight'])
    if 'loraA' in stored:
        V = V + stored['scaling'] * (number(stored['loraB']) @ number(stored['loraA']))
    return V, number(stored['magnitude']) if 'magnitude' in stored else None, stored.get('magnitudeAxis')


def split(stored, axis, number, norm):
    """Magnitudes and lines (rows of what is returned) along an axis."""
    V, magnitude, own = effective(stored, number)
    lines = V if axis == 'out' else V.T
    if magnitude is None:
        return norm(lines), lines
    if own == axis:
        lengths = norm(lines)
        return np.where(lengths == 0, number(np.zeros(1)), magnitude), lines
    across = V if own == 'out' else V.T  # m scales the lines of its own axis
    lengths = norm(across)
    gain = magnitude / np.where(lengths == 0, number(np.ones(1)), lengths)
    merged = across * gain[:, None]
    lines = merged if axis == own else merged.T
    return norm(lines), lines


def change(before, after, axis, number, root):
    def norm(lines):
        return np.array([root((line * line).sum()) for line in lines])

    m0, W0 = split(before, axis, number, norm)
    m, V = split(after, axis, number, norm)
    cosines = []
    for a, b in zip(W0, V):
        length = norm([a])[0] * norm([b])[0]
        both = norm([a])[0] == 0 and norm([b])[0] == 0
        cosines.append(number(np.ones(1))[0] * (1 if both else 0) if length == 0 else (a * b).sum() / length)
    return {
        'magnitudeChange': float(sum(abs(m - m0)) / len(m)),
        'directionChange': float(sum(1 - cosine for cosine in cosines) / len(m)),
        'meanMagnitude': float(sum(m0) / len(m)),
    }


def exact(array):
    array = np.asarray(array, dtype=np.float64)
    return np.vectorize(mpmath.mpf, otypes=[object])(array)


def double(array):
    return np.asarray(array, dtype=np.float64)


cases = []


def case(name, before, after, dtype=np.float64):
    parts = {}
    for side, stored in (('before', before), ('after', after)):
        for key, value in stored.items():
            if isinstance(value, np.ndarray):
                stored[key] = value.astype(dtype)
        parts[side] = {
            key: golden.tensor(f'{name}.{side}.{key}', torch.from_numpy(value)) if isinstance(value, np.ndarray) else value
            for key, value in stored.items()
        }
    for axis in ('out', 'in'):
        cases.append(
            {
                'id': f'{name}, {axis}',
                'axis': axis,
                **parts,
                'numpy': change(before, after, axis, double, np.sqrt),
                'exact': change(before, after, axis, exact, mpmath.sqrt),
            }
        )


def normal(*shape):
    return random.standard_normal(shape)


def adapted(weight, rank, scaling, size):
    out, width = weight.shape
    return {'weight': weight, 'loraA': normal(rank, width) * size, 'loraB': normal(out, rank), 'scaling': scaling}


for out, width in ((7, 5), (4, 9)):
    shape = f'{out}x{width}'
    W = normal(out, width)
    case(f'full {shape}', {'weight': W}, {'weight': W + 0.1 * normal(out, width)})
    case(f'lora {shape}', {'weight': W}, adapted(W, 2, 1.5, 0.1))
    for own, lines in (('out', out), ('in', width)):
        norms = np.linalg.norm(W, axis=1 if own == 'out' else 0)
        magnitude = norms * (1 + 0.1 * normal(lines))
        after = adapted(W, 3, 2.0, 0.05) | {'magnitude': magnitude, 'magnitudeAxis': own}
        case(f'magnitude per {own}put {shape}', {'weight': W}, after)
        other = adapted(W, 2, 0.5, 0.05) | {'magnitude': norms * (1 + 0.2 * normal(lines)), 'magnitudeAxis': own}
        case(f'between two adapters, magnitude per {own}put {shape}', dict(after), other)

W = normal(6, 8)
case('float32', {'weight': W}, adapted(W, 2, 2.0, 0.03) | {'magnitude': 1 + normal(6) ** 2, 'magnitudeAxis': 'out'}, np.float32)
case('scaled', {'weight': W}, {'weight': W * 1.5})
case('turned round', {'weight': W}, {'weight': -W})
for size in (1e-3, 1e-5, 1e-7):
    case(f'turned by {size:g}', {'weight': W}, adapted(W, 2, 1.0, size))
holes = W.copy()
holes[2] = 0
holes[:, 5] = 0
filled = W.copy()
filled[4] = 0
filled[:, 5] = 0
case('zero lines', {'weight': holes}, {'weight': filled})
case('zero lines below magnitudes', {'weight': holes}, {'weight': holes, 'loraA': np.zeros((1, 8)), 'loraB': normal(6, 1), 'scaling': 1.0, 'magnitude': 1 + normal(6) ** 2, 'magnitudeAxis': 'out'})

lines = []
for name, x, y in (
    ('a cloud', random.random(40) * 0.009, 0.13 + random.random(40) * 0.1),
    ('falling', (x := np.sort(random.random(24)) * 0.009), 0.134 - 8.042 * x + 0.002 * normal(24)),
    ('small numbers', (x := random.random(12) * 1e-9), 3e-6 + 40 * x + 1e-9 * normal(12)),
    ('two points', np.array([0.001, 0.004]), np.array([0.2, 0.1])),
):
    fit = stats.linregress(x, y)
    lines.append(
        {
            'id': name,
            'x': x.tolist(),
            'y': y.tolist(),
            'slope': float(fit.slope),
            'intercept': float(fit.intercept),
            'correlation': float(fit.rvalue),
        }
    )

golden.json('cases.json', {'cases': cases, 'lines': lines})
golden.finish()
