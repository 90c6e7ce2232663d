"""Loads a merged checkpoint with plain transformers (no PEFT) and prints the logits of a batch.

    python load_merged.py FOLDER INPUTS.json [--dtype float32]

Prints { logits, labels: { index: name }, problemType, versions }. Exits 1 where a tensor is missing, unexpected or misshapen.
"""

import argparse
import sys

from inputs import answer, read_batch

import torch
import transformers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('folder')
    parser.add_argument('inputs')
    parser.add_argument('--dtype', default='float32')
    options = parser.parse_args()
    batch = read_batch(options.inputs)
    config = transformers.AutoConfig.from_pretrained(options.folder)
    kind = getattr(transformers, config.architectures[0])
    model, loading = kind.from_pretrained(options.folder, dtype=getattr(torch, options.dtype), output_loading_info=True)
    wrong = {kind: sorted(map(str, names)) for kind, names in loading.items() if names}
    if wrong:
        sys.exit(f'{options.folder}: not a strict load: {wrong}')
    with torch.no_grad():
        logits = model.eval()(**batch).logits
    answer(
        logits=logits.double().tolist(),
        labels=model.config.id2label,
        problemType=model.config.problem_type,
        versions={'torch': torch.__version__, 'transformers': transformers.__version__},
    )


if __name__ == '__main__':
    main()
