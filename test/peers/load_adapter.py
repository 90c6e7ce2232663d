"""Loads an adapter folder with real PEFT over its base and prints the logits of a batch.

    python load_adapter.py ADAPTER INPUTS.json [--base DIR] [--dtype float32]

Prints { logits, merged, adapted: [names], warnings: [texts], versions }. `merged` are the logits after PEFT's own merge.
Exits 1 with PEFT's message where it refuses, and where it takes the folder but not exactly its tensors: of missing ones PEFT only
warns, unexpected ones it passes over in silence.
"""

import argparse
import sys
import warnings
from pathlib import Path

from inputs import answer, read_batch

import peft
import torch
import transformers
from safetensors import safe_open


def head_rows(folder):
    """Number of labels: rows of the saved head's last weight."""
    with safe_open(Path(folder) / 'adapter_model.safetensors', 'pt') as file:
        for name in ('.classifier.weight', '.classifier.out_proj.weight', '.score.weight'):
            for key in file.keys():
                if key.endswith(name):
                    return file.get_slice(key).get_shape()[0]
    raise SystemExit(f'{folder}: no classifier in adapter_model.safetensors')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('adapter')
    parser.add_argument('inputs')
    parser.add_argument('--base')
    parser.add_argument('--dtype', default='float32')
    options = parser.parse_args()
    batch = read_batch(options.inputs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        config = peft.PeftConfig.from_pretrained(options.adapter)
        base = options.base or config.base_model_name_or_path
        dtype = getattr(torch, options.dtype)
        if config.task_type == 'CAUSAL_LM':
            model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
        else:
            auto = transformers.AutoModelForTokenClassification if config.task_type == 'TOKEN_CLS' else transformers.AutoModelForSequenceClassification
            model = auto.from_pretrained(base, num_labels=head_rows(options.adapter), dtype=dtype)
        model = peft.PeftModel.from_pretrained(model, options.adapter).eval()
    with safe_open(Path(options.adapter) / 'adapter_model.safetensors', 'pt') as file:
        stored, wanted = set(file.keys()), set(peft.get_peft_model_state_dict(model, save_embedding_layers=False))
    if stored != wanted:
        sys.exit(f'{options.adapter}: missing {sorted(wanted - stored)}, unexpected {sorted(stored - wanted)}')
    with torch.no_grad():
        logits = model(**batch).logits
        adapted = sorted(name for name, _ in model.named_parameters() if any(part in name for part in ('lora_', 'vera_', 'fourierft_', 'modules_to_save')))
        model.merge_adapter()  # merge_and_unload fails on RoBERTa's head for methods beside LoRA
        merged = model(**batch).logits
    answer(
        logits=logits.double().tolist(),
        merged=merged.double().tolist(),
        adapted=adapted,
        warnings=sorted({str(w.message) for w in caught}),
        versions={'torch': torch.__version__, 'transformers': transformers.__version__, 'peft': peft.__version__},
    )


if __name__ == '__main__':
    try:
        main()
    except Exception as error:
        print(f'{type(error).__name__}: {error}', file=sys.stderr)
        sys.exit(1)
