"""Golden entities of tag sequences: writes test/golden/tag_schemes/. Needs seqeval 1.2.2 beside the peers' packages.

Random tags, most of them no valid sequence of any scheme, with the entities that seqeval's get_entities (its default mode,
which follows conlleval) finds in them; ends are one past the last token here.
"""

import random

from golden import Golden

from seqeval.metrics.sequence_labeling import get_entities

SEED = 20030531
golden = Golden('tag_schemes', SEED, {}, packages=('seqeval',))
draw = random.Random(SEED)
cases = []
for marks in ('OBI', 'OBIES', 'OI', 'BI'):
    tags = ['O' if mark == 'O' else f'{mark}-{kind}' for mark in marks for kind in ('LOC', 'cell-line')]
    for _ in range(100):
        sequence = [draw.choice(tags) for _ in range(draw.randint(1, 14))]
        entities = [[kind, start, end + 1] for kind, start, end in get_entities(sequence)]
        cases.append({'tags': sequence, 'entities': entities})
golden.json('cases.json', {'cases': cases})
golden.finish()
