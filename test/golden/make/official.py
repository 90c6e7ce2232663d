"""The arithmetic that the authors' BiDoRA code runs on a tiny BERT (run models.py first), in plain PyTorch: none of it is theirs, it
follows what is known of it (its layer, its engine, its optimiser). Search and retraining, every step.

The layer takes square weights transposed, has no scale, starts loraA with deviation 1, normalises columns with the norm in the
graph. Everything but the magnitudes is the lower level. Batches come in the order of torch's random_split, never shuffled.
"""

from golden import COMMITTED, Golden  # before all other packages

import copy
import math

import torch
from torch.utils.data import random_split
from transformers import AutoModelForSequenceClassification

SEED = 31
golden = Golden('official', SEED, {'float64': 1e-12}, packages=('torch', 'transformers'))

EXAMPLES, BATCH, FRACTION, SPLIT_SEED = 14, 4, 0.8, 6
SEARCH, RETRAIN = 7, 6
RATES = {'lower': 2e-2, 'upper': 3e-2, 'retrain': 1e-2}
DECAY = {'lower': 0.1, 'upper': 0.05}
BETAS, EPS, GAMMA, RADIUS = (0.9, 0.98), 1e-6, 1e-2, 0.01
TARGETS = ('attention.self.query', 'attention.self.value')


class Layer(torch.nn.Module):
    def __init__(self, linear, rank):
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        self.loraA = torch.nn.Parameter(torch.randn(rank, linear.in_features, dtype=torch.float64))
        self.loraB = torch.nn.Parameter(torch.zeros(linear.out_features, rank, dtype=torch.float64))
        self.magnitude = torch.nn.Parameter(linear.weight.detach().norm(p=2, dim=0))

    def direction(self):
        combined = self.weight + self.loraB @ self.loraA
        return combined / combined.norm(p=2, dim=0)

    def forward(self, x):
        return x @ (self.magnitude * self.direction()) + self.bias


class AdamW:
    def __init__(self, parameters, rate, decay, steps):
        self.parameters, self.rate, self.decay, self.steps = parameters, rate, decay, steps
        self.warm = round(0.1 * steps)
        self.m = [torch.zeros_like(p) for p in parameters]
        self.v = [torch.zeros_like(p) for p in parameters]
        self.t = 0

    def now(self):
        s = self.t
        return self.rate * (s / max(1, self.warm) if s < self.warm else max(0, (self.steps - s) / max(1, self.steps - self.warm)))

    def step(self, gradients):
        rate = self.now()
        self.t += 1
        size = rate * math.sqrt(1 - BETAS[1] ** self.t) / (1 - BETAS[0] ** self.t)
        with torch.no_grad():
            for p, g, m, v in zip(self.parameters, gradients, self.m, self.v):
                m.mul_(BETAS[0]).add_(g, alpha=1 - BETAS[0])
                v.mul_(BETAS[1]).addcmul_(g, g, value=1 - BETAS[1])
                p.addcdiv_(m, v.sqrt().add_(EPS), value=-size)
                p.add_(p, alpha=-rate * self.decay)


def layers(model):
    return {name: module for name, module in model.named_modules() if isinstance(module, Layer)}


def split(model):
    named = dict(model.named_parameters())
    upper = {n: p for n, p in named.items() if n.endswith('.magnitude')}
    return {n: p for n, p in named.items() if n not in upper}, upper


def batches(places):
    while True:
        for start in range(0, len(places), BATCH):
            yield places[start : start + BATCH]


torch.manual_seed(SEED)
model = AutoModelForSequenceClassification.from_pretrained(COMMITTED / 'models' / 'bert-gelu' / 'model').double().eval()
for name, module in list(model.named_modules()):
    if name.endswith(TARGETS):
        parent, _, own = name.rpartition('.')
        setattr(model.get_submodule(parent), own, Layer(module, 3))
lengths = torch.randint(3, 12, (EXAMPLES,)).tolist()
ids = [torch.randint(4, 48, (length,)).tolist() for length in lengths]
labels = torch.randint(0, 2, (EXAMPLES,)).tolist()


def task(model, places):
    width = max(lengths[place] for place in places)
    rows = torch.tensor([ids[place] + [0] * (width - lengths[place]) for place in places])
    logits = model(input_ids=rows, attention_mask=(rows != 0).long()).logits
    return torch.nn.functional.cross_entropy(logits, torch.tensor([labels[place] for place in places]))


