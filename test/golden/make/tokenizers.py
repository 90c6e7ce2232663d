"""Golden files of the text room: encodings by Python's tokenizers, checked here against transformers' fast tokenizers.

Needs the folder of all-MiniLM-L6-v2 in the cache (BIDORA_TORCH_CACHE, else ~/.cache/bidora-torch). Trains a small
byte-level BPE of RoBERTa's kind on text made below and writes it as a Hugging Face folder. Digests over the lines of
../shared/data are made where that folder is there, and kept from the last run where it is not.
"""

import gzip
import hashlib
import json
import os
import random
import shutil
import struct
import sys
import tempfile
from pathlib import Path

# This file has the name of a package: its own folder comes last where modules are looked for.
sys.path.append(sys.path.pop(0))
os.environ['TOKENIZERS_PARALLELISM'] = 'false'

import tokenizers
from golden import Golden
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

SEED = 20250
golden = Golden('tokenizers', SEED, {'ids': 0}, packages=('tokenizers', 'transformers'), keep=('digests.json',))
cache = Path(os.environ.get('BIDORA_TORCH_CACHE') or Path.home() / '.cache/bidora-torch')
minilm = cache / 'models/all-MiniLM-L6-v2'
data = Path(__file__).resolve().parents[3].parent / 'shared/data'

# --- a byte-level BPE -----------------------------------------------------------------------------------------------

SENTENCES = """The ferry leaves the harbour at seven in the morning and returns long after the lamps are lit.
Nobody expected the committee to reject the proposal, yet it did so without a single question.
She opened the letter, read it twice, and laid it on the table as if it were made of glass.
Prices rose by 3.5 percent in March, the largest increase since 1998, the statistics office said.
It is a charming and often affecting journey, though the last half hour drags on and on.
What do you think we should have done differently? I don't know; we couldn't have known.
The engineers measured the temperature of the water every ten minutes for two weeks.
He hadn't spoken to his brother since the summer they'd sold the house near the river.
Children under twelve pay half, and dogs travel for nothing if they sit under the seat.
The film is dull, loud and far too long; its only virtue is a wonderful performance by the villain.
An earlier version of this report stated that the company had lost 40,000 customers.
Please send your answer to info@example.org or write to us at http://www.example.org/contact.
In spring the meadow behind the school turns yellow, and then, within days, blue.
They're going to re-open the old theatre, aren't they? We'll see, she said, we'll see.
Protein binding was inhibited by the addition of calcium in all three cell lines.
The restaurant by the river serves cheap Italian food and has a low customer rating.
Analysts at the bank say the dollar will weaken against the euro before the end of the year.
A man is playing a guitar while a woman is slicing onions in the kitchen behind him.
Free offer!!! Click here now to claim your prize of $1,000,000 - this is not a joke.
Le garçon a mangé une crème brûlée à côté de la fenêtre; l'été était déjà fini.
Über den Dächern stand der Mond, und die Straße lag still und weiß vor uns.
El niño soñó con una montaña pequeña y un río que hablaba en voz baja.""".split('\n')


def training_text(draw):
    words = [word for sentence in SENTENCES for word in sentence.split()]
    for sentence in SENTENCES:
        for _ in range(8):
            yield sentence
    for _ in range(600):
        yield ' '.join(draw.choice(words) for _ in range(draw.randint(4, 16)))


def train_bpe(folder):
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1100,
        special_tokens=['<s>', '<pad>', '</s>', '<unk>', '<mask>'],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(training_text(random.Random(SEED)), trainer)
    bpe.post_processor = processors.RobertaProcessing(('</s>', 2), ('<s>', 0), trim_offsets=True, add_prefix_space=False)
    parsed = json.loads(bpe.to_str())
    for token in parsed['added_tokens']:
        token['lstrip'] = token['content'] == '<mask>'  # as in roberta-base
    folder.mkdir(parents=True, exist_ok=True)
    # Merges as strings, as roberta-base has them.
    parsed['model']['merges'] = [' '.join(merge) for merge in parsed['model']['merges']]
    files = {
        'tokenizer.json': parsed,
        'tokenizer_config.json': {
            'tokenizer_class': 'RobertaTokenizer',
            'model_max_length': 512,
            'add_prefix_space': False,
            'trim_offsets': True,
            'mask_token': {'__type': 'AddedToken', 'content': '<mask>', 'lstrip': True, 'normalized': False, 'rstrip': False, 'single_word': False},
        },
        'special_tokens_map.json': {
            'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '<unk>', 'sep_token': '</s>', 'pad_token': '<pad>', 'cls_token': '<s>', 'mask_token': '<mask>',
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, separators=(',', ':')))
        golden.wrote(folder / name)
    return Tokenizer.from_file(str(folder / 'tokenizer.json'))


