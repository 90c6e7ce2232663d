"""The hypergradient functions of the real Betty, one call each, on a network of two BiDoRA layers, float64, no dropout.

    python betty_methods.py [FOLDER OF 0.1.1] [FOLDER OF 0.2.0]

with folders made by `pip install --no-deps --ignore-requires-python --target FOLDER betty-ml==VERSION`; without them the
part about the older versions is left as it is. Betty 0.2.1 is the one that is installed. Its functions get an object
with what they ask of a problem; the arithmetic is theirs. The lower loss has a ridge, so that its Hessian is positive
definite and the true solution known: `solved`, and `krylov`, what conjugate gradients give after so many iterations,
both dense.
"""

import importlib.metadata
import json
import os
import subprocess
import sys

from golden import COMMITTED, Golden  # first: it makes `betty` mean the package

if os.environ.get('BETTY_FOLDER'):
    sys.path.insert(0, os.environ['BETTY_FOLDER'])

from types import SimpleNamespace

import torch
from betty.hypergradient.cg import cg
from betty.hypergradient.darts import darts
from betty.hypergradient.neumann import neumann
from layer import DIM, bidora_linear, orthogonality

SEED = 13
GAMMA = 0.05
RIDGE = 1.5
SCALING = 2.0
RANK = 2
RADIUS = 0.01


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64)


class Network:
    """x [8, 7] -> layers.0 (7 -> 5) -> tanh -> layers.1 (5 -> 6) -> tanh -> head (6 -> 3) -> cross-entropy."""

    def __init__(self, axis):
        torch.manual_seed(SEED)
        self.axis = axis
        self.lower, self.upper, self.frozen = {}, {}, {}
        for k, (inn, out) in enumerate(((7, 5), (5, 6))):
            weight = self.frozen[f'layers.{k}.weight'] = double(out, inn) / inn**0.5
            self.frozen[f'layers.{k}.bias'] = double(out) * 0.1
            self.lower[f'layers.{k}.loraA'] = double(RANK, inn) * 0.4
            self.lower[f'layers.{k}.loraB'] = double(out, RANK) * 0.3
            self.upper[f'layers.{k}.magnitude'] = weight.norm(dim=DIM[axis])
        self.lower |= {'head.weight': double(3, 6) * 0.4, 'head.bias': double(3) * 0.1}
        self.batches = {level: {'x': double(8, 7), 'y': torch.randint(0, 3, (8,))} for level in ('lower', 'upper')}
        for leaf in [*self.lower.values(), *self.upper.values()]:
            leaf.requires_grad_()

    def layer(self, k, values):
        parts = {part: values[f'layers.{k}.{part}'] for part in ('loraA', 'loraB', 'magnitude')}
        fixed = {part: self.frozen[f'layers.{k}.{part}'] for part in ('weight', 'bias')}
        return {**parts, **fixed, 'scaling': SCALING, 'magnitudeAxis': self.axis}

    def task(self, values, batch):
        x = batch['x']
        for k in range(2):
            x = torch.tanh(bidora_linear(x, self.layer(k, values)))
        return torch.nn.functional.cross_entropy(torch.nn.functional.linear(x, values['head.weight'], values['head.bias']), batch['y'])

    def lower_loss(self, lower, upper):
        values = {**lower, **upper}
        ridge = sum(v.square().sum() for v in lower.values())
        return self.task(values, self.batches['lower']) + GAMMA * orthogonality([self.layer(k, values) for k in range(2)]) + 0.5 * RIDGE * ridge

    def upper_loss(self):
        return self.task({**self.lower, **self.upper}, self.batches['upper'])


class LowerProblem:
    """What Betty's functions ask of the problem `curr`."""

    _strategy = 'cpu'
    paths = ()
    cur_batch = None

    def __init__(self, network, optimizer=None, **config):
        self.network, self.optimizer = network, optimizer
        self.config = SimpleNamespace(darts_alpha=RADIUS, darts_multitask=False, darts_preconditioned=False, sama_adam_alpha=1.0, sama_multitask=False, **config)  # fmt: skip

    def training_step_exec(self, batch):
        return self.network.lower_loss(self.network.lower, self.network.upper)

    def trainable_parameters(self):
        return list(self.network.lower.values())

    parameters = meta_trainable_parameters = trainable_parameters

    def get_opt_param_group_for_param(self, param):
        return self.optimizer.param_groups[0]

    def get_opt_state_for_param(self, param):
        return self.optimizer.state[param]


class UpperProblem:
    def __init__(self, network):
        self.network = network

    def trainable_parameters(self):
        return list(self.network.upper.values())


def first(network):
    lower = list(network.lower.values())
    gradients = torch.autograd.grad(network.upper_loss(), lower + list(network.upper.values()))
    return gradients[: len(lower)], gradients[len(lower) :]


def drift(version):
    """How far one call of that version's darts moves the lower parameters, as a vector; and epsilon v."""
    network = Network('out')
    vector, _ = first(network)
    start = [p.detach().clone() for p in network.lower.values()]
    more = () if version == '0.1.1' else (False,)
    darts([v.clone() for v in vector], LowerProblem(network), UpperProblem(network), *more)
    epsilon = RADIUS / torch.cat([v.flatten() for v in vector]).norm()
    flat = lambda values: torch.cat([v.flatten() for v in values]).tolist()  # noqa: E731
    return {
        'version': version,
        'moved': flat(p.detach() - s for p, s in zip(network.lower.values(), start)),
        'epsilonVector': flat(epsilon * v for v in vector),
    }


version = importlib.metadata.version('betty-ml')
if os.environ.get('BETTY_FOLDER'):
    print(json.dumps(drift(version)))
    sys.exit()

