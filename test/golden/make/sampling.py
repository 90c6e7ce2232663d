"""Runs an op by its libtorch schema and keeps what a test needs: arguments, outputs, gradients, second derivatives.

Inputs are made by functions of one letter, so that a sample stays one line in the list of ops.
"""

from golden import Golden  # before all other packages

import zlib

import torch


def R(*shape):
    """Normal."""
    return torch.randn(shape, dtype=torch.float64)


def P(*shape):
    """Positive, away from 0."""
    return torch.empty(shape, dtype=torch.float64).uniform_(0.2, 2)


def U(*shape):
    """Between -0.9 and 0.9."""
    return torch.empty(shape, dtype=torch.float64).uniform_(-0.9, 0.9)


def N(*shape, low=0, high=5):
    """Integers."""
    return torch.randint(low, high, shape)


def B(*shape):
    """Booleans, both values present."""
    flat = torch.arange(torch.Size(shape).numel()) % 3 != 1
    return flat[torch.randperm(flat.numel())].reshape(shape)


def X(*values, dtype=torch.float64):
    """Exactly these."""
    return torch.tensor(values, dtype=dtype)


def Z(*values):
    """Exactly these integers."""
    return torch.tensor(values)


def dtype_name(dtype):
    return str(dtype).split('.')[1]


def is_list(value):
    return isinstance(value, (list, tuple)) and any(isinstance(v, torch.Tensor) for v in value)


