"""Golden files of other programs' formats: writes test/golden/dataset_files/. Needs datasets 5.2.0 and pyarrow 26.0.1 beside
the peers' packages.

Small parquet files and saved `datasets` folders, and in cases.json the rows that Python reads back from each, names in place
of indices where the features have names.
"""

import json

from golden import Golden

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, DatasetDict, Features, Sequence, Value

SEED = 0
datasets.disable_progress_bars()
golden = Golden('dataset_files', SEED, {}, packages=('datasets', 'pyarrow'))
cases = []


def named(feature, value):
    if isinstance(feature, ClassLabel):
        return None if value is None or value < 0 else feature.int2str(value)
    inner = getattr(feature, 'feature', None)
    return value if inner is None or value is None else [named(inner, item) for item in value]


def case(path, data):
    rows = [{key: named(data.features[key], value) for key, value in row.items()} for row in data]
    cases.append({'path': path, 'rows': rows})


def saved(path, data, **options):
    data.save_to_disk(str(golden.folder / path), **options)
    for file in (golden.folder / path).rglob('*'):
        if file.name == 'state.json':  # the fingerprint is random
            state = json.loads(file.read_text()) | {'_fingerprint': path}
            file.write_text(json.dumps(state, indent=2))
        if file.is_file():
            golden.wrote(file)


texts = Dataset.from_dict(
    {
        'text': ['a "quoted", film ', 'Café\nnoir', '\ufeff£ 30', 'd', ''],
        'label': [1, 0, 1, -1, 0],
        'score': [0.5, None, -1.25, 3.0, 1e-3],
        'many': [['x'], [], ['y', 'x'], None, ['']],
        'flag': [True, False, None, True, True],
        'big': [2**40, -1, 0, 2**53 - 1, None],
    },
    features=Features(
        {
            'text': Value('string'),
            'label': ClassLabel(names=['neg', 'pos']),
            'score': Value('float64'),
            'many': Sequence(Value('string')),
            'flag': Value('bool'),
            'big': Value('int64'),
        }
    ),
)
words = Dataset.from_dict(
    {'tokens': [['Rome', 'fell', '.'], ['x']], 'ner_tags': [[1, 0, 0], [2]]},
    features=Features(
        {'tokens': Sequence(Value('string')), 'ner_tags': Sequence(ClassLabel(names=['O', 'B-LOC', 'I-LOC']))}
    ),
)

for name, data in (('texts', texts), ('tokens', words)):
    file = golden.folder / f'{name}.parquet'
    data.to_parquet(str(file))
    golden.wrote(file)
    case(f'{name}.parquet', data)
    case(name, data)
saved('texts', texts, num_shards=2)
saved('tokens', words)
saved('parts', DatasetDict({'train': words, 'test': words.select([0])}))
case('parts/test', words.select([0]))

# Several row groups, a column that is all dictionary and one that is none, both versions of data pages.
plain = {'text': [f'text {i} ' + 'w' * (i % 5) for i in range(25)], 'label': [('x', 'y')[i % 3 == 0] for i in range(25)]}
for codec in ('none', 'snappy', 'gzip', 'brotli', 'zstd', 'lz4'):
    for version in ('1.0', '2.0'):
        path = f'{codec}-{version[0]}.parquet'
        table = pa.table(plain)
        pq.write_table(table, golden.folder / path, compression=codec, row_group_size=10, data_page_version=version)
        golden.wrote(golden.folder / path)
        case(path, Dataset(table))
golden.json('cases.json', {'cases': cases})
golden.finish()
