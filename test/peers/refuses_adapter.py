"""Exits 0 where real PEFT refuses an adapter folder, 1 where it loads it. Prints { refused, error }.

    python refuses_adapter.py ADAPTER --base DIR

The refusal must be about the adapter: a folder without its files, or a base that does not load, is a mistake (exit 2).
"""

import argparse
import sys
from pathlib import Path

from inputs import answer

import peft
import transformers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('adapter')
    parser.add_argument('--base', required=True)
    options = parser.parse_args()
    for name in ('adapter_config.json', 'adapter_model.safetensors'):
        if not (Path(options.adapter) / name).is_file():
            print(f'{options.adapter}: no {name}', file=sys.stderr)
            return 2
    try:
        model = transformers.AutoModelForSequenceClassification.from_pretrained(options.base)
    except Exception as error:
        print(f'{options.base}: {error}', file=sys.stderr)
        return 2
    try:
        peft.PeftModel.from_pretrained(model, options.adapter)
    except Exception as error:
        answer(refused=True, error=f'{type(error).__name__}: {error}')
        return 0
    answer(refused=False, error=None)
    return 1


if __name__ == '__main__':
    sys.exit(main())
