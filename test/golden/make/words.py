"""Golden tokens of sentences that are words already, by transformers with is_split_into_words: writes test/golden/words/.

Needs the folder of all-MiniLM-L6-v2 in the cache (BIDORA_TORCH_CACHE, else ~/.cache/bidora-torch) and the byte-level BPE of
test/golden/tokenizers, which is read with add_prefix_space, as transformers demands for words. Digests over the training
sentences of ../shared/data are made where that folder is there, and kept from the last run where it is not.
"""

import hashlib
import os
import random
import struct
from pathlib import Path

from golden import COMMITTED, Golden  # before all other packages

from transformers import AutoTokenizer

SEED = 1996
golden = Golden('words', SEED, {}, packages=('tokenizers', 'transformers'), keep=('digests.json',))
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


def sentences_of(path):
    """Words of a file with a token a line; marks of documents are no sentences."""
    found, words = [], []
    for line in path.read_text('utf8').split('\n') + ['']:
        if line and not line.startswith('-DOCSTART-'):
            words.append(line.replace('\t', ' ').split(' ')[0])
        elif words:
            found.append(words)
            words = []
    return found


def digest(sentences):
    """SHA-256 over little-endian 32-bit numbers: of each sentence its length, its ids, and the word of each token (-1: none)."""
    sha = hashlib.sha256()
    encoded = TOKENIZERS['minilm'](sentences, is_split_into_words=True)
    for row, ids in enumerate(encoded['input_ids']):
        words = [-1 if word is None else word for word in encoded.word_ids(row)]
        sha.update(struct.pack(f'<{1 + 2 * len(ids)}i', len(ids), *ids, *words))
    return {'sentences': len(sentences), 'sha256': sha.hexdigest()}


data = Path(__file__).resolve().parents[3].parent / 'shared/data'
if data.exists():
    files = {'conll2003': 'eng.train', 'ncbi-disease': 'train.tsv'}
    golden.json('digests.json', {name: digest(sentences_of(data / name / file)) for name, file in files.items()})
golden.finish()
