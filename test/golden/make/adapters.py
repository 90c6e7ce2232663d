"""The project's golden numbers: one adapted layer on two levels, every hypergradient method, full float64 precision.

y = x W'^T, loss 0.5 * mean((y - t)^2), lower loss + gamma * orthogonality. The lower step is plain SGD from (A, B).
`unrolled` starts at the point before the step; every other method at the point after it, with the same lower batch.
"""

from golden import Golden  # before all other packages

import torch
from layer import DIM, bidora_linear, orthogonality

SEED = 0
golden = Golden('adapters', SEED, {'float64': 1e-9})


def double(rows):
    return torch.tensor(rows, dtype=torch.float64)


WEIGHT = double([[0.5, -1, 0.25], [1.5, 0.75, -0.5]])
LORA_A = double([[0.2, -0.4, 0.6]])
LORA_B = double([[0.3], [-0.1]])
LOWER = {'x': double([[1, 2, -1], [0.5, -0.5, 1.5]]), 't': double([[1, 0], [0, 1]])}
UPPER = {'x': double([[-1, 0.5, 0.25], [2, 1, -0.5]]), 't': double([[0.5, -0.5], [1, 0.25]])}
GAMMA = 0.01
RATE = 0.1
RADIUS = 0.01
OPTIONS = {
    'finite-difference': {'radius': RADIUS},
    'neumann': {'terms': 5, 'stepSize': 0.1},
    'conjugate-gradient': {'iterations': 50, 'damping': 3.0, 'tolerance': 1e-12},
    'unrolled': {'learningRate': RATE},
}


def task_loss(layer, batch):
    return 0.5 * (bidora_linear(batch['x'], layer) - batch['t']).square().mean()


class Problem:
    """The two losses as functions of (A, B, m), and the products of second derivatives as autograd gives them."""

    def __init__(self, axis, detach):
        self.shape = {'weight': WEIGHT, 'scaling': 1.0, 'magnitudeAxis': axis, 'detachNorm': detach}

    def layer(self, lower, m):
        return {**self.shape, 'loraA': lower[0], 'loraB': lower[1], 'magnitude': m}

    def lower_loss(self, lower, m):
        layer = self.layer(lower, m)
        return task_loss(layer, LOWER) + GAMMA * orthogonality([layer])

    def upper_loss(self, lower, m):
        return task_loss(self.layer(lower, m), UPPER)


def leaves(*tensors):
    return [t.detach().clone().requires_grad_() for t in tensors]


def magnitude_gradient(problem, lower, m):
    (m,) = leaves(m)
    return torch.autograd.grad(problem.lower_loss(lower, m), m)[0]


def mixed(problem, lower, m, vector):
    """d/dm of <grad_V L_lower, vector>, exactly."""
    *lower, m = leaves(*lower, m)
    first = torch.autograd.grad(problem.lower_loss(lower, m), lower, create_graph=True)
    return torch.autograd.grad(sum((g * v).sum() for g, v in zip(first, vector)), m)[0]


def hessian(problem, lower, m):
    """d2 L_lower / dV dV over (A, B) flattened together."""
    sizes = [t.numel() for t in lower]

    def flat(values):
        return problem.lower_loss([v.view_as(t) for v, t in zip(values.split(sizes), lower)], m)

    return torch.autograd.functional.hessian(flat, torch.cat([t.flatten() for t in lower]))


def inverse_products(problem, lower, m, vector):
    v = torch.cat([t.flatten() for t in vector])
    h = hessian(problem, lower, m)
    option = OPTIONS['neumann']
    p = r = v
    for _ in range(option['terms']):
        r = r - option['stepSize'] * h @ r
        p = p + r
    damped = h + OPTIONS['conjugate-gradient']['damping'] * torch.eye(len(v), dtype=v.dtype)
    assert torch.linalg.eigvalsh(damped).min() > 0.1, 'conjugate gradients need a positive definite system'
    flat = {'neumann': option['stepSize'] * p, 'conjugate-gradient': torch.linalg.solve(damped, v)}
    sizes = [t.numel() for t in lower]
    return {name: [q.view_as(t) for q, t in zip(f.split(sizes), lower)] for name, f in flat.items()}


def unrolled(problem, m):
    """The true derivative of the upper loss through one SGD step from the starting point."""
    *lower, m = leaves(LORA_A, LORA_B, m)
    first = torch.autograd.grad(problem.lower_loss(lower, m), lower, create_graph=True)
    moved = [v - RATE * g for v, g in zip(lower, first)]
    return torch.autograd.grad(problem.upper_loss(moved, m), m)[0]


