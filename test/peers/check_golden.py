"""Makes golden files again with the installed packages, in a temporary folder, and compares them with the committed ones.

    python check_golden.py [NAME...] [-- ARGUMENT FOR models.py]

JSON must be the same but for rounding; tensors agree within the manifest's tolerance, or 1e-6 where that is smaller: another
CPU may round differently. A changed maker whose output was not committed shows as another script hash.
"""

import importlib.util
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / 'golden'
NAMES = sorted(path.parent.name for path in GOLDEN.glob('*/manifest.json'))
FLOOR = 1e-6
# What a maker needs beside the peers' packages; left out where it is not installed.
NEEDS = {'bottleneck': 'adapters'}


def same_json(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_json(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_json, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=FLOOR, abs_tol=FLOOR)
    return a == b


def different_tensors(made, committed, tolerance):
    import torch
    from safetensors.torch import load_file

    new, old = load_file(made), load_file(committed)
    wrong = [f'{name}: only in one' for name in new.keys() ^ old.keys()]
    for name in new.keys() & old.keys():
        a, b = new[name], old[name]
        close = max(FLOOR, tolerance.get(str(b.dtype).split('.')[1], FLOOR)) if b.is_floating_point() else 0
        if a.dtype != b.dtype or a.shape != b.shape:
            wrong.append(f'{name}: {a.dtype} {list(a.shape)}, committed {b.dtype} {list(b.shape)}')
        elif b.numel() and not torch.allclose(a.double(), b.double(), rtol=0, atol=close * max(1, largest(b)), equal_nan=True):
            wrong.append(f'{name}: another value')
    return wrong


def largest(tensor):
    finite = tensor.double()[tensor.double().isfinite()]
    return finite.abs().max().item() if finite.numel() else 0


def differences(made, committed):
    files = {p.relative_to(made) for p in made.rglob('*') if p.is_file()}
    old = {p.relative_to(committed) for p in committed.rglob('*') if p.is_file()}
    # What needs real weights, real data or more packages is left out where they were not given.
    wrong = [f'{file}: {"not committed" if file in files else "not made any more"}' for file in files ^ old if file.parts[0] not in ('minilm', 'digests.json', 'deberta-v2', 'deberta-v2.json', 'deberta-v2-json', 'deberta-v2-json.json')]
    manifest = json.loads((committed / 'manifest.json').read_text())
    for file in sorted(files & old):
        if file.name == 'manifest.json':
            again = json.loads((made / file).read_text())
            wrong += [f'manifest: {key} changed' for key in ('script', 'scriptSha256', 'seed', 'tolerance') if again[key] != manifest[key]]
        elif file.suffix == '.json':
            if not same_json(json.loads((made / file).read_text()), json.loads((committed / file).read_text())):
                wrong.append(f'{file}: another content')
        elif file.suffix == '.safetensors':
            wrong += [f'{file}: {line}' for line in different_tensors(made / file, committed / file, manifest['tolerance'])]
    return wrong, len(files & old)


def main():
    names, _, rest = ' '.join(sys.argv[1:]).partition('--')
    failed = False
    with tempfile.TemporaryDirectory() as root:
        for name in names.split() or NAMES:
            if name in NEEDS and importlib.util.find_spec(NEEDS[name]) is None:
                print(f'{name}: left out, {NEEDS[name]} is not installed')
                continue
            arguments = rest.split() if name == 'models' else []
            environment = os.environ | {'GOLDEN_ROOT': root, 'OMP_NUM_THREADS': '1'}
            run = subprocess.run([sys.executable, GOLDEN / 'make' / f'{name}.py', *arguments], env=environment, capture_output=True, text=True)
            if run.returncode != 0:
                print(f'{name}: the maker failed\n{run.stderr[-3000:]}')
                failed = True
                continue
            wrong, count = differences(Path(root) / name, GOLDEN / name)
            print(f'{name}: {count} files compared, {len(wrong)} differences', *wrong[:20], sep='\n  ')
            failed = failed or bool(wrong) or count == 0
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
