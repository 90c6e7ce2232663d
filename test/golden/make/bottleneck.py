"""Bottleneck adapters as the `adapters` package (AdapterHub) has them, on two of the tiny models (run models.py first): Houlsby's
(its DoubleSeqBnConfig) and Pfeiffer's (SeqBnConfig). Logits, gradients, eight steps of training.

Needs adapters 1.3.0, which wants transformers 4.57: an environment of its own, not the peers'.
"""

from golden import COMMITTED, Golden  # first: it makes `adapters` mean the package

import json

import adapters
import torch
from adapters import DoubleSeqBnConfig, SeqBnConfig
from transformers import AutoModelForSequenceClassification

SEED = 29
golden = Golden('bottleneck', SEED, {'float64': 1e-12}, packages=('torch', 'transformers', 'adapters'))

CASES = {
    'bert-houlsby': ('bert-gelu', 'houlsby', DoubleSeqBnConfig(reduction_factor=5)),
    'bert-pfeiffer': ('bert-gelu', 'pfeiffer', SeqBnConfig(reduction_factor=4)),
    'roberta-houlsby': ('roberta-gelu', 'houlsby', DoubleSeqBnConfig(reduction_factor=100, non_linearity='gelu')),
    'roberta-pfeiffer': ('roberta-gelu', 'pfeiffer', SeqBnConfig()),
}


def batch(base):
    """Three texts of other lengths, padded right with the model's own pad."""
    config = json.loads((COMMITTED / 'models' / base / 'model' / 'config.json').read_text())
    lengths = [11, 6, 3]
    ids = torch.full((3, 11), config['pad_token_id'])
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(4, config['vocab_size'], (length,))
        mask[row, :length] = 1
    return {'input_ids': ids, 'attention_mask': mask}, torch.tensor([0, 1, 1])


def file_name(parameter):
    """`...attention.output.adapters.one.adapter_down.0.weight` is `...attention.output.adapter_down.weight` here."""
    return 'base_model.model.' + parameter.replace('.adapters.one', '').replace('adapter_down.0', 'adapter_down')


def run(name, base, kind, config):
    torch.manual_seed(SEED)
    model = AutoModelForSequenceClassification.from_pretrained(COMMITTED / 'models' / base / 'model').double().eval()
    adapters.init(model)
    model.add_adapter('one', config=config)
    model.train_adapter('one')
    model.double().eval()
    inputs, labels = batch(base)
    starts = {n: p.detach().clone() for n, p in model.named_parameters() if 'adapters.one' in n}
    for n, p in starts.items():
        assert p.any() == n.endswith('weight') and p.abs().max() < 0.11, n  # normal with deviation 0.02; biases zero
    for n, p in model.named_parameters():
        p.requires_grad = 'adapters.one' in n or n.startswith('classifier.')
    parameters = {file_name(n): p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    result = {
        'id': name,
        'base': base,
        'adapterKind': kind,
        'reductionFactor': config.reduction_factor,
        'adapterActivation': {'swish': 'silu'}.get(config.non_linearity, config.non_linearity),
        'inputs': {'inputIds': golden.tensor(f'{name}.inputIds', inputs['input_ids']), 'attentionMask': golden.tensor(f'{name}.attentionMask', inputs['attention_mask']), 'labels': golden.tensor(f'{name}.labels', labels)},
        'parameters': golden.named(f'{name}.parameters', parameters),
    }
    output = model(**inputs, labels=labels)
    output.loss.backward()
    result |= {
        'logits': golden.tensor(f'{name}.logits', output.logits),
        'loss': golden.tensor(f'{name}.loss', output.loss),
        'gradients': golden.named(f'{name}.gradients', {n: p.grad for n, p in parameters.items()}),
    }
    optimizer = torch.optim.AdamW(parameters.values(), lr=0.02, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.05)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = model(**inputs, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 0.5)
        optimizer.step()
        losses.append(loss.item())
    return result | {'losses': losses, 'trained': golden.named(f'{name}.trained', parameters)}


golden.json('cases.json', {'cases': [run(name, *case) for name, case in CASES.items()]})
golden.finish()
