"""Every hypergradient method on one BiDoRA layer and on a two-layer BERT of transformers with BiDoRA adapters, float64.

Products with second derivatives are not made the way the library makes them: the Hessian of the lower loss is formed
whole (by torch.func.hessian where there is no dropout, entry by entry of double backwards otherwise) and solved, summed
or projected densely; `exact` comes from torch.func.jvp of torch.func.grad where there is no dropout. Dropout is that of
philox.py: one key from torch's default generator per mask, in the order of the forward pass.

Random state: seeded once for each method. `unrolled` draws for its lower steps, one after the other, then for the upper
loss; all others draw for the upper loss first, and every lower loss from the state after it.
"""

import shutil

from golden import Golden  # before all other packages

import torch
from torch import func
import philox
from layer import DIM, combined, direction_norm, orthogonality
from tiny_models import randomise
from transformers import BertConfig, BertForSequenceClassification

SEED = 11
DRAW = 23  # what every method is seeded with
GAMMA = 0.05
SCALING = 2.0
RANK = 2
STEPS = 3
golden = Golden('bilevel', SEED, {'float64': 1e-9}, packages=('torch', 'transformers', 'safetensors'))
F = torch.nn.functional
F.dropout = philox.dropout


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def adapted(x, layer, dropout):
    """The layer with dropout on the input of its low-rank path, as LoRA has it."""
    norm = direction_norm(layer)
    gain = layer['magnitude'] / (norm.detach() if layer['detachNorm'] else norm)
    if layer['magnitudeAxis'] == 'in':
        x = x * gain
    flat = x.reshape(-1, x.shape[-1])
    low = F.dropout(flat, dropout) @ layer['loraA'].T @ layer['loraB'].T
    y = flat @ layer['weight'].T + layer['scaling'] * low
    if layer['magnitudeAxis'] == 'out':
        y = y * gain
    return (y + layer['bias']).reshape(*x.shape[:-1], -1)


def start(axis, weight):
    """Adapter tensors away from their start: loraB not zero, magnitudes off the norms."""
    layer = {'weight': weight, 'scaling': SCALING, 'magnitudeAxis': axis}
    layer |= {'loraA': double(RANK, weight.shape[1]) * 0.4, 'loraB': double(weight.shape[0], RANK) * 0.2}
    magnitude = weight.norm(dim=DIM[axis])
    return layer | {'magnitude': magnitude * (1 + 0.1 * double(*magnitude.shape))}


class OneLayer:
    """y = adapted(x), loss 0.5 mean((y - t)^2); 7 -> 5."""

    def __init__(self, axis, detach, dropout):
        torch.manual_seed(SEED)
        self.dropout = dropout
        weight = double(5, 7) / 7**0.5
        layer = start(axis, weight)
        self.fixed = {**layer, 'bias': double(5) * 0.1, 'detachNorm': detach}
        self.lower = {'loraA': layer['loraA'], 'loraB': layer['loraB']}
        self.upper = {'magnitude': layer['magnitude']}
        self.frozen = {'weight': weight, 'bias': self.fixed['bias']}
        self.batches = {'lower': [(double(6, 7), double(6, 5)) for _ in range(STEPS)], 'upper': (double(6, 7), double(6, 5))}

    def task(self, lower, upper, batch):
        x, t = batch
        return 0.5 * (adapted(x, {**self.fixed, **lower, **upper}, self.dropout) - t).square().mean()

    def regulariser(self, lower):
        return orthogonality([{**self.fixed, **lower}])


CONFIG = BertConfig(
    vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, max_position_embeddings=10,
    type_vocab_size=1, num_labels=3, hidden_act='gelu', attn_implementation='eager', problem_type='single_label_classification',
)  # fmt: skip
TARGETS = ('query', 'value', 'output.dense', 'intermediate.dense')


class Adapted(torch.nn.Module):
    def __init__(self, linear, layer, dropout):
        super().__init__()
        self.linear, self.dropout = linear, dropout
        self.rest = {name: layer[name] for name in ('scaling', 'magnitudeAxis', 'detachNorm')}
        for name in ('loraA', 'loraB', 'magnitude'):
            self.register_parameter(name, torch.nn.Parameter(layer[name]))

    def layer(self, values):
        return {**self.rest, 'weight': self.linear.weight, 'bias': self.linear.bias, **values}

    def forward(self, x):
        values = {name: getattr(self, name) for name in ('loraA', 'loraB', 'magnitude')}
        return adapted(x, self.layer(values), self.dropout)


