"""Golden scores of tagged sentences: writes test/golden/entities/. Needs seqeval 1.2.2 and conlleval 0.2 beside the peers' packages.

The scores are seqeval's, in its default mode and in its strict mode by scheme; `conlleval` holds what the Python port of
the script conlleval.pl (the package conlleval, an independent reading of it) counts. Its rate for 0 / 0 is 1 where the
script has 0, so its counts are kept and its rates are not.
"""

import random
import warnings

from golden import Golden  # before all other packages

import conlleval
from seqeval.metrics import accuracy_score
from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support as default_scores
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_scores
from seqeval.scheme import IOB1, IOB2, IOBES, Entities

warnings.filterwarnings('ignore')
SEED = 20030531
golden = Golden('entities', SEED, 1e-12, packages=('seqeval', 'conlleval', 'numpy', 'scikit-learn'))
draw = random.Random(SEED)
SCHEMES = {'iob1': IOB1, 'bio2': IOB2, 'iobes': IOBES}
MARKS = {'iob1': 'OBI', 'bio2': 'OBI', 'iobes': 'OBIES'}
RATES = ('precision', 'recall', 'f1')


def rates(values):
    *numbers, support = values
    return {name: float(number) for name, number in zip(RATES, numbers)} | {'support': int(support)}


def scores(references, predictions, score, names, **options):
    found = {average: rates(score(references, predictions, average=average, **options)) for average in ('micro', 'macro', 'weighted')}
    each = score(references, predictions, average=None, **options)
    found['types'] = {name: rates(column) for name, column in zip(names, zip(*each))}
    return found


def counts_of_conlleval(references, predictions):
    lines = []
    for expected, found in zip(references, predictions):
        lines += [f'w {a} {b}' for a, b in zip(expected, found)] + ['']
    result = conlleval.evaluate(lines)
    chunks = lambda part: [part['stats'][name] for name in ('gold', 'pred', 'correct')]
    tokens = result['overall']['tags']['stats']
    return {
        'overall': chunks(result['overall']['chunks']),
        'types': {name: chunks(part) for name, part in sorted(result['slots']['chunks'].items())},
        'accuracy': tokens['correct'] / tokens['gold'],
    }


def entities_of(tags, scheme):
    if scheme is None:
        return [[type_, start, end + 1] for type_, start, end in get_entities(tags)]
    return [[e.tag, e.start, e.end] for e in Entities([tags], SCHEMES[scheme]).entities[0]]


def case(id, scheme, references, predictions):
    names = lambda s: sorted({e[0] for tags in references + predictions for e in entities_of(tags, s)})
    return {
        'id': id,
        'scheme': scheme,
        'references': references,
        'predictions': predictions,
        'accuracy': float(accuracy_score(references, predictions)),
        'default': scores(references, predictions, default_scores, names(None)),
        'strict': scores(references, predictions, strict_scores, names(scheme), scheme=SCHEMES[scheme]),
        'conlleval': counts_of_conlleval(references, predictions),
        'entities': {'default': [entities_of(tags, None) for tags in predictions], 'strict': [entities_of(tags, scheme) for tags in predictions]},
    }  # fmt: skip


def valid(length, scheme, types):
    """A sentence in a scheme."""
    tags, before = [], None
    while len(tags) < length:
        size = draw.choice((0, 0, 1, 1, 2, 3))
        if size == 0:
            tags.append('O')
            before = None
            continue
        type_ = draw.choice(types)
        for at in range(size):
            if scheme == 'bio2':
                mark = 'B' if at == 0 else 'I'
            elif scheme == 'iob1':
                mark = 'B' if at == 0 and before == type_ else 'I'
            else:
                mark = 'S' if size == 1 else 'B' if at == 0 else 'E' if at == size - 1 else 'I'
            tags.append(f'{mark}-{type_}')
        before = type_
    return tags


def noisy(tags, scheme, types, share):
    every = ['O'] + [f'{mark}-{type_}' for mark in MARKS[scheme][1:] for type_ in types]
    return [draw.choice(every) if draw.random() < share else tag for tag in tags]


cases = []
for scheme in SCHEMES:
    for sentences, length, types, share in ((1, 5, ['LOC'], 0.5), (4, 8, ['LOC', 'cell-line'], 0.2), (12, 12, ['PER', 'LOC', 'ORG', 'MISC'], 0.3), (30, 9, ['DNA', 'RNA', 'protein'], 0.9)):
        references = [valid(length + draw.randint(0, 4), scheme, types) for _ in range(sentences)]
        predictions = [noisy(tags, scheme, types, share) for tags in references]
        cases.append(case(f'{scheme}, {sentences} sentences', scheme, references, predictions))
    broken = [noisy(['O'] * 10, scheme, ['LOC', 'PER'], 1) for _ in range(25)]
    cases.append(case(f'{scheme}, tags at random on both sides', scheme, broken, [noisy(tags, scheme, ['LOC', 'PER'], 0.5) for tags in broken]))
    cases.append(case(f'{scheme}, all right', scheme, references, references))
EDGES = {
    'no entities at all': ([['O', 'O'], ['O']], [['O', 'O'], ['O']]),
    'nothing found': ([['B-LOC', 'I-LOC', 'O', 'B-PER']], [['O', 'O', 'O', 'O']]),
    'nothing there': ([['O', 'O', 'O', 'O']], [['B-LOC', 'I-LOC', 'O', 'B-PER']]),
    'only another type found': ([['B-LOC', 'I-LOC']], [['B-PER', 'I-PER']]),
    'a type that is only found': ([['B-LOC', 'O', 'B-LOC']], [['B-LOC', 'O', 'B-PER']]),
    'no types': ([['B', 'I', 'O', 'B']], [['B', 'O', 'O', 'B']]),
    'an empty sentence among others': ([['B-LOC'], []], [['B-LOC'], []]),
    'an entity at the end of one sentence and the start of the next': ([['O', 'B-LOC'], ['I-LOC', 'O']], [['O', 'B-LOC'], ['I-LOC', 'O']]),
}
for id, (references, predictions) in EDGES.items():
    cases.append(case(id, 'bio2', references, predictions))
golden.json('cases.json', {'cases': cases})
golden.finish()