# --- texts ----------------------------------------------------------------------------------------------------------

SINGLES = [
    '', ' ', '    ', '\t\n \r\n', 'a', '.', 'Hello world', ' leading', 'trailing ', 'two  spaces   three', 'tab\tand\nnew line\r\nend',
    "don't can't we'll I'd they've it's", 'UPPER lower MiXeD', 'Wait... what?! (no) [yes] {maybe} "quoted" -- dash\u2014em \u2013 en',
    'Café naïve Ångström façade crème brûlée', 'e\u0301a\u030an\u0303o\u0308\u0323 combining', '\u0301 starts with a mark', 'Z\u0351\u036b\u0343\u036a\u0302a\u0363l\u0357g\u034co',
    '漢字とかなカナ', '中文 mixed 空格 text', '한국어 텍스트 \u1112\u1161\u11ab', 'مرحبا بالعالم', 'שָׁלוֹם עולם', 'abc مرحبا def', 'สวัสดีชาวโลก', 'नमस्ते दुनिया', 'Привет, мир', 'Γειά σου Κόσμε ς Σ',
    '😀', '😀😀 a 😀b', '👨\u200d👩\u200d👧\u200d👦 family', '🇩🇪🇫🇷 flags', '👍🏽 thumb 👍', '1\ufe0f\u20e3 keycap', '❤\ufe0f heart', '𝐁𝐨𝐥𝐝 𝒜 𐍈 𠀀 𠮷野家', 'a😀é漢🎉z',
    'a\0b', '\0', '\x01\x02\x03 \x1f', 'a\x7fb', '\x80\x85\x9f', '\ufeffstart', '\ufffd\ufffd x', 'a\u200bb\u200c \u200d', '\u200eleft\u200f', 'a\u00a0b\u202fc', 'x\u2028y\u2029z', '\u3000wide\u3000',
    'soft\u00adhyphen', '\uffff \ufffe', '\ue000\uf8ff', '\U0010ffff\U000f0000', 'ﬁ ﬂ ½ ² ℌ', 'ß ẞ İ ı ǅ', 'ＡＢＣ １２３', '\x1b[31mred\x1b[0m',
    '[CLS] text [SEP] [MASK] [PAD] [UNK]', '<s> text </s> <mask> <pad> <unk>', 'hello <mask> world', 'hello<mask>world', '[cls]', '[MASK][MASK]', '##ing', 'Ġhello Ċ',
    'a' * 99, 'a' * 100, 'a' * 101, 'xy' * 90, 'Donaudampfschifffahrtsgesellschaftskapitän', '3.14159 1,000,000 12345678901234567890', 'http://www.example.org/a?b=c&d=%20#e', 'user.name+tag@example.org',
    'def f(x): return x**2 # \u03c0', '<a href="x">&amp;</a>', '!!!!!!!!!!', '__init__ snake_case kebab-case', '£5 €10 ¥20 ₿', '⅓ ① Ⅻ', '\u0660\u0661\u0662', '🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f',
    SENTENCES[0], SENTENCES[19], SENTENCES[20] + ' ' + SENTENCES[21], ' '.join(SENTENCES[:3]),
]

RANGES = [(0x20, 0x7E)] * 4 + [(0, 0x1F), (0x7F, 0x24F), (0x300, 0x36F), (0x370, 0x6FF), (0x900, 0xE7F), (0x1100, 0x11FF), (0x2000, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xFFFF), (0x10000, 0x10FFF), (0x1F000, 0x1FAFF), (0x20000, 0x2A6DF), (0xE0000, 0xE01EF)]


def random_text(draw):
    pieces = []
    for _ in range(draw.randint(1, 12)):
        low, high = draw.choice(RANGES)
        pieces.append(''.join(chr(draw.randint(low, high)) for _ in range(draw.randint(1, 5))))
        if draw.random() < 0.4:
            pieces.append(draw.choice([' ', '  ', '\n', '\u00a0', '']))
    return ''.join(pieces)


def inputs():
    draw = random.Random(SEED + 1)
    texts = SINGLES + [random_text(draw) for _ in range(40)]
    result = [[text] for text in texts]
    result += [['', ''], ['', 'x'], ['x', ''], ['A man sleeps.', 'He is awake.'], ['😀 a', '😀😀 b😀'], [' ', ' '], ['a [SEP] b', 'c </s> d']]
    result += [[draw.choice(texts), draw.choice(texts)] for _ in range(30)]
    return result


