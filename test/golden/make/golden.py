"""Writes one folder of golden files: cases.json and its like, tensors.safetensors, manifest.json."""

import hashlib
import importlib.metadata
import json
import math
import os
import platform
import sys
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')

# Makers are named after their folders, some of which are packages too (betty, peft): installed packages come first.
# So every maker imports this module before all others.
HERE = str(Path(__file__).resolve().parent)
sys.path = [path for path in sys.path if str(Path(path or '.').resolve()) != HERE] + [HERE]

import torch
from safetensors.torch import save_file

COMMITTED = Path(__file__).resolve().parent.parent
ROOT = Path(os.environ.get('GOLDEN_ROOT', COMMITTED))  # elsewhere where a check makes them again
torch.set_num_threads(1)


class Golden:
    """Collects tensors under keys; `json` and `finish` write the files.

    The folder belongs to the script alone: `finish` removes files there that this run did not write.
    """

    def __init__(self, name, seed, tolerance, packages=('torch',), keep=()):
        self.name = name
        self.folder = ROOT / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seed = seed
        self.tolerance = tolerance
        self.packages = packages
        self.keep = {self.folder / part for part in keep}
        self.stores = {}
        self.written = set()
        torch.manual_seed(seed)

    def tensor(self, key, value, file='tensors.safetensors'):
        """Stores a copy of `value` and gives the reference that JSON holds for it."""
        store = self.stores.setdefault(file, {})
        if key in store:
            raise KeyError(f'{self.name}: key {key} stored twice')
        store[key] = value.detach().clone().contiguous()
        return {'tensor': key}

    def tensors(self, key, values, file='tensors.safetensors'):
        """The same for a list; None stays null."""
        names = []
        for i, value in enumerate(values):
            names.append(None if value is None else self.tensor(f'{key}.{i}', value, file)['tensor'])
        return {'tensors': names}

    def named(self, key, values, file='tensors.safetensors'):
        """The same for a dictionary: { name: reference }."""
        return {name: self.tensor(f'{key}.{name}', value, file) for name, value in values.items()}

    def json(self, file, head):
        """Writes `head`; the items of a list directly under it get a line each, so that diffs stay readable."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(head) + '\n')
        self.written.add(path)

    def wrote(self, path):
        """Marks a file that something else (transformers, PEFT) wrote into the folder."""
        self.written.add(Path(path))

    def finish(self):
        for file, store in self.stores.items():
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(store, path)
            self.written.add(path)
        script = Path(sys.argv[0]).resolve()
        manifest = {
            'script': f'make/{script.name}',
            'scriptSha256': hashlib.sha256(script.read_bytes()).hexdigest(),
            'versions': {'python': platform.python_version()}
            | {package: importlib.metadata.version(package).split('+')[0] for package in self.packages},
            'seed': self.seed,
            'tolerance': self.tolerance,
        }
        path = self.folder / 'manifest.json'
        path.write_text(json.dumps(manifest, indent=2) + '\n')
        self.written.add(path)
        for old in sorted(self.folder.rglob('*'), reverse=True):
            if old.is_file() and old not in self.written and old not in self.keep:
                old.unlink()
            elif old.is_dir() and not any(old.iterdir()):
                old.rmdir()
        for path in self.written:
            path.chmod(0o644)  # safetensors writes 0600
        size = sum(p.stat().st_size for p in self.written)
        print(f'{self.name}: {len(self.written)} files, {size / 1024:.0f} KiB')


def render(head):
    if not isinstance(head, dict):
        return json.dumps(plain(head))
    parts = []
    for key, value in head.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines = ',\n'.join('  ' + json.dumps(plain(item)) for item in value)
            parts.append(f'{json.dumps(key)}: [\n{lines}\n]')
        else:
            parts.append(f'{json.dumps(key)}: {json.dumps(plain(value))}')
    return '{\n' + ',\n'.join(parts) + '\n}'


def plain(value):
    """JSON has no infinities: they become the strings "inf", "-inf", "nan"."""
    if isinstance(value, float) and not math.isfinite(value):
        return 'nan' if math.isnan(value) else ('inf' if value > 0 else '-inf')
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