def base_model():
    torch.manual_seed(SEED)
    model = BertForSequenceClassification(CONFIG)
    randomise(model)
    return model


class Transformer:
    """BERT, two layers, query, value and the whole feed-forward adapted; cross-entropy; the head is trained in full."""

    def __init__(self, axis, detach, dropout):
        model = base_model().double()
        torch.manual_seed(SEED + 1)
        model.requires_grad_(False)
        self.names = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and n.endswith(TARGETS)]
        for name in self.names:
            linear = model.get_submodule(name)
            layer = start(axis, linear.weight.detach())
            parent, _, child = name.rpartition('.')
            setattr(model.get_submodule(parent), child, Adapted(linear, {**layer, 'detachNorm': detach}, dropout))
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = dropout
            if hasattr(module, 'attention_head_size'):
                module.dropout = torch.nn.Dropout(dropout)
        self.model = model.train()
        parameters = dict(model.named_parameters())
        self.lower = {n: p.detach().clone() for n, p in parameters.items() if 'lora' in n or n.startswith('classifier')}
        self.upper = {n: p.detach().clone() for n, p in parameters.items() if n.endswith('magnitude')}
        self.frozen = {}
        batch = lambda: (torch.randint(0, CONFIG.vocab_size, (4, 6)), torch.randint(0, 3, (4,)))  # noqa: E731
        self.batches = {'lower': [batch() for _ in range(STEPS)], 'upper': batch()}

    def task(self, lower, upper, batch):
        x, y = batch
        return F.cross_entropy(func.functional_call(self.model, {**lower, **upper}, (x,)).logits, y)

    def regulariser(self, lower):
        def layer(name):
            return self.model.get_submodule(name).layer({part: lower[f'{name}.{part}'] for part in ('loraA', 'loraB')})

        return orthogonality([layer(name) for name in self.names])


class Point:
    """The losses as functions of flat vectors, and everything that the methods need of them at one point."""

    def __init__(self, problem, dropout):
        self.problem, self.dropout = problem, dropout
        self.V, self.M = self.flat(problem.lower), self.flat(problem.upper)

    @staticmethod
    def flat(named):
        return torch.cat([t.flatten() for t in named.values()])

    def named(self, like, values):
        return dict(zip(like, (v.view_as(t) for v, t in zip(values.split([t.numel() for t in like.values()]), like.values()))))

    def lower_loss(self, v, m, which=0):
        lower, upper = self.named(self.problem.lower, v), self.named(self.problem.upper, m)
        return self.problem.task(lower, upper, self.problem.batches['lower'][which]) + GAMMA * self.problem.regulariser(lower)

    def upper_loss(self, v, m):
        return self.problem.task(self.named(self.problem.lower, v), self.named(self.problem.upper, m), self.problem.batches['upper'])

    def first(self):
        """Upper loss, v and the direct gradient; leaves the random state where the lower loss finds it."""
        torch.manual_seed(DRAW)
        v, m = self.V.clone().requires_grad_(), self.M.clone().requires_grad_()
        loss = self.upper_loss(v, m)
        vector, direct = torch.autograd.grad(loss, (v, m))
        self.state = torch.get_rng_state()
        return loss.detach(), vector, direct

    def again(self):
        torch.set_rng_state(self.state)

    def second(self):
        """(Hessian by V, mixed [M, V]): dense."""
        if self.dropout == 0:
            h = func.hessian(lambda v: self.lower_loss(v, self.M))(self.V)
            mixed = func.jacfwd(lambda v: func.grad(self.lower_loss, 1)(v, self.M))(self.V)
            return h, mixed
        self.again()
        v, m = self.V.clone().requires_grad_(), self.M.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self.lower_loss(v, m), v, create_graph=True)
        rows = [torch.autograd.grad(g, (v, m), retain_graph=True) for g in gradient]
        return torch.stack([row[0] for row in rows]), torch.stack([row[1] for row in rows]).T

    def difference(self, x, radius):
        epsilon = radius / (x.norm() + 1e-15)
        values = []
        for sign in (1, -1):
            self.again()
            m = self.M.clone().requires_grad_()
            values.append(torch.autograd.grad(self.lower_loss(self.V + sign * epsilon * x, m), m)[0])
        return (values[0] - values[1]) / (2 * epsilon)

    def unrolled(self, update, state, steps):
        torch.manual_seed(DRAW)
        v, m = self.V.clone().requires_grad_(), self.M.clone().requires_grad_()
        for which in range(steps):
            (gradient,) = torch.autograd.grad(self.lower_loss(v, m, which), v, create_graph=True)
            v, state = update(v, gradient, state)
        loss = self.upper_loss(v, m)
        return loss.detach(), torch.autograd.grad(loss, m)[0]


