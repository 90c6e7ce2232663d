"""Golden tokens of sentences that are words already, by transformers with is_split_into_words: writes test/golden/words/.

Needs the folder of all-MiniLM-L6-v2 in the cache (BIDORA_TORCH_CACHE, else ~/.cache/bidora-torch) and the byte-level BPE of
test/golden/tokenizers, which is read with add_prefix_space, as transformers demands for words.
"""

import os
import random
from pathlib import Path

from golden import COMMITTED, Golden  # before all other packages

from transformers import AutoTokenizer

SEED = 1996
golden = Golden('words', SEED, {}, packages=('tokenizers', 'transformers'))
cache = Path(os.environ.get('BIDORA_TORCH_CACHE') or Path.home() / '.cache/bidora-torch')
TOKENIZERS = {
    'minilm': AutoTokenizer.from_pretrained(cache / 'models/all-MiniLM-L6-v2'),
    'bpe': AutoTokenizer.from_pretrained(COMMITTED / 'tokenizers/bpe', add_prefix_space=True),
}

SENTENCES = [
    ['EU', 'rejects', 'German', 'call', 'to', 'boycott', 'British', 'lamb', '.'],
    ['BRUSSELS', '1996-08-22'],
    ['Peter', "O'Reilly", '-', 'dos', 'Santos', '(', '3.5', '%', ')', "'s", '--', '``', "''"],
    ['Mutations', 'in', 'APC-associated', 'adenomatous', 'polyposis', 'coli', '(', 'FAP', ')'],
    ['naïve', 'Ångström', 'e\u0301', '漢字', 'café😀', '🇩🇪', 'ſ', 'Straße'],
    ['a', '\u200b', 'b', '\ufeff', '\x01', 'c'],
    [''],
    ['two words', ' leading', 'trailing ', '\ttab'],
    ['[MASK]', '<mask>', '##ing', 'Ġx', '[SEP]', '</s>'],
    ['antidisestablishmentarianism'] * 3,
    ['x' * 120, 'y'],
    ['.'],
]
draw = random.Random(SEED)
words = [word for sentence in SENTENCES[:5] for word in sentence]
SENTENCES += [[draw.choice(words) for _ in range(draw.randint(1, 40))] for _ in range(12)]


def labels_of(word_ids, labels):
    """The recipe of transformers' examples: the first token of each word has its label, all others -100."""
    before, found = None, []
    for word in word_ids:
        found.append(-100 if word is None or word == before else labels[word])
        before = word
    return found


cases = []
for name, tokenizer in TOKENIZERS.items():
    for sentence in SENTENCES:
        encoded = tokenizer(sentence, is_split_into_words=True)
        types = encoded.get('token_type_ids') or [0] * len(encoded['input_ids'])
        labels = [draw.randrange(9) for _ in sentence]
        cases.append({
            'tokenizer': name,
            'words': sentence,
            'labels': labels,
            'ids': encoded['input_ids'],
            'typeIds': types,
            'wordIds': encoded.word_ids(),
            'tokenLabels': labels_of(encoded.word_ids(), labels),
        })
golden.json('cases.json', {'cases': cases})
golden.finish()
