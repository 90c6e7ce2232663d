"""Twenty rounds of the real Betty engine (0.2.1) on a small two-level problem with BiDoRA layers, float64, no dropout.

Betty rebuilds each optimizer over `trainable_parameters()`, by default every parameter of the module; the problems here
name theirs, so the pretrained weights and biases stay frozen. Order of a round, as Betty's `step_normal` runs it:
lower loss, backward, lower optimizer, lower scheduler; then upper loss at the moved point, direct gradient, its gradient
v with respect to the lower parameters, two lower losses at +- epsilon v with the batch just used, restoration, upper
optimizer, upper scheduler. The trace below asserts it. With roll-back the lower level then goes back to where the round began,
optimizer and all, and makes one step on the last batch with the new magnitudes; its schedule moves by one a round.
"""

import importlib.metadata

from golden import Golden  # first: it makes `betty` mean the package

import torch
from betty.configs import Config, EngineConfig
from betty.engine import Engine
from betty.problems import ImplicitProblem
from layer import DIM, bidora_linear, orthogonality

version = importlib.metadata.version('betty-ml')
assert version == '0.2.1', f'betty-ml must be 0.2.1 (older ones do not restore the perturbed weights), got {version}'

SEED = 5
ROUNDS = 20
BATCH = 8
GAMMA = 0.05
RADIUS = 0.01
SCALING = 2.0
RANK = 2
golden = Golden('betty', SEED, {'float64': 1e-6}, packages=('torch', 'betty-ml'))


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64)


class AdamW(torch.optim.AdamW):
    """Betty calls the class again with its own `defaults`, which hold a key that the constructor does not take."""

    def __init__(self, params, decoupled_weight_decay=True, **options):
        super().__init__(params, **options)


class Sgd(torch.optim.SGD):
    pass


OPTIMIZERS = {'adamw': AdamW, 'sgd': Sgd}


class Lower(torch.nn.Module):
    """Two adapted layers and a head; `named` splits its tensors into trained and frozen."""

    def __init__(self, axis, detach, start):
        super().__init__()
        self.axis, self.detach = axis, detach
        self.named, self.frozen = {}, {}
        for k, (inn, out) in enumerate(((7, 5), (5, 6))):
            self.frozen[f'layers.{k}.weight'] = double(out, inn) / inn**0.5
            self.frozen[f'layers.{k}.bias'] = double(out) * 0.1
            self.add(f'layers.{k}.loraA', double(RANK, inn) * 0.4)
            self.add(f'layers.{k}.loraB', torch.zeros(out, RANK, dtype=torch.float64) if start else double(out, RANK) * 0.3)
        self.add('head.weight', double(3, 6) * 0.4)
        self.add('head.bias', double(3) * 0.1)

    def add(self, name, value):
        self.named[name] = torch.nn.Parameter(value)
        self.register_parameter(name.replace('.', '_'), self.named[name])

    def layers(self, magnitudes):
        return [
            {
                'weight': self.frozen[f'layers.{k}.weight'],
                'bias': self.frozen[f'layers.{k}.bias'],
                'loraA': self.named[f'layers.{k}.loraA'],
                'loraB': self.named[f'layers.{k}.loraB'],
                'magnitude': magnitudes[k],
                'scaling': SCALING,
                'magnitudeAxis': self.axis,
                'detachNorm': self.detach,
            }
            for k in range(2)
        ]

    def forward(self, x, magnitudes):
        for layer in self.layers(magnitudes):
            x = torch.tanh(bidora_linear(x, layer))
        return torch.nn.functional.linear(x, self.named['head.weight'], self.named['head.bias'])


class Upper(torch.nn.Module):
    def __init__(self, lower):
        super().__init__()
        weights = [lower.frozen[f'layers.{k}.weight'] for k in range(2)]
        self.magnitudes = torch.nn.ParameterList([w.norm(dim=DIM[lower.axis]) for w in weights])
        self.named = {f'layers.{k}.magnitude': m for k, m in enumerate(self.magnitudes)}

    def forward(self):
        return list(self.magnitudes)


def copies(named):
    return {name: value.detach().clone() for name, value in named.items()}


class Trace:
    def __init__(self):
        self.calls, self.rounds, self.lower_losses = [], [], []


class LowerProblem(ImplicitProblem):
    trace: Trace

    def training_step(self, batch):
        x, y = batch
        magnitudes = self.upper()
        task = torch.nn.functional.cross_entropy(self.module(x, magnitudes), y)
        loss = task + GAMMA * orthogonality(self.module.layers(magnitudes))
        self.trace.calls.append('lower')
        self.trace.lower_losses.append(loss.item())
        return loss

    def trainable_parameters(self):
        return list(self.module.named.values())


class UpperProblem(ImplicitProblem):
    trace: Trace

    def training_step(self, batch):
        x, y = batch
        loss = torch.nn.functional.cross_entropy(self.lower.module(x, self()), y)
        trace = self.trace
        trace.calls.append('upper')
        trace.rounds.append({
            'lowerLoss': trace.lower_losses[-1],
            'upperLoss': loss.item(),
            'lower': copies(self.lower.module.named),
        })
        return loss

    def grad_callback(self):
        self.trace.rounds[-1]['hypergradient'] = {name: p.grad.clone() for name, p in self.module.named.items()}

    def param_callback(self):
        self.trace.rounds[-1]['upper'] = copies(self.module.named)