def sgd(learningRate, momentum=0.0, weightDecay=0.0):
    def update(v, g, state):
        g = g + weightDecay * v
        if momentum:
            state = {'momentumBuffer': g if not state else momentum * state['momentumBuffer'] + g}
            g = state['momentumBuffer']
        return v - learningRate * g, state

    return update


def adamw(learningRate, betas, eps, weightDecay):
    def update(v, g, state):
        (b1, b2), step = betas, state.get('step', 0) + 1
        m = b1 * state.get('expAvg', 0) + (1 - b1) * g
        s = b2 * state.get('expAvgSq', 0) + (1 - b2) * g * g
        v = v * (1 - learningRate * weightDecay)
        v = v - learningRate / (1 - b1**step) * m / (s.sqrt() / (1 - b2**step) ** 0.5 + eps)
        return v, {'step': step, 'expAvg': m, 'expAvgSq': s}

    return update


SGD = {'learningRate': 0.1, 'momentum': 0.9, 'weightDecay': 0.01}
ADAMW = {'learningRate': 0.02, 'betas': (0.9, 0.98), 'eps': 1e-3, 'weightDecay': 0.1}


def krylov(a, v, count):
    """What `count` iterations of conjugate gradients give, without its recurrences: Galerkin on the Krylov space."""
    basis = []
    x = v
    for _ in range(count):
        for _ in range(2):
            for q in basis:
                x = x - (q @ x) * q
        basis.append(x / x.norm())
        x = a @ basis[-1]
    q = torch.stack(basis, 1)
    return q @ torch.linalg.solve(q.T @ a @ q, q.T @ v)


def breakdown(a, v, most=60):
    """The textbook recurrence, for where it meets a direction without positive curvature: (iteration, x before it)."""
    x, r, p = torch.zeros_like(v), v, v
    for iteration in range(1, most + 1):
        ap = a @ p
        if p @ ap <= 0:
            return iteration, x
        step = (r @ r) / (p @ ap)
        x, rest = x + step * p, r - step * ap
        p, r = rest + (rest @ rest) / (r @ r) * p, rest
    return None


