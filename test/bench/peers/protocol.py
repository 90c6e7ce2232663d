"""What the twins share: arguments, the model, the batches, and one answer a line so that a runner can take turns.

The batches are a JSON file: { NAME: [ { inputIds, attentionMask, tokenTypeIds?, labels } ... ] }, padded as they are to be
used. The twin prints `{ "ready": true, ... }`, then for each line "step" on stdin one JSON line with `seconds` and losses,
and ends at "quit" or at the end of stdin. Batches are taken in order and again from the start.
"""

import argparse
import itertools
import json
import os
import sys
import time
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
    parser.add_argument('--no-dropout', action='store_true', help='so that losses can be compared')
    parser.add_argument('--seed', type=int, default=0)
    return parser


def prepare(options):
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    off = {'hidden_dropout_prob': 0.0, 'attention_probs_dropout_prob': 0.0, 'classifier_dropout': 0.0} if options.no_dropout else {}
    return transformers.AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=options.labels, attn_implementation='sdpa', **off)


def batches(options):
    """{ NAME: endless iterator of keyword tensors }."""
    lists = json.loads(Path(options.batches).read_text())
    return {name: itertools.cycle([tensors(batch) for batch in items]) for name, items in lists.items()}


def tensors(batch):
    return {NAMES[name]: torch.tensor(rows) for name, rows in batch.items()}


def serve(step, **facts):
    """`step` does the work once and gives what to print beside the time."""
    say(ready=True, versions={'torch': torch.__version__, 'transformers': transformers.__version__}, threads=torch.get_num_threads(), **facts)
    for line in sys.stdin:
        if line.strip() == 'quit':
            break
        if line.strip() != 'step':
            sys.exit(f'expected "step" or "quit", got {line!r}')
        start = time.perf_counter()
        values = step()
        say(seconds=time.perf_counter() - start, **values)


def say(**values):
    print(json.dumps(values), flush=True)