def schedule_of(optimizer, plan):
    """Linear warm-up, then linear to 0, as the official code has it."""
    warm, total = plan
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: s / max(1, warm) if s < warm else max(0.0, (total - s) / max(1, total - warm)))


def run(id, axis, optimizer, lower_options, upper_options, plan=None, detach=False, start=True, unroll=1, roll_back=False):
    torch.manual_seed(SEED)
    steps = ROUNDS * unroll
    lower_x, lower_y = double(steps, BATCH, 7), torch.randint(0, 3, (steps, BATCH))
    upper_x, upper_y = double(ROUNDS, BATCH, 7), torch.randint(0, 3, (ROUNDS, BATCH))
    lower_module = Lower(axis, detach, start)
    upper_module = Upper(lower_module)
    initial = {'lower': copies(lower_module.named), 'upper': copies(upper_module.named), 'frozen': copies(lower_module.frozen)}
    config = {'type': 'darts', 'darts_alpha': RADIUS, 'first_order': True, 'unroll_steps': unroll}

    lower_optimizer = OPTIMIZERS[optimizer](lower_module.named.values(), **lower_options)
    upper_optimizer = OPTIMIZERS[optimizer](upper_module.parameters(), **upper_options)
    each = 1 if roll_back else unroll  # lower steps a round that its schedule counts
    lower_plan = plan and (plan['warmupSteps'] * each, plan['totalSteps'] * each)
    upper_plan = plan and (plan['warmupSteps'], plan['totalSteps'])
    lower = LowerProblem(
        'lower', Config(**config), lower_module, lower_optimizer, plan and schedule_of(lower_optimizer, lower_plan), list(zip(lower_x, lower_y))
    )
    # The upper graph is walked twice: for the direct gradient, and for v.
    upper = UpperProblem(
        'upper', Config(**config | {'retain_graph': True, 'unroll_steps': 1}), upper_module, upper_optimizer, plan and schedule_of(upper_optimizer, upper_plan), list(zip(upper_x, upper_y))
    )
    trace = lower.trace = upper.trace = Trace()
    Engine(
        config=EngineConfig(train_iters=steps, strategy='cpu', valid_step=10**9, roll_back=roll_back),
        problems=[upper, lower],
        dependencies={'u2l': {upper: [lower]}, 'l2u': {lower: [upper]}},
    ).run()
    again = ['lower'] if roll_back else []
    assert trace.calls == (['lower'] * unroll + ['upper', 'lower', 'lower'] + again) * ROUNDS, trace.calls
    assert all(torch.equal(initial['frozen'][name], value) for name, value in lower_module.frozen.items())

    names = {'lr': 'lr', 'betas': 'betas', 'eps': 'eps', 'weight_decay': 'weightDecay'}
    options = {level: {names[key]: value for key, value in made.defaults.items() if key in names} for level, made in (('lower', lower_optimizer), ('upper', upper_optimizer))}
    batches = {
        level: {'x': golden.tensor(f'{id}.{level}.x', x), 'y': golden.tensor(f'{id}.{level}.y', y)}
        for level, x, y in (('lowerBatches', lower_x, lower_y), ('upperBatches', upper_x, upper_y))
    }
    return {
        'id': id,
        'magnitudeAxis': axis,
        'detachNorm': detach,
        'optimizer': optimizer,
        **options,
        'schedule': plan,
        'gamma': GAMMA,
        'radius': RADIUS,
        'scaling': SCALING,
        'rounds': ROUNDS,
        'unrollSteps': unroll,
        'rollBack': roll_back,
        'initial': {level: golden.named(f'{id}.initial', values) for level, values in initial.items()},
        **batches,
        'trace': [
            {
                'round': r + 1,
                'lowerLoss': one['lowerLoss'],
                'upperLoss': one['upperLoss'],
                **{part: golden.named(f'{id}.{r + 1}.{part}', one[part]) for part in ('hypergradient', 'lower', 'upper')},
            }
            for r, one in enumerate(trace.rounds)
        ],
    }


ADAMW = {'lr': 0.02, 'betas': (0.9, 0.98), 'eps': 1e-6, 'weight_decay': 0.1}
UPPER_ADAMW = {'lr': 0.01, 'betas': (0.9, 0.999), 'eps': 1e-8, 'weight_decay': 0.01}
PLAN = {'warmupSteps': 2, 'totalSteps': ROUNDS}
cases = [
    run('in-adamw', 'in', 'adamw', ADAMW, UPPER_ADAMW, PLAN),
    run('out-adamw', 'out', 'adamw', ADAMW, UPPER_ADAMW, PLAN),
    run('in-sgd', 'in', 'sgd', {'lr': 0.2}, {'lr': 0.1}, start=False),
    run('out-sgd', 'out', 'sgd', {'lr': 0.2}, {'lr': 0.1}, start=False),
    run('out-adamw-detached', 'out', 'adamw', ADAMW, UPPER_ADAMW, detach=True),
    run('out-adamw-unroll-2', 'out', 'adamw', ADAMW, UPPER_ADAMW, PLAN, unroll=2),
    run('in-adamw-roll-back', 'in', 'adamw', ADAMW, UPPER_ADAMW, PLAN, unroll=2, roll_back=True),
]
golden.json('cases.json', {'network': 'x [8, 7] -> layers.0 (7 -> 5) -> tanh -> layers.1 (5 -> 6) -> tanh -> head (6 -> 3) -> cross-entropy', 'cases': cases})
golden.finish()
