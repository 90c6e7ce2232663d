"""Functions of one adapted layer: values, gradients, second derivatives, all float64 by autograd."""

from golden import Golden  # before all other packages

import torch
from layer import DIM, bidora_linear, direction_norm, merged_weight, orthogonality

SEED = 20241
golden = Golden('layers', SEED, {'float64': 1e-12})


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def layer(out, inn, rank, axis, *, scaling=1.0, bias=False, start=False, detach=False):
    one = {
        'weight': normal(out, inn),
        'loraA': normal(rank, inn),
        'loraB': torch.zeros(out, rank, dtype=torch.float64) if start else normal(out, rank) * 0.5,
        'scaling': scaling,
        'magnitudeAxis': axis,
        'detachNorm': detach,
        'bias': normal(out) if bias else None,
    }
    return with_magnitude(one, start)


def with_magnitude(one, start):
    """At the start the magnitude is the norm of the weight; later it is anything."""
    norm = one['weight'].norm(dim=DIM[one['magnitudeAxis']])
    return {**one, 'magnitude': norm if start else norm * 0.8 + normal(norm.numel()).abs() * 0.3}


def with_zero_lines(one):
    """A dead column and a dead row (weight and update zero there), and a zero weight column and row that the update fills."""
    for name, index in (('weight', (slice(None), 1)), ('loraA', (slice(None), 1)), ('weight', (3, slice(None)))):
        one[name][index] = 0
    one['loraB'][3] = 0
    one['weight'][:, 2] = 0
    one['weight'][0] = 0
    return one


def with_identity_gram(one):
    """Lines that are multiples of different unit vectors; loraB is zero, so the update cannot disturb them."""
    weight = torch.zeros_like(one['weight'])
    out, inn = weight.shape
    for k in range(min(out, inn)):
        weight[(2 * k + 1) % out if out >= inn else k, k if out >= inn else (2 * k + 1) % inn] = (-1) ** k * 2.0 ** (k - 1)
    return with_magnitude({**one, 'weight': weight, 'loraB': torch.zeros_like(one['loraB'])}, False)


def leaves(one):
    """The same layer with its trained tensors as fresh leaves."""
    names = ['loraA', 'loraB', 'magnitude'] + (['bias'] if one['bias'] is not None else [])
    fresh = {name: one[name].clone().requires_grad_() for name in names}
    return {**one, **fresh}, fresh


def zeros_for_none(grads, inputs):
    return [torch.zeros_like(i) if g is None else g for g, i in zip(grads, inputs)]


def gradients(loss, inputs, **options):
    """Gradients by name; an input that the loss does not reach has zeros."""
    values = list(inputs.values())
    if not loss.requires_grad:
        return {name: torch.zeros_like(value) for name, value in inputs.items()}
    grads = torch.autograd.grad(loss, values, allow_unused=True, **options)
    return dict(zip(inputs, zeros_for_none(grads, values)))


def second(loss, inputs, cotangents):
    first = gradients(loss, inputs, create_graph=True)
    total = sum((first[name] * cotangents[name]).sum() for name in inputs)
    return gradients(total, inputs)