def case(kind, axis, detach, dropout):
    id = f'{kind}-{axis}{"-detached" if detach else ""}{"-dropout" if dropout else ""}'
    problem = {'layer': OneLayer, 'transformer': Transformer}[kind](axis, detach, dropout)
    point = Point(problem, dropout)
    loss, v, direct = point.first()
    h, mixed = point.second()
    # A norm held constant is a constant in both derivatives, so the Hessian is symmetric all the same.
    torch.testing.assert_close(h, h.T, rtol=0, atol=1e-11)
    eigenvalues = torch.linalg.eigvalsh((h + h.T) / 2)
    least, most = eigenvalues[0].item(), eigenvalues[-1].item()
    damping, step = round(max(0.0, -least) + 0.1 * most, 3), round(0.9 / most, 3)
    a = h + damping * torch.eye(len(v), dtype=v.dtype)

    if dropout == 0:  # a third way to the same product
        exact = func.jvp(lambda x: func.grad(point.lower_loss, 1)(x, point.M), (point.V,), (v,))[1]
        torch.testing.assert_close(exact, mixed @ v, rtol=1e-10, atol=1e-12)

    methods = []

    def add(name, method, implicit=None, options=None, **more):
        gradient = direct if implicit is None else direct - implicit
        values = point.named(problem.upper, more.pop('whole', gradient))
        methods.append({'name': name, 'method': method, 'options': options or {}, 'hypergradient': golden.named(f'{id}.{name}', values), **more})

    add('first-order', 'first-order')
    for radius in (0.01, 1.0):
        add(f'finite-difference-{radius}', 'finite-difference', point.difference(v, radius), {'radius': radius})
    add('exact', 'exact', mixed @ v)
    for terms in (0, 1, 5):
        powers = [v]
        for _ in range(terms):
            powers.append(powers[-1] - step * (h @ powers[-1]))
        add(f'neumann-{terms}', 'neumann', mixed @ (step * sum(powers)), {'terms': terms, 'stepSize': step})
    for iterations in (1, 2, 4):
        add(f'conjugate-gradient-{iterations}', 'conjugate-gradient', mixed @ krylov(a, v, iterations), {'iterations': iterations, 'damping': damping})
    if kind == 'layer':  # so many iterations take long on the other
        add('conjugate-gradient-solved', 'conjugate-gradient', mixed @ torch.linalg.solve(a, v), {'iterations': 400, 'damping': damping, 'tolerance': 1e-12})
    found = breakdown(h, v)
    if found:
        iteration, x = found
        add('conjugate-gradient-indefinite', 'conjugate-gradient', mixed @ x, {'iterations': 60}, breakdown=iteration)

    def unrolled(name, update, options, steps=None, state=None):
        upper, gradient = point.unrolled(update, {**(state or {})}, steps or 1)
        given = {} if state is None else {'optimizerState': stored(name, state)}
        add(name, 'unrolled', options={**options, **({'steps': steps} if steps else {})}, whole=gradient, upperLoss=upper.item(), **given)

    def stored(name, state):
        return {key: value if isinstance(value, int) else golden.named(f'{id}.{name}.{key}', point.named(problem.lower, value)) for key, value in state.items()}

    generator = torch.Generator().manual_seed(SEED)
    noise = lambda: torch.randn(len(v), dtype=v.dtype, generator=generator)  # noqa: E731
    state = {'step': 4, 'expAvg': 0.05 * noise(), 'expAvgSq': 0.01 * noise().square() + 1e-4}
    unrolled('unrolled-1', sgd(0.1), {'learningRate': 0.1})
    unrolled(f'unrolled-sgd-{STEPS}', sgd(**SGD), {'update': 'sgd', **SGD}, STEPS)
    unrolled('unrolled-adamw-1', adamw(**ADAMW), {'update': 'adamw', **ADAMW}, None, state)
    unrolled(f'unrolled-adamw-{STEPS}', adamw(**ADAMW), {'update': 'adamw', **ADAMW}, STEPS)

    # SAMA (Betty 0.2.1's arithmetic, bias correction ignored)
    gradient, (b1, b2) = 0.1 * noise(), ADAMW['betas']
    old_m, old_s = (state['expAvg'] - (1 - b1) * gradient) / b1, (state['expAvgSq'] - (1 - b2) * gradient**2) / b2
    scale = ((1 - b1) * b2 * old_s - b1 * (1 - b2) * gradient * old_m) / (state['expAvgSq'].sqrt() + ADAMW['eps']) ** 3
    adam = {'expAvg': state['expAvg'], 'expAvgSq': state['expAvgSq'], 'gradient': gradient}
    add('sama', 'sama', point.difference(v * scale * ADAMW['learningRate'], 1.0), {name: ADAMW[name] for name in ('learningRate', 'betas', 'eps')}, optimizerState=stored('sama', adam))  # fmt: skip

    x = ('inputIds', 'labels') if kind == 'transformer' else ('x', 't')
    batches = [golden.named(f'{id}.lower.{k}', dict(zip(x, batch))) for k, batch in enumerate(problem.batches['lower'])]
    return {
        'id': id,
        'kind': kind,
        'magnitudeAxis': axis,
        'detachNorm': detach,
        'dropout': dropout,
        'eigenvalues': [least, most],
        'upperLoss': loss.item(),
        'lower': golden.named(f'{id}.V', problem.lower),
        'upper': golden.named(f'{id}.M', problem.upper),
        'frozen': golden.named(f'{id}.frozen', problem.frozen),
        'lowerBatches': batches,
        'upperBatch': golden.named(f'{id}.upper', dict(zip(x, problem.batches['upper']))),
        'methods': methods,
    }


model = golden.folder / 'model'
shutil.rmtree(model, ignore_errors=True)
base_model().save_pretrained(model)
for file in model.iterdir():
    golden.wrote(file)
cases = [
    case(kind, axis, detach, dropout)
    for kind in ('layer', 'transformer')
    for axis in ('out', 'in')
    for detach in (False, True)
    for dropout in (0.0, 0.2)
    if kind == 'layer' or dropout or not detach
]
golden.json('cases.json', {'seed': DRAW, 'gamma': GAMMA, 'scaling': SCALING, 'rank': RANK, 'targetModules': list(TARGETS), 'cases': cases})
golden.finish()
