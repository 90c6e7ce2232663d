"""One adapted linear layer, written densely: the formulas as they stand, for autograd to differentiate.

weight [out, in], loraA [rank, in], loraB [out, rank], magnitude [in] or [out].
A line is a column (axis 'in') or a row (axis 'out') of V = weight + scaling * loraB loraA.
A zero line: norm 0, inverse norm 0 (so merged line 0), and no gradient through either, in any order.
"""

import torch

DIM = {'in': 0, 'out': 1}


def combined(layer):
    return layer['weight'] + layer['scaling'] * layer['loraB'] @ layer['loraA']  # [out, in]


def safe_sqrt(square):
    zero = square == 0
    return torch.where(zero, torch.zeros_like(square), torch.where(zero, torch.ones_like(square), square).sqrt())


def safe_inverse(norm):
    zero = norm == 0
    return torch.where(zero, torch.zeros_like(norm), 1 / torch.where(zero, torch.ones_like(norm), norm))


def direction_norm(layer):
    return safe_sqrt(combined(layer).square().sum(DIM[layer['magnitudeAxis']]))


def direction(layer):
    line = DIM[layer['magnitudeAxis']]
    norm = direction_norm(layer)
    if layer.get('detachNorm'):
        norm = norm.detach()
    return combined(layer) * safe_inverse(norm).unsqueeze(line)


def merged_weight(layer):
    return layer['magnitude'].unsqueeze(DIM[layer['magnitudeAxis']]) * direction(layer)


def bidora_linear(x, layer):
    return torch.nn.functional.linear(x, merged_weight(layer), layer.get('bias'))


def orthogonality(layers):
    """Mean over layers of || Gram(direction) - I ||_F, never detached. The root of exactly zero has gradient zero."""
    total = 0
    for layer in layers:
        d = direction({**layer, 'detachNorm': False})
        gram = d.T @ d if layer['magnitudeAxis'] == 'in' else d @ d.T
        off = gram - torch.eye(gram.shape[0], dtype=gram.dtype)
        # The diagonal of a live line is 1 by construction; rounding must not give it a gradient.
        live = (direction_norm(layer) != 0).to(gram.dtype)
        off = off * (1 - torch.diag(live))
        total = total + safe_sqrt(off.square().sum())
    return total / len(layers)