# Texts to be cut: short and long ones on either side, with and without characters of two code units.
CUT = [
    ['one'], ['The quick brown fox jumps over the lazy dog'], ['😀 smile 😀 again 😀 and again 漢字'], [' '.join(SENTENCES[:2])],
    ['a b c d e f g h i j k l', 'x y'], ['x y', 'a b c d e f g h i j k l'], ['a b c d e f', 'u v w x y z'], ['a b c d e f g', 'u v w x y z'], ['a b c d e', 'u v w x y z'],
    ['', 'a b c d e f'], ['a b c d e f', ''], ['😀 a 😀 b 😀 c', '漢 😀 d 😀 e'], ['unbelievable internationalisation', 'antidisestablishmentarianism'], [SENTENCES[3], SENTENCES[4]],
]
CUT_LENGTHS = [5, 6, 7, 8, 10, 13, 32]

# --- encodings ------------------------------------------------------------------------------------------------------


def units(text, points):
    return len(text[:points].encode('utf-16-le')) // 2


def offsets_of(encoding, texts):
    flat = []
    for (start, end), sequence in zip(encoding.offsets, encoding.sequence_ids):
        text = texts[sequence] if sequence is not None else ''
        flat += [units(text, start), units(text, end)]
    return flat


def words_of(encoding):
    return [-1 if word is None else word for word in encoding.word_ids]


def compact(encoding, texts):
    """[ids, type ids, offsets in UTF-16 code units (flat), word ids (-1: none), special tokens mask, sequence ids (-1: none)]"""
    sequences = [-1 if s is None else s for s in encoding.sequence_ids]
    return [encoding.ids, encoding.type_ids, offsets_of(encoding, texts), words_of(encoding), encoding.special_tokens_mask, sequences]


def goldens(tokenizer, peer):
    tokenizer.no_padding()
    tokenizer.no_truncation()
    full, plain, decoded = [], [], []
    for texts in inputs():
        encoding = tokenizer.encode(*texts)
        full.append(compact(encoding, texts))
        plain.append(compact(tokenizer.encode(*texts, add_special_tokens=False), texts)[:3])
        decoded.append([tokenizer.decode(encoding.ids, skip_special_tokens=skip) for skip in (True, False)])
        check(peer, texts, encoding)
    cut = []
    for index, texts in enumerate(CUT):
        for strategy in ('longest_first', 'only_first', 'only_second'):
            for side in ('right', 'left'):
                for length in CUT_LENGTHS:
                    case = {'input': index, 'truncation': strategy, 'side': side, 'maxLength': length}
                    tokenizer.enable_truncation(length, strategy=strategy, direction=side)
                    try:
                        encoding = tokenizer.encode(*texts)
                    except BaseException as error:  # the library raises a plain Exception or panics
                        cut.append(case | {'refused': str(error)})
                        continue
                    peer.truncation_side = side
                    check(peer, texts, encoding, truncation=strategy, max_length=length)
                    # The right side is the one in use: everything of it, of the left one the ids.
                    expected = compact(encoding, texts)
                    cut.append(case | {'expected': expected if side == 'right' else expected[:1]})
    tokenizer.no_truncation()
    return {'full': full, 'withoutSpecialTokens': plain, 'decoded': decoded, 'cut': cut}


def check(peer, texts, encoding, **options):
    """transformers' fast tokenizer gives the same. Called with lists: for single strings it takes an empty pair for none."""
    batch = peer(*([text] for text in texts), return_offsets_mapping=True, return_special_tokens_mask=True, **options)
    assert batch['input_ids'][0] == encoding.ids
    assert batch['special_tokens_mask'][0] == encoding.special_tokens_mask
    assert [tuple(pair) for pair in batch['offset_mapping'][0]] == encoding.offsets
    assert batch.word_ids(0) == encoding.word_ids


def transformers_folder(files, config):
    folder = Path(tempfile.mkdtemp())
    for source in files:
        shutil.copy(source, folder)
    (folder / 'tokenizer_config.json').write_text(json.dumps(config))
    return folder