def regulariser(model):
    grams = [layer.direction().T @ layer.direction() for layer in layers(model).values()]
    return sum((gram - torch.eye(len(gram), dtype=gram.dtype)).norm() for gram in grams) / len(grams)


def lower_loss(model, places):
    return task(model, places) + GAMMA * regulariser(model)


start = copy.deepcopy(model)
first = {name: getattr(layer, 'loraA').detach().clone() for name, layer in layers(model).items()}
with torch.no_grad():
    initial = task(model, list(range(EXAMPLES)))
lower_part, upper_part = (list(part) for part in random_split(range(EXAMPLES), [int(FRACTION * EXAMPLES), EXAMPLES - int(FRACTION * EXAMPLES)], generator=torch.Generator().manual_seed(SPLIT_SEED)))
lower_stream, upper_stream = batches(lower_part), batches(upper_part)
lower, upper = (list(part.values()) for part in split(model))
lower_optimizer = AdamW(lower, RATES['lower'], DECAY['lower'], SEARCH)
upper_optimizer = AdamW(upper, RATES['upper'], DECAY['upper'], SEARCH)
search = []
for _ in range(SEARCH):
    places = next(lower_stream)
    loss = lower_loss(model, places)
    lower_optimizer.step(torch.autograd.grad(loss, lower))
    above = task(model, next(upper_stream))
    direct = torch.autograd.grad(above, upper, retain_graph=True)
    vector = torch.autograd.grad(above, lower)
    epsilon = RADIUS / (torch.cat([v.flatten() for v in vector]).norm() + 1e-15)
    ends = []
    kept = [p.detach().clone() for p in lower]
    for sign in (1, -1):
        with torch.no_grad():
            for p, k, v in zip(lower, kept, vector):
                p.copy_(k + sign * epsilon * v)
        ends.append(torch.autograd.grad(lower_loss(model, places), upper))
    with torch.no_grad():
        for p, k in zip(lower, kept):
            p.copy_(k)
    hyper = [d - (plus - minus) / (2 * epsilon) for d, plus, minus in zip(direct, *ends)]
    upper_optimizer.step(hyper)
    search.append({'lowerLoss': loss.item(), 'upperLoss': above.item(), 'hypergradientNorm': torch.cat(hyper).norm().item()})
found = {n: p.detach().clone() for n, p in split(model)[1].items()}

with torch.no_grad():
    for name, parameter in split(start)[1].items():
        parameter.copy_(found[name])
moving = split(start)[0]
optimizer = AdamW(list(moving.values()), RATES['retrain'], DECAY['lower'], RETRAIN)
stream, retrain = batches(list(range(EXAMPLES))), []
for _ in range(RETRAIN):
    loss = lower_loss(start, next(stream))
    optimizer.step(torch.autograd.grad(loss, list(moving.values())))
    retrain.append({'lowerLoss': loss.item()})

# The pretrained tensors move too: of those a few are enough.
told = [n for n in moving if 'lora' in n or n.startswith('classifier') or 'layer.1.attention.self' in n or 'layer.0.intermediate' in n or n.endswith('LayerNorm.bias')]
golden.json(
    'cases.json',
    {
        'examples': [{'ids': row, 'label': label} for row, label in zip(ids, labels)],
        'settings': {
            'model': {'rank': 3},
            'fit': {
                'batchSize': BATCH, 'lowerFraction': FRACTION, 'seed': SPLIT_SEED, 'searchSteps': SEARCH, 'retrainSteps': RETRAIN,
                'lowerLearningRate': RATES['lower'], 'upperLearningRate': RATES['upper'], 'retrainLearningRate': RATES['retrain'],
                'weightDecay': DECAY['lower'], 'upperWeightDecay': DECAY['upper'], 'adamBeta1': BETAS[0], 'adamBeta2': BETAS[1], 'adamEpsilon': EPS,
                'orthogonality': GAMMA, 'radius': RADIUS, 'clip': 0, 'upperClip': 0,
            },
        },
        'loraA': golden.named('loraA', first),
        'initialLoss': initial.item(),
        'search': search,
        'retrain': retrain,
        'magnitudes': golden.named('magnitudes', found),
        'trained': golden.named('trained', {n: moving[n] for n in told}),
        'merged': golden.named('merged', {n: (layer.magnitude * layer.direction()).T for n, layer in layers(start).items()}),
    },
)
golden.finish()