assert version == '0.2.1', f'betty-ml must be 0.2.1, got {version}'
from betty.hypergradient.sama import sama  # noqa: E402  older versions have none

golden = Golden('betty_methods', SEED, {'float64': 1e-9}, packages=('torch', 'betty-ml'))


def case(axis):
    network = Network(axis)
    vector, direct = first(network)
    names = list(network.upper)

    # Dense: the Hessian by V, the mixed derivative, and what follows from them.
    lower = list(network.lower.values())
    gradient = torch.autograd.grad(network.lower_loss(network.lower, network.upper), lower, create_graph=True)
    flat_gradient = torch.cat([g.flatten() for g in gradient])
    rows = [torch.autograd.grad(g, [*lower, *network.upper.values()], retain_graph=True) for g in flat_gradient]
    h = torch.stack([torch.cat([part.flatten() for part in row[: len(lower)]]) for row in rows])
    mixed = torch.stack([torch.cat([part.flatten() for part in row[len(lower) :]]) for row in rows]).T
    eigenvalues = torch.linalg.eigvalsh(h)
    assert eigenvalues[0] > 0.1, eigenvalues[0]
    v = torch.cat([part.flatten() for part in vector])

    def krylov(count):
        basis, x = [], v
        for _ in range(count):
            for _ in range(2):
                for q in basis:
                    x = x - (q @ x) * q
            basis.append(x / x.norm())
            x = h @ basis[-1]
        q = torch.stack(basis, 1)
        return q @ torch.linalg.solve(q.T @ h @ q, q.T @ v)

    sizes = [d.numel() for d in direct]

    def dense(id, x):
        parts = (mixed @ x).split(sizes)
        return golden.named(f'{axis}.{id}', {n: d - p.view_as(d) for n, d, p in zip(names, direct, parts)})

    methods = []

    def run(id, function, method, options, problem, **more):
        implicit = function([part.clone() for part in vector], problem, UpperProblem(network), False)
        values = {n: d + i for n, d, i in zip(names, direct, implicit)}
        methods.append({'id': id, 'method': method, 'options': options, 'betty': golden.named(f'{axis}.{id}', values), **more})

    for iterations, alpha in ((1, 1.0), (1, 0.3), (4, 0.3)):
        run(f'neumann-{iterations}-{alpha}', neumann, 'neumann', {'terms': iterations, 'stepSize': alpha}, LowerProblem(network, neumann_iterations=iterations, neumann_alpha=alpha))
    # One iteration is right whatever cg_alpha is; from the second on, none is.
    for iterations, alpha in ((1, 1.0), (1, 0.5), (2, 1.0), (3, 1.0), (6, 1.0), (2, 0.5), (3, 0.5), (6, 0.5)):
        id = f'cg-{iterations}-{alpha}'
        run(id, cg, 'conjugate-gradient', {'iterations': iterations}, LowerProblem(network, cg_iterations=iterations, cg_alpha=alpha), right=iterations == 1, krylov=dense(f'{id}.krylov', krylov(iterations)))  # fmt: skip
    run('sama-sgd', sama, 'finite-difference', {'radius': 1}, LowerProblem(network, torch.optim.SGD(lower, lr=0.1)))

    # Adam's state after three steps; Betty notes the last gradient in it.
    optimizer = torch.optim.AdamW(lower, lr=0.02, betas=(0.9, 0.98), eps=1e-3)
    start = [p.detach().clone() for p in lower]
    for _ in range(3):
        for p, g in zip(lower, torch.autograd.grad(network.lower_loss(network.lower, network.upper), lower)):
            p.grad = g
        optimizer.step()
    state = {}
    for name, p in network.lower.items():
        optimizer.state[p]['last_grad'] = p.grad.clone()
        for part, key in (('expAvg', 'exp_avg'), ('expAvgSq', 'exp_avg_sq'), ('gradient', 'last_grad')):
            state.setdefault(part, {})[name] = optimizer.state[p][key]
    with torch.no_grad():
        for p, s in zip(lower, start):
            p.copy_(s)
    run('sama-adamw', sama, 'sama', {'learningRate': 0.02, 'betas': [0.9, 0.98], 'eps': 1e-3}, LowerProblem(network, optimizer), optimizerState={part: golden.named(f'{axis}.state.{part}', values) for part, values in state.items()})  # fmt: skip

    return {
        'id': axis,
        'magnitudeAxis': axis,
        'eigenvalues': [eigenvalues[0].item(), eigenvalues[-1].item()],
        'lower': golden.named(f'{axis}.lower', network.lower),
        'upper': golden.named(f'{axis}.upper', network.upper),
        'frozen': golden.named(f'{axis}.frozen', network.frozen),
        'lowerBatch': golden.named(f'{axis}.lowerBatch', network.batches['lower']),
        'upperBatch': golden.named(f'{axis}.upperBatch', network.batches['upper']),
        'solved': dense('solved', torch.linalg.solve(h, v)),
        'methods': methods,
    }


def older(folder):
    run = subprocess.run([sys.executable, __file__], env={**os.environ, 'BETTY_FOLDER': folder}, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    return json.loads(run.stdout.splitlines()[-1])


cases = [case(axis) for axis in ('out', 'in')]
old = COMMITTED / 'betty_methods' / 'cases.json'
drifts = json.loads(old.read_text())['drifts'] if old.exists() else []
if len(sys.argv) == 3:
    drifts = [older(folder) for folder in sys.argv[1:]] + [drift(version)]
assert [one['version'] for one in drifts] == ['0.1.1', '0.2.0', '0.2.1'], 'give both folders at the first run'
golden.json('cases.json', {'gamma': GAMMA, 'ridge': RIDGE, 'scaling': SCALING, 'radius': RADIUS, 'cases': cases, 'drifts': drifts})
golden.finish()