def each(value, change):
    """`change` over a tensor or a list of tensors; anything else unchanged."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if is_list(value):
        return [v if v is None else change(v) for v in value]
    return value


def tensors_in(values):
    """All tensors of some arguments or outputs, lists opened."""
    return [t for v in values for t in (v if is_list(v) else [v]) if isinstance(t, torch.Tensor)]


def schema_of(op):
    """'add.Tensor' -> (callable of that overload, its schema)."""
    packet, _, name = op.partition('.')
    function = getattr(getattr(torch.ops.aten, packet), name or 'default')
    return function, function._schema


def call(op, args):
    """Calls with arguments by schema name; gives a list with one entry per schema return."""
    function, schema = schema_of(op)
    unknown = set(args) - {a.name for a in schema.arguments}
    assert not unknown, f'{op}: {unknown} not in {schema}'
    positional, keyword, gap = [], {}, False
    for argument in schema.arguments:
        if argument.name == 'generator':
            keyword['generator'] = None  # the default one; JavaScript gives its own
        elif argument.name not in args:
            gap = True
        elif argument.kwarg_only or gap:
            keyword[argument.name] = args[argument.name]
        else:
            positional.append(args[argument.name])
    result = function(*positional, **keyword)
    return [] if not schema.returns else list(result) if len(schema.returns) > 1 else [result]


def written(op):
    """Arguments that the op changes."""
    return [a.name for a in schema_of(op)[1].arguments if a.alias_info is not None and a.alias_info.is_write]


def weighted(values, cotangents):
    """sum(values * cotangents) over whatever has a cotangent; 0 where nothing has."""
    total = 0
    for value, cotangent in zip(values, cotangents):
        pairs = zip(value, cotangent) if isinstance(cotangent, list) else [(value, cotangent)]
        for v, c in pairs:
            if isinstance(v, torch.Tensor) and isinstance(c, torch.Tensor):
                total = total + (v * c).sum()
    return total


REDUCTIONS = ['none', 'mean', 'sum']  # libtorch's 0, 1, 2; house names in JSON


def random_like(tensor):
    return torch.randn(tensor.shape, dtype=torch.float64)


class Samples:
    """The cases of one folder."""

    def __init__(self, golden: Golden):
        self.golden = golden
        self.cases = []
        self.counts = {}

    def new(self, op, args):
        count = self.counts[op] = self.counts.get(op, 0) + 1
        key = f'{op}/{count}'
        stored = {name: REDUCTIONS[value] if name == 'reduction' else self.store(f'{key}.{name}', value) for name, value in args.items()}
        self.cases.append({'id': key, 'op': f'aten::{op}', 'args': stored})
        return key, self.cases[-1]

    def close(self, key):
        """The numbers of the next sample hang on this one's name alone: a new sample changes none but its successor."""
        torch.manual_seed(self.golden.seed + zlib.crc32(key.encode()))

    def store(self, key, value):
        """What JSON holds for an argument or an output."""
        if isinstance(value, torch.Tensor):
            return self.golden.tensor(key, value)
        if is_list(value):
            return self.golden.tensors(key, value)
        if isinstance(value, torch.dtype):
            return dtype_name(value)
        if isinstance(value, torch.device):
            return value.type
        return value

    def sample(self, op, /, *, dtypes=('float64',), gradient=True, fixed=(), tolerance=None, **args):
        """One case per dtype, floating arguments converted to it; gradients in float64 where autograd finds any, none for `fixed`."""
        for dtype in dtypes:
            kind = getattr(torch, dtype)
            given = {name: each(value, lambda t: t.to(kind) if t.is_floating_point() else t) for name, value in args.items()}
            key, case = self.new(op, given)
            used = {name: each(value, torch.clone) for name, value in given.items()}
            case['outputs'] = [self.store(f'{key}.out.{k}', value) for k, value in enumerate(call(op, used))]
            changed = written(op)
            if changed:
                case['mutated'] = {name: self.store(f'{key}.mutated.{name}', used[name]) for name in changed if name in used}
            if dtype == 'float64' and gradient:
                case |= self.differentiate(op, given, key, fixed)
            if tolerance is not None:
                case['tolerance'] = tolerance
            self.close(key)

    def chance(self, op, expected, /, **args):
        """A random op: only shape, dtype and range are promised."""
        key, case = self.new(op, args)
        case['random'] = expected
        out = call(op, {name: each(value, torch.clone) for name, value in args.items()})[0]
        assert list(out.shape) == expected['shape'] and dtype_name(out.dtype) == expected['dtype'], op
        assert 'min' not in expected or expected['min'] <= out.min() and out.max() <= expected['max'], op
        assert 'mean' not in expected or expected['mean'][0] <= out.double().mean() <= expected['mean'][1], op
        self.close(key)

    def differentiate(self, op, args, key, fixed):
        """`gradients` and `second` of a sample, or nothing where autograd finds none."""
        live = {name: each(value, lambda t: t.clone().requires_grad_() if t.is_floating_point() and name not in fixed else t) for name, value in args.items()}
        inputs = [t for t in tensors_in(live.values()) if t.requires_grad]
        outputs = call(op, live | {name: each(live[name], torch.clone) for name in written(op) if name in live})
        cotangents = [each(o, lambda t: random_like(t) if t.requires_grad else None) if is_list(o) or isinstance(o, torch.Tensor) else None for o in outputs]
        loss = weighted(outputs, cotangents)
        if not inputs or not isinstance(loss, torch.Tensor):
            return {}
        first = dict(zip(map(id, inputs), torch.autograd.grad(loss, inputs, create_graph=True, allow_unused=True)))
        of = self.named(live, first, f'{key}.gradients')
        if not of:
            return {}
        made = {'gradients': {'cotangents': [self.store(f'{key}.cotangents.{k}', c) for k, c in enumerate(cotangents)], 'of': of}}
        again = {name: each(value, lambda t: random_like(t) if first.get(id(t)) is not None else None) for name, value in live.items() if name in of}
        second = self.second({name: live[name] for name in of}, inputs, first, again)
        if second:
            made['second'] = {
                'cotangents': {name: self.store(f'{key}.second.cotangents.{name}', c) for name, c in again.items()},
                'of': self.named({name: live[name] for name in of}, second, f'{key}.second'),
            }
        return made

    def second(self, live, inputs, first, cotangents):
        """Gradients of sum(first gradients * cotangents) by input; empty where they vanish or torch has no formula."""
        if not any(g is not None and g.requires_grad for g in first.values()):
            return {}
        total = weighted([each(value, lambda t: first.get(id(t))) for value in live.values()], list(cotangents.values()))
        try:
            values = torch.autograd.grad(total, inputs, allow_unused=True)
        except RuntimeError as error:
            if 'is not implemented' not in str(error):
                raise
            return {}
        grads = {id(t): torch.zeros_like(t) if g is None else g for t, g in zip(inputs, values)}
        return grads if any(g.numel() and g.abs().max() > 1e-12 for g in grads.values()) else {}

    def named(self, live, grads, key):
        """{ argument: gradient } for the arguments that have one; a list has null where an entry has none."""
        found = {}
        for name, value in live.items():
            grad = each(value, lambda t: grads.get(id(t)))
            if tensors_in([grad]):
                found[name] = self.store(f'{key}.{name}', grad)
        return found
