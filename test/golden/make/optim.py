"""AdamW and SGD of torch after 100 steps on stored gradients, each of torch's implementations by itself;
learning-rate schedules of transformers; gradient clipping of torch."""

from golden import Golden  # before all other packages

import torch
from transformers import get_constant_schedule, get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

SEED = 11
STEPS = 100
SNAPSHOTS = (1, 10, 100)
SHAPES = [[5, 7], [16], [1], [3, 4, 2]]
# float64 is relative; float32 is bit for bit with the path of that name.
golden = Golden('optim', SEED, {'float64': 1e-14, 'float32': 0, 'schedules': 1e-15, 'clipFloat64': 1e-14, 'clipFloat32': 1e-6}, packages=('torch', 'transformers'))

PATHS = {'single': {'foreach': False}, 'foreach': {'foreach': True}, 'fused': {'fused': True}}
OPTIMIZERS = {
    'adamw': (torch.optim.AdamW, {
        'defaults': {'lr': 0.01},
        'paper': {'lr': 0.003, 'betas': (0.9, 0.98), 'eps': 1e-6, 'weight_decay': 0.1},
        'no-decay': {'lr': 0.05, 'betas': (0.8, 0.95), 'weight_decay': 0.0},
    }),
    'sgd': (torch.optim.SGD, {
        'plain': {'lr': 0.1},
        'decay': {'lr': 0.05, 'weight_decay': 0.2},
        'momentum': {'lr': 0.02, 'momentum': 0.9},
        'dampening': {'lr': 0.02, 'momentum': 0.9, 'dampening': 0.3, 'weight_decay': 0.01},
        'nesterov': {'lr': 0.02, 'momentum': 0.9, 'nesterov': True, 'weight_decay': 0.01},
    }),
}  # fmt: skip
NAMES = {'lr': 'lr', 'betas': 'betas', 'eps': 'eps', 'weight_decay': 'weightDecay', 'momentum': 'momentum', 'dampening': 'dampening', 'nesterov': 'nesterov'}
STATE = {'exp_avg': 'expAvg', 'exp_avg_sq': 'expAvgSq', 'momentum_buffer': 'momentumBuffer'}

INITIAL = [torch.randn(shape, dtype=torch.float64) for shape in SHAPES]
# Sizes from 1e-4 to 10, some exact zeros: Adam's denominator sees all of its range.
GRADIENTS = [torch.randn(STEPS, *shape, dtype=torch.float64) * 10 ** torch.empty(STEPS, *shape, dtype=torch.float64).uniform_(-4, 1) for shape in SHAPES]
for gradient in GRADIENTS:
    gradient[torch.rand(gradient.shape) < 0.05] = 0
# A rate that changes at every step, as a schedule with warm-up makes it: 0 at first.
RATES = [0.01 * (s / 10 if s < 10 else (STEPS - s) / (STEPS - 10)) for s in range(STEPS)]

shared = {
    dtype: (golden.tensors(f'{dtype}.initial', [p.to(getattr(torch, dtype)) for p in INITIAL]), golden.tensors(f'{dtype}.gradients', [g.to(getattr(torch, dtype)) for g in GRADIENTS]))
    for dtype in ('float64', 'float32')
}


def run(id, optimizer, options, path, dtype, rates=None):
    kind = getattr(torch, dtype)
    parameters = [torch.nn.Parameter(p.to(kind).clone()) for p in INITIAL]
    made = OPTIMIZERS[optimizer][0](parameters, **options, **PATHS[path])
    case = {
        'id': id,
        'optimizer': optimizer,
        'path': path,
        'dtype': dtype,
        'options': {NAMES[name]: value for name, value in made.defaults.items() if name in NAMES},
        'initial': shared[dtype][0],
        'gradients': shared[dtype][1],
    }
    if rates:
        case['rates'] = rates
    case['snapshots'] = []
    for step in range(STEPS):
        for parameter, gradient in zip(parameters, GRADIENTS):
            parameter.grad = gradient[step].to(kind)
        if rates:
            made.param_groups[0]['lr'] = rates[step]
        made.step()
        if step + 1 in SNAPSHOTS:
            key = f'{id}.{step + 1}'
            state = {
                ours: golden.tensors(f'{key}.{ours}', [made.state[p][theirs] for p in parameters])
                for theirs, ours in STATE.items()
                if made.state[parameters[0]].get(theirs) is not None
            }
            case['snapshots'].append({'step': step + 1, 'parameters': golden.tensors(f'{key}.parameters', parameters), 'state': state})
    return case


cases = []
for dtype in ('float64', 'float32'):
    for path in PATHS:
        for optimizer, (_, variants) in OPTIMIZERS.items():
            for name, options in variants.items():
                cases.append(run(f'{optimizer}-{name}-{path}-{dtype}', optimizer, options, path, dtype))
        cases.append(run(f'adamw-rates-{path}-{dtype}', 'adamw', OPTIMIZERS['adamw'][1]['paper'], path, dtype, RATES))
golden.json('cases.json', {'cases': cases})


def rates(name, warmup, total, lr):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    schedule = {
        'linear': lambda: get_linear_schedule_with_warmup(optimizer, warmup, total),
        'cosine': lambda: get_cosine_schedule_with_warmup(optimizer, warmup, total),
        'constant': lambda: get_constant_schedule(optimizer),
        'constant-with-warmup': lambda: get_constant_schedule_with_warmup(optimizer, warmup),
    }[name]()
    values = []
    for _ in range(total + 1):
        values.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        schedule.step()
    return {'id': f'{name}-{warmup}-{total}', 'name': name, 'warmupSteps': warmup, 'totalSteps': total, 'lr': lr, 'rates': values}


SCHEDULES = ('linear', 'cosine', 'constant', 'constant-with-warmup')
PLANS = ((10, 100, 3e-4), (0, 30, 1.0), (1, 7, 0.1), (5, 5, 2e-5), (0, 1, 0.5))
golden.json('schedules.json', {'cases': [rates(name, *plan) for name in SCHEDULES for plan in PLANS]})


def clip(id, dtype, max_norm, gradients):
    parameters = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient.clone()
    key = f'clip.{id}-{dtype}'
    case = {'id': f'{id}-{dtype}', 'dtype': dtype, 'maxNorm': max_norm, 'gradients': golden.tensors(f'{key}.gradients', gradients)}
    case['totalNorm'] = golden.tensor(f'{key}.totalNorm', torch.nn.utils.clip_grad_norm_(parameters, max_norm))
    case['clipped'] = golden.tensors(f'{key}.clipped', [p.grad for p in parameters])
    return case


clips = []
for dtype in ('float64', 'float32'):
    kind = getattr(torch, dtype)
    one = [torch.randn(shape).to(kind) for shape in SHAPES]
    clips.append(clip('above', dtype, 1.0, one))
    clips.append(clip('below', dtype, 100.0, one))
    clips.append(clip('tiny', dtype, 1.0, [g * 1e-8 for g in one]))
    clips.append(clip('zero', dtype, 1.0, [torch.zeros_like(g) for g in one]))
    clips.append(clip('exact', dtype, 5.0, [torch.tensor([3.0, 0.0], dtype=kind), torch.tensor([[4.0]], dtype=kind)]))
golden.json('clip.json', {'cases': clips})
golden.finish()
