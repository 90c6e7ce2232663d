"""Training losses with weights of classes and smoothed labels, whole batches and their parts, in float64."""

from golden import Golden  # before all other packages

import numpy
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

golden = Golden('objective', 5, {'float64': 1e-13}, packages=('torch', 'scikit-learn'))


def describe(id, problem, logits, targets, weights, smoothing, loss, parts):
    logits = logits.clone().requires_grad_()
    value = loss(logits, targets)
    (gradient,) = torch.autograd.grad(value, logits)
    return {
        'id': id, 'problemType': problem, 'weights': weights, 'labelSmoothing': smoothing,
        'logits': golden.tensor(f'{id}.logits', logits), 'targets': targets.tolist(),
        'value': golden.tensor(f'{id}.value', value), 'gradient': golden.tensor(f'{id}.gradient', gradient),
        'parts': parts, 'partValues': [loss(l, t).item() for l, t in zip(logits.split(parts), targets.split(parts))],
    }


logits = torch.randn(9, 4, dtype=torch.float64) * 2
classes = torch.tensor([0, 3, 1, 1, 2, 0, 3, 3, 0])
weights = [0.25, 2.0, 1.5, 0.75]
cases = []
for given in (None, weights):
    for smoothing in (0.0, 0.1, 0.5):
        weight = None if given is None else torch.tensor(given, dtype=torch.float64)
        loss = lambda l, t, w=weight, s=smoothing: F.cross_entropy(l, t, weight=w, label_smoothing=s)
        cases.append(describe(f'single-{"weighted" if given else "plain"}-{smoothing}', 'single-label', logits, classes, given, smoothing, loss, [2, 4, 3]))

# torch has no smoothing of several labels at once: the targets are moved by hand, to t (1 - s) + s / 2.
several = (torch.rand(9, 4) < 0.4).double()
for given in (None, weights):
    for smoothing in (0.0, 0.1):
        weight = None if given is None else torch.tensor(given, dtype=torch.float64)
        loss = lambda l, t, w=weight, s=smoothing: F.binary_cross_entropy_with_logits(l, t * (1 - s) + s / 2, pos_weight=w)
        cases.append(describe(f'multi-{"weighted" if given else "plain"}-{smoothing}', 'multi-label', logits, several, given, smoothing, loss, [2, 4, 3]))

balanced = compute_class_weight('balanced', classes=numpy.arange(4), y=classes.numpy())
golden.json('cases.json', {'cases': cases, 'balanced': {'targets': classes.tolist(), 'weights': balanced.tolist()}})
golden.finish()