def describe(id, one, x):
    case = {'id': id, 'magnitudeAxis': one['magnitudeAxis'], 'detachNorm': one['detachNorm'], 'scaling': one['scaling']}
    for name in ('weight', 'loraA', 'loraB', 'magnitude', 'bias'):
        case[name] = None if one[name] is None else golden.tensor(f'{id}.{name}', one[name])
    case['x'] = golden.tensor(f'{id}.x', x)

    live, inputs = leaves(one)
    directions = {name: inputs[name] for name in ('loraA', 'loraB')}
    x_leaf = x.clone().requires_grad_()
    full = {'x': x_leaf, **inputs}

    norm = direction_norm(live)
    case['norm'] = golden.tensor(f'{id}.norm', norm)
    case['zeroLines'] = (norm == 0).nonzero().flatten().tolist()
    cotangent = normal(norm.numel())
    case['normCotangent'] = golden.tensor(f'{id}.normCotangent', cotangent)
    case['normGradients'] = golden.named(f'{id}.normGradients', gradients((norm * cotangent).sum(), directions))

    merged = merged_weight(live)
    cotangent = normal(*merged.shape)
    case['merged'] = golden.tensor(f'{id}.merged', merged)
    case['mergedCotangent'] = golden.tensor(f'{id}.mergedCotangent', cotangent)
    trained = {**directions, 'magnitude': inputs['magnitude']}
    case['mergedGradients'] = golden.named(f'{id}.mergedGradients', gradients((merged * cotangent).sum(), trained))

    output = bidora_linear(x_leaf, live)
    cotangent = normal(*output.shape)
    case['output'] = golden.tensor(f'{id}.output', output)
    case['cotangent'] = golden.tensor(f'{id}.cotangent', cotangent)
    case['gradients'] = golden.named(f'{id}.gradients', gradients((output * cotangent).sum(), full, retain_graph=True))
    cotangents = {name: normal(*value.shape) for name, value in full.items()}
    case['second'] = {
        'cotangents': golden.named(f'{id}.second.cotangents', cotangents),
        'gradients': golden.named(f'{id}.second.gradients', second((output * cotangent).sum(), full, cotangents)),
    }

    value = orthogonality([live])
    case['orthogonality'] = value.item()
    case['orthogonalityGradients'] = golden.named(f'{id}.orthogonalityGradients', gradients(value, directions, retain_graph=True))
    cotangents = {name: normal(*value.shape) for name, value in directions.items()}
    case['orthogonalitySecond'] = {
        'cotangents': golden.named(f'{id}.orthogonalitySecond.cotangents', cotangents),
        'gradients': golden.named(f'{id}.orthogonalitySecond.gradients', second(value, directions, cotangents)),
    }
    assert all(torch.isfinite(t).all() for t in golden.stores['tensors.safetensors'].values()), id
    return case


cases, sets = [], []
for axis in ('in', 'out'):
    made = {}

    def add(id, one, x):
        made[id] = one
        cases.append(describe(f'{id}-{axis}', one, x))

    for detach in (False, True):
        suffix = '-detached' if detach else ''
        add(f'tall{suffix}', layer(7, 5, 3, axis, scaling=2.0, bias=True, detach=detach), normal(4, 5))
        add(f'wide{suffix}', layer(5, 7, 2, axis, scaling=0.5, detach=detach), normal(2, 3, 7))
        add(f'start{suffix}', layer(7, 5, 3, axis, scaling=2.0, bias=True, start=True, detach=detach), normal(2, 2, 5))
        add(f'zero-lines{suffix}', with_zero_lines(layer(7, 5, 3, axis, scaling=1.5, bias=True, detach=detach)), normal(4, 5))
    add('square', layer(6, 6, 4, axis, bias=True), normal(3, 6))
    add('rank-above-size', layer(5, 7, 9, axis, scaling=0.25), normal(3, 7))
    add('rank-one-vector', layer(7, 5, 1, axis, scaling=-1.25), normal(5))
    add('one-line', layer(1, 4, 2, axis, bias=True), normal(3, 4))
    dead = layer(4, 5, 2, axis, start=True)
    add('dead', with_magnitude({**dead, 'weight': torch.zeros_like(dead['weight'])}, True), normal(3, 5))
    # Orthogonal lines: a tall weight has orthogonal columns, a wide one orthogonal rows.
    add('identity-gram', with_identity_gram(layer(7, 5, 3, axis) if axis == 'in' else layer(5, 7, 3, axis)), normal(3, 5 if axis == 'in' else 7))

    for id, names in (('pair', ['tall', 'wide']), ('with-identity', ['tall', 'identity-gram', 'square']), ('with-zero-lines', ['zero-lines', 'start'])):
        pairs = [leaves(made[name]) for name in names]
        inputs = {f'{k}.{name}': fresh[name] for k, (_, fresh) in enumerate(pairs) for name in ('loraA', 'loraB')}
        value = orthogonality([live for live, _ in pairs])
        grads = gradients(value, inputs)
        sets.append({
            'id': f'{id}-{axis}',
            'layers': [f'{name}-{axis}' for name in names],
            'orthogonality': value.item(),
            'gradients': [
                {name: golden.tensor(f'set.{id}-{axis}.{k}.{name}', grads[f'{k}.{name}']) for name in ('loraA', 'loraB')}
                for k in range(len(names))
            ],
        })

golden.json('cases.json', {'cases': cases, 'sets': sets})
golden.finish()
