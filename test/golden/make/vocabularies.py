"""Vocabularies without a tokenizer.json: folders, and the ids that transformers' own tokenizers give texts.

    python vocabularies.py
"""

import json

from golden import Golden  # before all other packages

from transformers import EsmTokenizer
from transformers.models.esm.configuration_esm import get_default_vocab_list

SEED = 3
golden = Golden('vocabularies', SEED, {'ids': 0}, packages=('transformers', 'tokenizers'))


def write(folder, files):
    path = golden.folder / folder
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / name).write_text(content if isinstance(content, str) else json.dumps(content))
        golden.wrote(path / name)
    return path


ESM_TEXTS = [
    ['MKTVRQERLKSIVRILERSKEPVSGAQLAEELSVSRQVIVQDIAYLRSLGYNIVATPRGYVLAGG'],
    ['M K T V'], ['MK TV\nRQ\t'], [''], [' '], ['M'], ['MJJK'], ['mkt'], ['M*K'], ['MXBZUO.-'], ['<cls>M<mask>K<eos>'], ['M <mask> K'], ['M<mask>K<pad>'],
    ['<null_1>M<null_2>'], ['MK-T.V<unk>'], ['漢字M😀K'], ['MKTV', 'RQER'], ['MK JJ', 'J'], ['', 'M'], ['<masK>'], ['M<<mask>>K'],
]  # fmt: skip


def esm():
    path = write('esm', {
        'vocab.txt': '\n'.join(get_default_vocab_list()),
        'tokenizer_config.json': {'tokenizer_class': 'EsmTokenizer', 'model_max_length': 1024},
        'config.json': {'model_type': 'esm', 'position_embedding_type': 'rotary', 'max_position_embeddings': 1026, 'pad_token_id': 1},
    })  # fmt: skip
    tokenizer = EsmTokenizer.from_pretrained(path)
    cases = []
    for texts in ESM_TEXTS:
        ids = tokenizer(*texts)['input_ids']
        cases.append({'texts': texts, 'ids': ids, 'decoded': tokenizer.decode(ids)})
    return cases


golden.json('cases.json', {'esm': esm()})
golden.finish()
