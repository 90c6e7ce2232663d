"""Operators and one small network under torch.autocast('cpu', bfloat16): outputs with their types, first and second gradients.

The operands of products are short binary fractions, so that every product of their bfloat16 roundings and every sum of
these is exact in float32, in whatever order a processor adds: the results must be equal to the bit.
"""

from golden import Golden  # before all other packages

import torch
import torch.nn.functional as F

golden = Golden('autocast', 77, {'bfloat16': 0, 'float32': 1e-6, 'float64': 1e-13})


def fractions(*shape, scale=128):
    """Of magnitude up to 1, with low digits that bfloat16 rounds away."""
    return (torch.randint(-64, 65, shape) / scale + torch.randint(-3, 4, shape) / 2**14).float()


x, w, b = fractions(4, 6), fractions(5, 6), fractions(5)
gain, shift = 1 + fractions(6), fractions(6)
labels = torch.tensor([0, 3, 1, 4])
q, k, v = (fractions(1, 2, 3, 4) for _ in range(3))
inputs = {'x': x, 'w': w, 'b': b, 'gain': gain, 'shift': shift, 'q': q, 'k': k, 'v': v, 'y': fractions(6, 3), 'wide': fractions(4, 6).double()}

OPS = {
    'linear': lambda t: F.linear(t['x'], t['w'], t['b']),
    'matmul': lambda t: torch.matmul(t['x'], t['y']),
    'addmm': lambda t: torch.addmm(t['x'][:, :3], t['x'], t['y']),
    'layerNorm': lambda t: F.layer_norm(t['x'], (6,), t['gain'], t['shift']),
    'layerNormOfProduct': lambda t: F.layer_norm(F.linear(t['x'], t['w'], t['b']), (5,), t['b'], t['b']),
    'softmax': lambda t: torch.softmax(t['x'], -1),
    'softmaxOfProduct': lambda t: torch.softmax(F.linear(t['x'], t['w']), -1),
    'gelu': lambda t: F.gelu(F.linear(t['x'], t['w'])),
    'residual': lambda t: torch.matmul(t['x'], t['y']) + t['x'][:, :3],
    'attention': lambda t: F.scaled_dot_product_attention(t['q'], t['k'], t['v']),
    'crossEntropy': lambda t: F.cross_entropy(F.linear(t['x'], t['w']), labels),
    'meanSquaredError': lambda t: F.mse_loss(torch.matmul(t['x'], t['y']), t['x'][:, :3]),
    'wide': lambda t: torch.matmul(t['wide'], t['y'].double()),
}

ops = []
for name, run in OPS.items():
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        ops.append({'id': name, 'output': golden.tensor(f'ops.{name}', run(inputs))})

# Two layers that share a weight (its cast is cached), a norm and a loss between; gradients outside of autocast, then the
# gradients of a weighted sum of these.
leaves = {name: inputs[name].clone().requires_grad_() for name in ('x', 'w', 'y')}
cotangents = {name: fractions(*leaf.shape) for name, leaf in leaves.items()}


def network(t):
    once = torch.tanh(F.linear(t['x'], t['w']))  # [4, 5]
    twice = torch.matmul(torch.matmul(once, t['w']), t['y'])  # [4, 3]
    return F.mse_loss(F.layer_norm(twice, (3,)), t['y'][:4])


with torch.autocast('cpu', torch.bfloat16):
    loss = network(leaves)
first = torch.autograd.grad(loss, list(leaves.values()), create_graph=True)
total = sum((g * cotangents[name]).sum() for g, name in zip(first, leaves))
second = torch.autograd.grad(total, list(leaves.values()))

golden.json('cases.json', {
    'inputs': golden.named('inputs', inputs),
    'labels': golden.tensor('labels', labels),
    'ops': ops,
    'network': {
        'loss': golden.tensor('network.loss', loss),
        'first': golden.named('network.first', dict(zip(leaves, first))),
        'cotangents': golden.named('network.cotangents', cotangents),
        'second': golden.named('network.second', dict(zip(leaves, second))),
    },
})
golden.finish()