def case(axis, detach):
    problem = Problem(axis, detach)
    magnitude = WEIGHT.norm(dim=DIM[axis])
    *lower, m = leaves(LORA_A, LORA_B, magnitude)
    lower_loss = problem.lower_loss(lower, m)
    gradient = torch.autograd.grad(lower_loss, lower)
    moved = [(v - RATE * g).detach() for v, g in zip(lower, gradient)]

    *after, m = leaves(*moved, magnitude)
    upper_loss = problem.upper_loss(after, m)
    direct, *vector = torch.autograd.grad(upper_loss, [m, *after])
    norm = torch.cat([v.flatten() for v in vector]).norm()
    epsilon = RADIUS / (norm + 1e-15)
    plus = magnitude_gradient(problem, [p + epsilon * v for p, v in zip(moved, vector)], magnitude)
    minus = magnitude_gradient(problem, [p - epsilon * v for p, v in zip(moved, vector)], magnitude)
    implicit = {
        'first-order': torch.zeros_like(direct),
        'finite-difference': -(plus - minus) / (2 * epsilon),
        'exact': -mixed(problem, moved, magnitude, vector),
    }
    if not detach:
        products = inverse_products(problem, moved, magnitude, vector)
        implicit |= {name: -mixed(problem, moved, magnitude, q) for name, q in products.items()}
        implicit['unrolled'] = unrolled(problem, magnitude) - direct
    return {
        'id': f'{axis}-detached' if detach else axis,
        'magnitudeAxis': axis,
        'detachNorm': detach,
        'scaling': 1,
        'magnitude': magnitude.tolist(),
        'lowerLoss': lower_loss.item(),
        'gradA': gradient[0].tolist(),
        'gradB': gradient[1].tolist(),
        'loraA': moved[0].tolist(),
        'loraB': moved[1].tolist(),
        'upperLoss': upper_loss.item(),
        'direct': direct.tolist(),
        'vectorA': vector[0].tolist(),
        'vectorB': vector[1].tolist(),
        'vectorNorm': norm.item(),
        'epsilon': epsilon.item(),
        'implicit': {name: value.tolist() for name, value in implicit.items()},
        'hypergradient': {name: (direct + value).tolist() for name, value in implicit.items()},
        'options': OPTIONS,
    }


def expect(value, numbers, digits=10):
    torch.testing.assert_close(double(value).flatten(), double(numbers), rtol=0, atol=0.6 * 10**-digits)


cases = [case(axis, detach) for axis in ('in', 'out') for detach in (False, True)]
made = {one['id']: one for one in cases}

# The published roundings, made by an earlier and independent program, must come out again.
expect(made['in']['lowerLoss'], [2.8447884324])
expect(made['in']['gradA'], [-0.2381588635, 0.0501768195, 0.0192723706])
expect(made['in']['hypergradient']['finite-difference'], [1.6684968475, 0.7462589952, 0.4217708923])
expect(made['in']['implicit']['exact'], [-0.1387640331, -0.0916154702, 0.006971035])
expect(made['in']['hypergradient']['unrolled'], [1.7939829151, 0.8294489566, 0.4161834955])
expect(made['out']['lowerLoss'], [3.0874640056])
expect(made['out']['gradB'], [0.2739000103, -1.1244001197])
expect(made['out']['hypergradient']['finite-difference'], [0.2823915062, 2.4417280938])
expect(made['out']['implicit']['exact'], [-0.0284944867, 0.1624670343])
expect(made['out']['hypergradient']['unrolled'], [0.3078095109, 2.2957017831])
expect(made['in-detached']['gradA'], [-0.2325544425, -0.5983925052, 0.3878163988])
expect(made['in-detached']['gradB'], [1.0294636596, -1.1669685501])
expect(made['in-detached']['implicit']['finite-difference'], [0.0222605998, 0.0130608617, -0.0050674376])
expect(made['in-detached']['implicit']['exact'], [0.0171495609, -0.2186485978, -0.3463018384])

golden.json('cases.json', {
    'weight': WEIGHT.tolist(),
    'loraA': LORA_A.tolist(),
    'loraB': LORA_B.tolist(),
    'lowerBatch': {name: value.tolist() for name, value in LOWER.items()},
    'upperBatch': {name: value.tolist() for name, value in UPPER.items()},
    'gamma': GAMMA,
    'learningRate': RATE,
    'cases': cases,
})
golden.finish()
