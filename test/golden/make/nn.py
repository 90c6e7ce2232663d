"""Layers of the nn room, and a file of the official safetensors writer."""

import math

import golden as files
import philox
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from transformers.activations import ACT2FN

golden = files.Golden('nn', seed=11, tolerance={'float32': 1e-6, 'float64': 1e-13}, packages=('torch', 'transformers', 'safetensors'))

# --- starts: a seed gives the same numbers in the same order
starts = []


def start(id, seed, dtype, make):
    """`make` returns the parameters in the order they were drawn."""
    torch.manual_seed(seed)
    torch.set_default_dtype(getattr(torch, dtype))
    starts.append({'id': id, 'seed': seed, 'dtype': dtype, **golden.tensors(f'start.{id}', make())})
    torch.set_default_dtype(torch.float32)


for dtype in ('float32', 'float64'):
    start(f'linear-{dtype}', 3, dtype, lambda: list(nn.Linear(7, 5).parameters()))
    start(f'linear-wide-{dtype}', 2**40 + 5, dtype, lambda: list(nn.Linear(33, 4).parameters()))
    start(f'linear-no-bias-{dtype}', 4, dtype, lambda: list(nn.Linear(3, 9, bias=False).parameters()))
    start(f'embedding-{dtype}', 5, dtype, lambda: list(nn.Embedding(9, 6, padding_idx=2).parameters()))
    start(f'normal-{dtype}', 6, dtype, lambda: [nn.init.normal_(torch.empty(3, 40), std=0.02)])
    start(f'kaiming-{dtype}', 7, dtype, lambda: [nn.init.kaiming_uniform_(torch.empty(4, 24), a=math.sqrt(5))])

# --- dropout: masks by counters, their key the next 64 bits of the generator
dropouts = []
for dtype in ('float32', 'float64'):
    for p in (0.1, 0.5):
        x = torch.randn(5, 37, dtype=getattr(torch, dtype))
        torch.manual_seed(8)
        id = f'{dtype}-{p}'
        dropouts.append({
            'id': id, 'seed': 8, 'p': p, 'dtype': dtype,
            'x': golden.tensor(f'dropout.{id}.x', x),
            'output': golden.tensor(f'dropout.{id}.output', philox.dropout(x, p)),
        })

# --- activations by their names in Hugging Face configurations
activations = []
grid = torch.linspace(-6, 6, 49, dtype=torch.float64)
golden.tensor('activation.x', grid)
for name in ('gelu', 'gelu_python', 'gelu_new', 'gelu_fast', 'gelu_pytorch_tanh', 'quick_gelu', 'relu', 'silu', 'swish', 'tanh', 'sigmoid', 'linear'):
    x = grid.clone().requires_grad_()
    y = ACT2FN[name](x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    activations.append({
        'id': name,
        'output': golden.tensor(f'activation.{name}.output', y),
        'gradient': golden.tensor(f'activation.{name}.gradient', gradient),
    })

# --- losses
losses = []


def loss(id, kind, logits, target, options, value):
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    losses.append({
        'id': id, 'kind': kind,
        'logits': golden.tensor(f'loss.{id}.logits', logits),
        'target': golden.tensor(f'loss.{id}.target', target),
        'options': {k: golden.tensor(f'loss.{id}.{k}', v) if isinstance(v, torch.Tensor) else v for k, v in options.items()},
        'value': golden.tensor(f'loss.{id}.value', value),
        'gradient': golden.tensor(f'loss.{id}.gradient', gradient),
    })


logits = torch.randn(6, 4, dtype=torch.float64, requires_grad=True)
classes = torch.tensor([0, 3, 1, -100, 2, 3])
weight = torch.tensor([0.5, 1.0, 2.0, 0.25], dtype=torch.float64)
loss('cross-entropy', 'crossEntropy', logits, classes, {}, F.cross_entropy(logits, classes))
loss('cross-entropy-smooth', 'crossEntropy', logits, classes, {'labelSmoothing': 0.1, 'weight': weight, 'reduction': 'sum'},
     F.cross_entropy(logits, classes, weight=weight, label_smoothing=0.1, reduction='sum'))
several = torch.rand(6, 4, dtype=torch.float64).round()
loss('binary', 'binaryCrossEntropy', logits, several, {}, F.binary_cross_entropy_with_logits(logits, several))
loss('binary-weighted', 'binaryCrossEntropy', logits, several, {'posWeight': weight, 'reduction': 'none'},
     F.binary_cross_entropy_with_logits(logits, several, pos_weight=weight, reduction='none'))
values = torch.randn(6, 4, dtype=torch.float64)
loss('squared', 'meanSquaredError', logits, values, {}, F.mse_loss(logits, values))
loss('squared-sum', 'meanSquaredError', logits, values, {'reduction': 'sum'}, F.mse_loss(logits, values, reduction='sum'))

# --- attention with a bias, two heads; head size 3
q, k, v = (torch.randn(2, 5, 6, dtype=torch.float64, requires_grad=True) for _ in range(3))
kept = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.float64)
split = lambda t: t.view(2, 5, 2, 3).transpose(1, 2)
scores = split(q) @ split(k).transpose(2, 3) / math.sqrt(3) + ((kept - 1) * 1e30)[:, None, None, :]
out = (scores.softmax(-1) @ split(v)).transpose(1, 2).reshape(2, 5, 6)
cotangent = torch.randn_like(out)
attention = {
    'heads': 2, 'kept': golden.tensor('attention.kept', kept), 'cotangent': golden.tensor('attention.cotangent', cotangent),
    **golden.named('attention', {'query': q, 'key': k, 'value': v, 'output': out}),
    'gradients': golden.named('attention.gradients', dict(zip(('query', 'key', 'value'), torch.autograd.grad((out * cotangent).sum(), (q, k, v))))),
}

golden.json('cases.json', {'starts': starts, 'dropouts': dropouts, 'activations': activations, 'losses': losses, 'attention': attention})

# --- what the official writer makes of every dtype: ours must read it, and write the very same bytes
official = {
    'zeta.weight': torch.randn(3, 5), 'alpha.weight': torch.randn(2, 2), 'é.bias': torch.randn(4, dtype=torch.float64),
    'half': torch.randn(3, 3).half(), 'brain': torch.randn(5).bfloat16(),
    'long': torch.tensor([2**53 + 1, -7]), 'int': torch.tensor([1, -2, 3], dtype=torch.int32), 'short': torch.tensor([-300], dtype=torch.int16),
    'byte': torch.tensor([200, 1, 2], dtype=torch.uint8), 'char': torch.tensor([-100], dtype=torch.int8),
    'flag': torch.tensor([True, False, True]), 'scalar': torch.tensor(1.5), 'none': torch.zeros(0, 3), '𝄞': torch.ones(1), '\ufb01': torch.ones(1),
}
save_file(official, golden.folder / 'official.safetensors', metadata={'format': 'pt'})
golden.wrote(golden.folder / 'official.safetensors')
golden.finish()
