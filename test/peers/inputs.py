"""What the peer scripts share: reading a batch, printing the answer."""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('TRANSFORMERS_VERBOSITY', 'error')
os.environ.setdefault('HF_HUB_OFFLINE', '1')

import torch

NAMES = {'inputIds': 'input_ids', 'attentionMask': 'attention_mask', 'tokenTypeIds': 'token_type_ids'}


def read_batch(path):
    """A JSON file { inputIds: [[...]], attentionMask: [[...]], tokenTypeIds?: [[...]] } as keyword tensors."""
    batch = json.loads(Path(path).read_text())
    unknown = set(batch) - set(NAMES)
    if unknown:
        raise SystemExit(f'{path}: expected {", ".join(NAMES)}, got {", ".join(sorted(unknown))}')
    return {NAMES[name]: torch.tensor(rows, dtype=torch.int64) for name, rows in batch.items()}


def answer(**values):
    """One JSON object on stdout: all that a caller reads."""
    json.dump(values, sys.stdout)
    sys.stdout.write('\n')
