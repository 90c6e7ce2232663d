"""What the twins share: arguments, the model, the batches, and one answer a line so that a runner can take turns.

The batches are a JSON file: { NAME: [ { inputIds, attentionMask, tokenTypeIds?, labels } ... ] }, padded as they are to be
used. Batches are taken in order and again from the start.

A twin is a module with `configure(parser)`, where it has arguments of its own, and `make(options)`, which gives a step and
facts about it. By itself (`main` below) it prints `{ "ready": true, ... }`, then for each line "step" on stdin one JSON line
with `seconds` and losses, and ends at "quit" or at the end of stdin. `server.py` holds several in one process.
"""

import argparse
import itertools
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault('HF_HUB_OFFLINE', '1')
os.environ.setdefault('TRANSFORMERS_VERBOSITY', 'error')
os.environ.setdefault('HF_HUB_DISABLE_PROGRESS_BARS', '1')

import torch
import transformers

NAMES = {'inputIds': 'input_ids', 'attentionMask': 'attention_mask', 'tokenTypeIds': 'token_type_ids', 'labels': 'labels'}


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--model', required=True, help='Hugging Face folder of the base model')
    parser.add_argument('--batches', required=True, help='JSON file of batches')
    parser.add_argument('--adapter', help='adapter folder in PEFT layout to start from, head included; else a fresh one')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--labels', type=int, default=2)
    parser.add_argument('--rank', type=int, default=8)
    parser.add_argument('--lora-alpha', type=float, default=16)
    parser.add_argument('--learning-rate', type=float, default=1e-3)
    parser.add_argument('--weight-decay', type=float, default=0.01)
    parser.add_argument('--precision', choices=('float32', 'bfloat16'), default='float32', help='bfloat16: products under autocast')
    parser.add_argument('--no-dropout', action='store_true', help='so that losses can be compared')
    parser.add_argument('--seed', type=int, default=0)
    return parser


def prepare(options):
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    off = {'hidden_dropout_prob': 0.0, 'attention_probs_dropout_prob': 0.0, 'classifier_dropout': 0.0} if options.no_dropout else {}
    return transformers.AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=options.labels, attn_implementation='sdpa', **off)


def precision(options):
    """The context that losses are computed in."""
    return torch.autocast('cpu', torch.bfloat16, enabled=options.precision == 'bfloat16')


def batches(options):
    """{ NAME: endless iterator of keyword tensors }."""
    lists = json.loads(Path(options.batches).read_text())
    return {name: itertools.cycle([tensors(batch) for batch in items]) for name, items in lists.items()}


def tensors(batch):
    return {NAMES[name]: torch.tensor(rows) for name, rows in batch.items()}


def freeze(model):
    """Everything but the head."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_('classifier' in name)


def replace(model, make):
    """Query and value replaced by what `make` gives for them; { path: layer }."""
    layers = {}
    for name, module in list(model.named_modules()):
        if name.rsplit('.', 1)[-1] in ('query', 'value'):
            layers[name] = make(module)
            model.set_submodule(name, layers[name])
    return layers


def two_levels(options, make_layer):
    """The model with BiDoRA layers, its layers, the parameters of both levels, and an optimiser for each."""
    model = prepare(options)
    freeze(model)
    layers = replace(model, make_layer)
    if options.adapter:
        fill(model, layers, options.adapter)
    model.train()
    upper = [layer.magnitude for layer in layers.values()]
    lower = [p for p in model.parameters() if p.requires_grad and not any(p is m for m in upper)]
    lower_optimizer = torch.optim.AdamW(lower, lr=options.learning_rate, weight_decay=options.weight_decay)
    upper_optimizer = torch.optim.AdamW(upper, lr=options.upper_learning_rate, weight_decay=options.upper_weight_decay)
    return model, layers, lower, upper, lower_optimizer, upper_optimizer


def fill(model, layers, folder):
    """Starts factors, magnitudes and head from an adapter folder in PEFT layout."""
    from safetensors.torch import load_file

    stored = {name.removeprefix('base_model.model.'): value for name, value in load_file(f'{folder}/adapter_model.safetensors').items()}
    used = set()

    def take(parameter, *names):
        name = next(name for name in names if name in stored)
        parameter.data.copy_(stored[name])
        used.add(name)

    for name, layer in layers.items():
        take(layer.lora_a, f'{name}.lora_A.weight')
        take(layer.lora_b, f'{name}.lora_B.weight')
        take(layer.magnitude, f'{name}.lora_magnitude_vector', f'{name}.lora_magnitude_vector_in')
    for name, parameter in model.named_parameters():
        if 'classifier' in name:
            take(parameter, name)
    assert used == set(stored), f'{folder}: not used: {sorted(set(stored) - used)}'


def round_arguments(parser):
    """What every search round is told besides."""
    parser.add_argument('--orthogonality', type=float, default=1e-5)
    parser.add_argument('--radius', type=float, default=0.01)
    parser.add_argument('--upper-learning-rate', type=float, default=1e-3)
    parser.add_argument('--upper-weight-decay', type=float, default=0.0)
    parser.add_argument('--values', action='store_true', help='answer with the whole hypergradient too')


def round_values(options, lower_loss, upper_loss, gradients):
    """What a round answers; `gradients` of the magnitudes, in the order of the layers."""
    flat = torch.cat([g.flatten() for g in gradients])
    whole = {'hypergradient': flat.tolist()} if options.values else {}
    return {'lowerLoss': lower_loss.item(), 'upperLoss': upper_loss.item(), 'hypergradientNorm': flat.norm().item(), **whole}


def versions():
    names = ('torch', 'transformers', 'peft')
    found = {name: version(name) for name in names if find_spec(name)}
    return {'python': platform.python_version(), **found}


def timed(step):
    start, cpu = time.perf_counter(), time.process_time()
    values = step()
    return {'seconds': time.perf_counter() - start, 'cpuSeconds': time.process_time() - cpu, **values}


def main(description, make, configure=lambda parser: None):
    parser = arguments(description)
    configure(parser)
    serve(*make(parser.parse_args()))


def serve(step, facts=None, **more):
    """`step` does the work once and gives what to print beside the time."""
    say(ready=True, versions=versions(), threads=torch.get_num_threads(), **(facts or {}), **more)
    for line in sys.stdin:
        if line.strip() == 'quit':
            break
        if line.strip() != 'step':
            sys.exit(f'expected "step" or "quit", got {line!r}')
        say(**timed(step))


def say(**values):
    print(json.dumps(values), flush=True)
