"""Vocabularies without a tokenizer.json: folders, and the ids that transformers' own tokenizers give texts.

    python vocabularies.py

DeBERTa's need sentencepiece 0.2.3 and protobuf 7.36.2 beside the usual packages, and stay as they are without. A small
Unigram model is trained on sentences below, with rules of normalisation that are few: those of nmt_nfkc, which DeBERTa
has, take 240 KB.
"""

import contextlib
import io
import json
from types import SimpleNamespace

from golden import Golden  # before all other packages

from tokenizers import AddedToken
from transformers import DebertaV2Tokenizer, EsmTokenizer
from transformers.convert_slow_tokenizer import DebertaV2Converter
from transformers.models.esm.configuration_esm import get_default_vocab_list

try:
    import sentencepiece
except ImportError:
    sentencepiece = None

SEED = 3
packages = ('transformers', 'tokenizers') + (('sentencepiece', 'protobuf') if sentencepiece else ())
deberta_files = ['deberta-v2.json', 'deberta-v2-json.json', 'deberta-v2-json/tokenizer.json', 'deberta-v2-json/tokenizer_config.json'] + [f'deberta-v2/{name}' for name in ('spm.model', 'config.json', 'tokenizer_config.json')]
golden = Golden('vocabularies', SEED, {'ids': 0}, packages=packages, keep=() if sentencepiece else deberta_files)


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


SENTENCES = """The ferry leaves the harbour at seven in the morning and returns long after the lamps are lit.
Nobody expected the committee to reject the proposal, yet it did so without a single question.
She opened the letter, read it twice, and laid it on the table as if it were made of glass.
Prices rose by 3.5 percent in March, the largest increase since 1998, the statistics office said.
It is a charming and often affecting journey, though the last half hour drags on and on.
The film is dull, loud and far too long; its only virtue is a wonderful performance by the villain.
Free offer now: you win a prize, see the mail at noon after lunch, it is good and not very bad.
Über den Dächern stand der Mond, und die Straße lag still und weiß vor uns.
El niño soñó con una montaña pequeña y un río que hablaba en voz baja.""".split('\n')

RULES = {'ﬁ': 'fi', 'Ａ': 'A', '½': '1⁄2', '\u00a0': ' ', '\u3000': ' ', '\t': ' ', '\n': ' ', '\r': ' ', '\u00ad': '', 'e\u0301': '\u00e9', 'n\u0303': 'ñ', '\u2003': ' ', '\u200b': ' '}  # fmt: skip

DEBERTA_TEXTS = [
    [SENTENCES[0]], [SENTENCES[3]], [SENTENCES[7]], [SENTENCES[8]], ['The film is good.'], [''], [' '], ['a'], ['  two  spaces   three '], ['tab\tand\nnew line\r\nend'],
    ['ﬁlm Ａ ½ e\u00ad\u00adnd n\u0303o'], ['a\u00a0b\u3000c\u2003\u2003d'], ['漢字 and 😀 unknown'], ['漢漢漢'], ['▁the▁film'], ['UPPER lower'], ["don't; can't!"], ['3.14159 1998'],
    ['the film', 'the letter'], ['', 'x'], ['😀 a', ' b  '], ['Nobody expected', 'the committee, yet it did'], ['\u200bthe'], ['a\u00a0'],
    ['[CLS] the [SEP] film [MASK] [PAD]'], ['the[MASK]film'], ['<user>the <user> film'], ['[UNK] the'], ['[cls] [mask]'],
]  # fmt: skip
# Where the converter differs: names of control symbols are their letters to SentencePiece, white space that its rules
# make at either end goes there, a mark of a space at the start gets another before it, and the parts of a text beside a
# symbol of the user get no space of their own.
NOT_SENTENCEPIECE = {'<user>the <user> film', '▁the▁film', '[CLS] the [SEP] film [MASK] [PAD]', 'the[MASK]film', '[UNK] the', '\u200bthe', 'a\u00a0', ''}


def train(rules):
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 4), model_writer=trained, model_type='unigram', vocab_size=150, character_coverage=1.0, num_threads=1, normalization_rule_tsv=rules,
        pad_id=0, pad_piece='[PAD]', bos_id=1, bos_piece='[CLS]', eos_id=2, eos_piece='[SEP]', unk_id=3, unk_piece='[UNK]', user_defined_symbols=['<user>'], minloglevel=2,
    )  # fmt: skip
    return trained.getvalue()


def deberta():
    rules = golden.folder / 'rules.tsv'
    points = lambda text: ' '.join(f'{ord(c):X}' for c in text)
    rules.write_text(''.join(f'{points(old)}\t{points(new)}\n' for old, new in RULES.items()))
    path = write('deberta-v2', {
        'tokenizer_config.json': {'do_lower_case': False, 'vocab_type': 'spm', 'tokenizer_class': 'DebertaV2Tokenizer'},
        'config.json': {'model_type': 'deberta-v2', 'max_position_embeddings': 512, 'pad_token_id': 0},
    })  # fmt: skip
    with contextlib.chdir(rules.parent):  # the model keeps the path as it is given
        (path / 'spm.model').write_bytes(train(rules.name))
    golden.wrote(path / 'spm.model')
    rules.unlink()
    own = sentencepiece.SentencePieceProcessor(model_file=str(path / 'spm.model'))
    # The tokenizer.json that transformers 5 writes: without the file's normalisation, ids as it gives them itself.
    again = DebertaV2Tokenizer.from_pretrained(path)
    again.save_pretrained(golden.folder / 'deberta-v2-json')
    (golden.folder / 'deberta-v2-json/tokenizer_config.json').write_text(json.dumps({'tokenizer_class': 'DebertaV2Tokenizer'}))
    for file in (golden.folder / 'deberta-v2-json').iterdir():
        golden.wrote(file)
    saved = []
    for texts in DEBERTA_TEXTS:
        ids = again(*([text] for text in texts))['input_ids'][0]
        saved.append({'texts': texts, 'ids': ids, 'decoded': again._tokenizer.decode(ids, skip_special_tokens=False)})
    golden.json('deberta-v2-json.json', {'cases': saved})
    cases = []
    for lower, punctuation in ((False, False), (True, False), (False, True)):
        settings = SimpleNamespace(vocab_file=str(path / 'spm.model'), do_lower_case=lower, split_by_punct=punctuation, convert_tokens_to_ids=own.piece_to_id)
        tokenizer = DebertaV2Converter(settings).converted()
        # As transformers adds the special tokens that the pieces lack.
        tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in ('[CLS]', '[SEP]', '[UNK]', '[PAD]', '[MASK]')])
        for texts in DEBERTA_TEXTS:
            encoding = tokenizer.encode(*texts)
            if not lower and not punctuation and not any(text in NOT_SENTENCEPIECE for text in texts):
                plain = [id for text in texts for id in [*own.encode(text), own.eos_id()]]
                assert [own.bos_id(), *plain] == encoding.ids, (texts, plain, encoding.ids)
            case = {'texts': texts, 'ids': encoding.ids, 'decoded': tokenizer.decode(encoding.ids, skip_special_tokens=False)}
            cases.append(case | ({'config': {'do_lower_case': lower, 'split_by_punct': punctuation}} if lower or punctuation else {}))
    return cases


golden.json('esm.json', {'cases': esm()})
if sentencepiece:
    golden.json('deberta-v2.json', {'cases': deberta()})
golden.finish()