def overrides(bpe_folder):
    """tokenizer_config.json against tokenizer.json: what transformers makes of it."""
    cases = []
    bert = json.loads((minilm / 'tokenizer_config.json').read_text())
    roberta = json.loads((bpe_folder / 'tokenizer_config.json').read_text())
    texts = ['Héllo 漢字 World', 'NAÏVE café', 'hello <mask> world', ' Hello']
    for base, config, change in [
        ('minilm', bert, {'do_lower_case': False}),
        ('minilm', bert, {'strip_accents': False}),
        ('minilm', bert, {'tokenize_chinese_chars': False}),
        ('minilm', bert, {'do_lower_case': False, 'tokenizer_class': 'PreTrainedTokenizerFast'}),
        ('bpe', roberta, {'add_prefix_space': True}),
    ]:
        source = minilm if base == 'minilm' else bpe_folder
        folder = transformers_folder([source / 'tokenizer.json'], config | change)
        peer = AutoTokenizer.from_pretrained(folder)
        encodings = [peer(text, return_offsets_mapping=True) for text in texts]
        cases.append({'base': base, 'change': change, 'texts': texts, 'ids': [e['input_ids'] for e in encodings], 'offsets': [[n for pair in e['offset_mapping'] for n in pair] for e in encodings]})
        shutil.rmtree(folder)
    return cases


def file_settings():
    """MiniLM's own truncation and padding (128, fixed), as tokenizers applies them."""
    tokenizer = Tokenizer.from_file(str(minilm / 'tokenizer.json'))
    texts = [['short text'], [' '.join(SENTENCES)]]
    encodings = tokenizer.encode_batch([text[0] for text in texts])
    return {'inputs': texts, 'ids': [e.ids for e in encodings], 'attentionMask': [e.attention_mask for e in encodings]}


# --- digests over real text -----------------------------------------------------------------------------------------

REAL = ['cola/in_domain_train.tsv', 'cola/in_domain_dev.tsv', 'cola/out_of_domain_dev.tsv', 'sst2/train.tsv', 'sst2/dev.tsv', 'mrpc/train.tsv', 'mrpc/dev.tsv', 'rte/train.tsv', 'rte/dev.tsv', 'stsb/train.tsv', 'qnli/dev.tsv', 'qqp/train_subset.tsv', 'mnli/mnli_clare_1000.tsv', 'e2e/devset.csv', 'e2e/testset_w_refs.csv', 'ncbi-disease/test.tsv', 'reuters21578/reut2-017.sgm.gz']


# Lines of each file: for ids, and for alignment and for pairs.
LIMITS = {'ids': 10000, 'alignment': 2000, 'pairs': 2000}


def digest(tokenizer, texts, align):
    """sha256 over int32, little endian: for each text its number of tokens and its ids; or its offsets (flat), word ids and type ids."""
    total = hashlib.sha256()
    tokens = 0
    for text in texts:
        encoding = tokenizer.encode(*text)
        tokens += len(encoding.ids)
        numbers = offsets_of(encoding, text) + words_of(encoding) + encoding.type_ids if align else [len(encoding.ids)] + encoding.ids
        total.update(struct.pack(f'<{len(numbers)}i', *numbers))
    return {'tokens': tokens, 'sha256': total.hexdigest()}


def digests(tokenizer):
    """Per file: each line as a text; and each line cut at its first tab into a pair, of 32 tokens at most."""
    result = []
    for name in REAL:
        content = (data / name).read_bytes()
        content = gzip.decompress(content) if name.endswith('.gz') else content
        lines = content.decode('latin-1' if 'reut' in name else 'utf-8').split('\n')
        tokenizer.no_truncation()
        entry = {'file': name, 'contentSha256': hashlib.sha256(content).hexdigest(), 'lines': len(lines)}
        entry['ids'] = digest(tokenizer, [[line] for line in lines[: LIMITS['ids']]], False)
        entry['alignment'] = digest(tokenizer, [[line] for line in lines[: LIMITS['alignment']]], True)
        tokenizer.enable_truncation(32)
        entry['pairs'] = digest(tokenizer, [line.split('\t', 1) for line in lines[: LIMITS['pairs']]], False)
        result.append(entry)
    tokenizer.no_truncation()
    return result


def write(name, value):
    path = golden.folder / name
    path.write_text(json.dumps(value, separators=(',', ':')) + '\n')
    golden.wrote(path)


bpe_folder = golden.folder / 'bpe'
bpe = train_bpe(bpe_folder)
wordpiece = Tokenizer.from_file(str(minilm / 'tokenizer.json'))
write('inputs.json', {'full': inputs(), 'cut': CUT})
write('bpe.json', goldens(bpe, AutoTokenizer.from_pretrained(bpe_folder)))
write('minilm.json', goldens(wordpiece, AutoTokenizer.from_pretrained(minilm)))
write('settings.json', {'overrides': overrides(bpe_folder), 'fileSettings': file_settings()})
if data.is_dir():
    golden.json('digests.json', {'tokenizers': tokenizers.__version__, 'limits': LIMITS, 'bpe': digests(bpe), 'minilm': digests(wordpiece)})
golden.finish()
