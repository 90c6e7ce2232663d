"""Golden scores of texts by the packages that define them, for lib/metrics: writes test/golden/text_metrics/.

    OMP_NUM_THREADS=1 python test/golden/make/text_metrics.py [FOLDER OF THE E2E SCRIPTS]

Packages beside numpy: sacrebleu 2.6.0, rouge-score 0.1.2 with nltk 3.10.4 (its Porter stemmer), pycocoevalcap 1.2
(CIDEr, and the Stanford tokenizer of CoreNLP 3.4.1, which needs java); for the E2E challenge's scripts
(tuetschek/e2e-metrics, commit 1b9c4d8) future 1.0.0 and perl. `bleuE2E` and `nist` come from their Perl mteval, whose
four digits are widened to seventeen in a temporary copy, and from their Python one. What is not installed or given
keeps its committed file. The digest over the E2E data set is made where ../shared/data is there.
An exception of the reference is written as "raises".
"""

import csv
import hashlib
import importlib.metadata
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import types
from pathlib import Path

SEED = 20260
HERE = Path(__file__).resolve()
COMMITTED = HERE.parent.parent / 'text_metrics'
FOLDER = Path(os.environ.get('GOLDEN_ROOT', HERE.parent.parent)) / 'text_metrics'
DATA = HERE.parents[3].parent / 'shared/data/e2e'
SCRIPTS = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
# This file's folder has files named like packages.
sys.path = [path for path in sys.path if Path(path or '.').resolve() != HERE.parent]


# --- texts ------------------------------------------------------------------------------------------------------------

SENTENCES = """The Blue Lantern is a cheap pub near the river, and children are welcome.
Near the river stands a family-friendly pub called The Blue Lantern; its prices are low.
It isn't expensive: £20-25 for a meal (drinks included), rated 5 out of 5.
Marcello's serves Italian food at moderate prices in the city centre.
For a high-priced coffee shop, try Café Zorba on the riverside - you'll love it!
"Don't go there," said Mr. Hall, who'd paid $3.50 for a 1,000-calorie cake.
Prices rose by 3.5 percent in March, the largest increase since 1998, the office said.
The restaurant by the station has a low customer rating of 1 out of 5.
Families cannot complain: the menus are varied, the portions generous, the waiters relaxed.
There is an averagely rated place that has been providing French dishes since 1987.
What are they cooking? Nobody knows... but everyone is eating and enjoying it.
The U.S. embassy's annual reception happened at the Cross Keys, St. Mary's Road.""".split('\n')

WORDS = 'caresses ponies ties flies dies died tied skies sky dying lying news innings outing canning howe proceed exceed succeed feed agreed plastered bled motoring sing conflated troubled sized hopping tanned falling hissing fizzed failing filing happy enjoy spy by relational conditional rational valenci hesitanci digitizer conformabli radicalli differentli vileli analogousli vietnamization predication operator feudalism decisiveness hopefulness callousness formaliti sensitiviti sensibiliti hopefulli geologi theologi triplicate formative formalize electriciti electrical hopeful goodness revival allowance inference airliner gyroscopic adjustable defensible irritant replacement adjustment dependent adoption homologou communism activate angulariti homologous effective bowdlerize probate rate cease controll roll syzygy yyyy oed ions aged user used using eying abl iz at1 ation ational 1980s x2y abliness classically totally really usually finally physically owed icing ate eat ed ing'.split()


def shaken(draw, sentence):
    words = sentence.split(' ')
    for _ in range(draw.randrange(4)):
        place = draw.randrange(len(words))
        kind = draw.randrange(4)
        if kind == 0 and len(words) > 1:
            words.pop(place)
        elif kind == 1:
            words.insert(place, words[draw.randrange(len(words))])
        elif kind == 2:
            words[place] = draw.choice(draw.choice(SENTENCES).split(' '))
        else:
            words[place] = words[place].upper() if draw.random() < 0.3 else words[place].lower()
    return ' '.join(words)


def corpora():
    draw = random.Random(SEED)
    one = SENTENCES[0]
    yield 'the reference itself', [one], [[one]]
    yield 'one word, right', ['pub'], [['pub']]
    yield 'one word, wrong', ['pub'], [['river']]
    yield 'three words, right', ['a cheap pub'], [['a cheap pub']]
    yield 'four words, right', ['a very cheap pub'], [['a very cheap pub']]
    yield 'five words, right', ['this very cheap old pub'], [['this very cheap old pub']]
    yield 'nothing in common', ['one two three four five six'], [['seven eight nine ten eleven twelve']]
    yield 'words in common, no pair', ['a b c d e f'], [['f e d c b a']]
    yield 'empty prediction alone', [''], [[one]]
    yield 'empty prediction among others', [one, '', SENTENCES[1]], [[SENTENCES[1]], [SENTENCES[2]], [one]]
    yield 'prediction of spaces', ['  \t ', one], [[one], [one]]
    yield 'empty reference', [one], [['']]
    yield 'both empty', [''], [['']]
    yield 'empty reference first', [one, SENTENCES[1]], [['', SENTENCES[1]], [one]]
    yield 'empty reference second', [one, SENTENCES[1]], [[SENTENCES[1], ''], [one]]
    yield 'empty reference nearer in length', ['cheap pub'], [['a cheap pub by the river', '']]
    yield 'the same, empty first', ['cheap pub'], [['', 'a cheap pub by the river']]
    yield 'short words that have stems', ['this bus was his'], [['this bu wa hi']]
    yield 'no reference', [one, one], [[one], []]
    yield 'two references equally near in length', ['a b c d e'], [['a b c d', 'a b c d e f']]
    yield 'the same, longer first', ['a b c d e'], [['a b c d e f', 'a b c d']]
    yield 'much too short', ['the pub'], [[one]]
    yield 'much too long', [' '.join(SENTENCES)], [[one]]
    yield 'a word said again and again', ['the the the the the the the'], [['the cat is on the mat', 'there is a cat on the mat']]
    yield 'case', ['THE Blue LANTERN is a Cheap Pub'], [['the blue lantern is a cheap pub']]
    yield 'case of other letters', ['CAFÉ Über Straße ΑΒΓ is open'], [['café über straße αβγ is open']]
    yield 'numbers', ['It costs 1,000.50 or 3.5% of £20-25, 5-star.5'], [['It costs 1,000.50, or 3.5 % of £20 - 25, 5-star. 5']]
    yield 'entities and marks', ['AT&amp;T said &quot;yes&quot; &lt;b&gt; {x} [y] a_b ~ `c` <skipped>z'], [['AT&T said "yes" <b> { x } [ y ] a_b ~ ` c ` z']]
    yield 'lines', ['a re-\nbuilt house\nin the town'], [['a rebuilt house in the town']]
    yield 'zeros', ['0 5 0 5 6 0'], [['0 5 0 5 6 0 7', '5 6 0 5']]
    yield 'other spaces', ['a\u00a0b\u2003c\u3000d e'], [['a b c d e']]
    yield 'letters beyond the first plane', ['a \U0001f600. \U0001d4d0,b c d'], [['a \U0001f600 . \U0001d4d0 , b c d']]
    yield 'two texts, no reference in common', [SENTENCES[2], SENTENCES[3]], [[SENTENCES[3]], [SENTENCES[2]]]
    yield 'the same text twice', [one, one], [[one], [one, SENTENCES[1]]]
    for size, most in ((2, 1), (5, 3), (20, 1), (40, 4), (80, 6)):
        predictions, references = [], []
        for _ in range(size):
            sentence = draw.choice(SENTENCES)
            predictions.append(shaken(draw, sentence))
            references.append([shaken(draw, draw.choice((sentence, sentence, draw.choice(SENTENCES)))) for _ in range(draw.randint(1, most))])
        yield f'{size} texts, up to {most} references', predictions, references


PROBES = """The Colour of the centre's favourite neighbour isn't grey; £20-25 or $5 or €30.
"Hello," he said, 'it's fine' -- (yes) [no] {maybe} and/or 1/2 ½ ¼ ¾ 3 * 4...
I cannot, gonna, wanna, can't won't I'm you're they'd O'Neil's the '90s rock'n'roll.
'Tis so, 'twas so: lemme go, gimme that, y'all gotta. DIDN'T, CANNOT, HE'LL
St. Mary's Mr. Smith vs. Dr. Who Inc. and U.S.A. e.g. this, i.e. that etc. a.m. p.m. No. 5 and no.
Café Adriatic – family-friendly — non-smoking 5/5 3.5 1,000.50 20%. A Ph.D. thesis, pp. 3 and pp.
http://example.com/a?b=c foo@bar.com #tag @user :) &amp; & < > 10:30 24/7 www.x.com
Yippee!!! What?? Well... ok. . . and…so ?! ** a*b
it`s ``quoted'' “smart” ‘single’ it’s don’t isn´t
£20-£25 $20-25 less-than-£20 £20- high-priced. A. B. under£20 over £30.00 30£ US$5 CA$ 3
food.It is food!It 20.Serves 5.x 5.xy pub,kid-friendly kid-friendly,pub kid-friendly.pub kid--friendly -kid
center., center.; center.: center.) center.- center.-x 20., kid-friendly., it's., center..., a.,
Travellers' Rest Browns'. kids' area o'clock hors d'oeuvres x'y ma'am fish'n'chips fish 'n chips 'em 'cause
aren't/isn't high/mid-priced kid/family/adult/x 20/30/40 £20/£30 A.B. A.B.C R&B AT&T a&b a+b a=b a_b a|b
7.30pm 5p.m. 5pm 20's 1990's mid-20s £20-ish +1 1+ .5 5.5.5 -5 x-5 <b> #5 five* a~b a\\b
The letter F. He said. The letter F. Nobody. In V. Her and W. All, Jan. 5, Mon. and Sat. evening, Ill. and ill.
:-) :-( ;) =) ( ) -- - --- ―x
Zero\u200bwidth no\u00a0break tab\there end
The phone is (555) 123-4567 :D :P M'Sa -LCB-
On 2-1/2 days in '98 the '71, and Jan. 9 '90."""


def attempt(function, *arguments, failures=(ValueError, TypeError, IndexError, AssertionError, ZeroDivisionError)):
    try:
        return float(function(*arguments))
    except failures:
        return 'raises'


# --- the references ---------------------------------------------------------------------------------------------------

def streams(references):
    """Lists of references by text as sacrebleu has them: one list of all texts for each, None where there are fewer."""
    return [[refs[i] if i < len(refs) else None for refs in references] for i in range(max(map(len, references)))]


def make_bleu():
    import sacrebleu

    def score(predictions, references):
        if not all(references):
            raise ValueError('sacrebleu fails on a text without any reference')
        return sacrebleu.BLEU(force=True).corpus_score(predictions, streams(references)).score / 100

    tokenizer = sacrebleu.BLEU().tokenizer
    return {
        'cases': [{'name': name, 'bleu': attempt(score, p, r)} for name, p, r in corpora()],
        'tokens': [{'text': text, 'tokens': tokenizer(text.rstrip()).split()} for text in PROBES.split('\n')],
    }


def make_rouge():
    from nltk.stem.porter import PorterStemmer
    from rouge_score.rouge_scorer import RougeScorer

    def score(stemmer):
        scorer = RougeScorer(['rougeL'], use_stemmer=stemmer)
        return lambda p, r: sum(scorer.score_multi(refs, text)['rougeL'].fmeasure for text, refs in zip(p, r)) / len(p)

    stemmer = PorterStemmer()
    words = sorted({*WORDS, *(word for sentence in SENTENCES for word in re.findall('[a-z0-9]+', sentence.lower()))})
    return {
        'cases': [{'name': name, 'rougeL': attempt(score(False), p, r), 'stemmed': attempt(score(True), p, r)} for name, p, r in corpora()],
        'stems': [[word, stemmer.stem(word)] for word in words],
    }


def caption_words(texts):
    """The words of each text by the tokenizer of pycocoevalcap, each text between empty lines: none sees another."""
    import pycocoevalcap.tokenizer.ptbtokenizer as ptb

    keyed = {}
    for i, text in enumerate(texts):
        keyed[3 * i] = keyed[3 * i + 2] = [{'caption': 'x'}]
        keyed[3 * i + 1] = [{'caption': text.replace('\r', ' ')}]
    tokens = ptb.PTBTokenizer().tokenize(keyed)
    return [tokens[3 * i + 1][0].split() for i in range(len(texts))]


def cider_of(predictions, references):
    from pycocoevalcap.cider.cider import Cider

    keys = range(len(predictions))
    return Cider().compute_score({i: references[i] for i in keys}, {i: [predictions[i]] for i in keys})[0]


def make_cider():
    def score(predictions, references):
        flat = [*predictions, *(text for refs in references for text in refs)]
        words = iter([' '.join(tokens) for tokens in caption_words(flat)])
        texts = [next(words) for _ in predictions]
        return cider_of(texts, [[next(words) for _ in refs] for refs in references])

    texts = PROBES.split('\n')
    return {
        'cases': [{'name': name, 'cider': attempt(score, p, r), 'tokenized': attempt(cider_of, p, r)} for name, p, r in corpora()],
        'words': [{'text': text, 'words': words} for text, words in zip(texts, caption_words(texts))],
    }


def e2e_scripts():
    """The module measure_scores.py of the E2E scripts; what it imports for captions is not run and stands empty."""
    coco, caps = types.ModuleType('pycocotools.coco'), types.ModuleType('pycocoevalcap.eval')
    coco.COCO = caps.COCOEvalCap = None
    sys.modules.update({'pycocotools': types.ModuleType('pycocotools'), 'pycocotools.coco': coco, 'pycocoevalcap.eval': caps})
    sys.path.insert(0, str(SCRIPTS))
    import measure_scores

    sys.path.pop(0)
    return measure_scores


def mteval_perl(scripts, folder, predictions, references):
    source = (SCRIPTS / 'mteval/mteval-v13a-sig.pl').read_text()
    (folder / 'mteval.pl').write_text(re.sub(r'%2?\.4f', '%.17g', source))
    (folder / 'XML').mkdir(exist_ok=True)
    (folder / 'XML/Twig.pm').write_text('package XML::Twig; 1;\n')  # for files in XML, which these are not
    for kind, texts in (('ref', references), ('tst', predictions), ('src', [''] * len(predictions))):
        scripts.create_mteval_file(texts, folder / f'{kind}.sgm', kind)
    def run(name, option):  # each alone: NIST dies of texts that BLEU can score
        done = subprocess.run(
            ['perl', '-I', folder, folder / 'mteval.pl', option, '-r', folder / 'ref.sgm', '-s', folder / 'src.sgm', '-t', folder / 'tst.sgm', '-f', folder / 'log'],
            capture_output=True, text=True,
        )
        found = re.search(rf'{name} score = (\S+)', done.stdout)
        return 'raises' if done.returncode != 0 or found is None else float(found[1])

    return {'nist': run('NIST', '-n'), 'bleu': run('BLEU', '-b')}


def mteval_python(scripts, predictions, references):
    result = {}
    for name, score in (('nist', scripts.NISTScore()), ('bleu', scripts.BLEUScore())):
        def run():
            for text, refs in zip(predictions, references):
                score.append(text, refs)
            return score.score()

        result[name] = attempt(run)
    return result


def make_e2e():
    if SCRIPTS is None:
        raise ImportError('no folder of the E2E scripts was given')
    scripts = e2e_scripts()
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for name, p, r in corpora():
            perl = mteval_perl(scripts, Path(folder), p, r) if all(r) else {'nist': 'raises', 'bleu': 'raises'}
            cases.append({'name': name, 'perl': perl, 'python': mteval_python(scripts, p, r)})
    return {'cases': cases}


def make_digests():
    """Real texts: the first reference of each meaning of the E2E test set scored against the others."""
    if SCRIPTS is None or not DATA.is_dir():
        raise ImportError('no E2E data or scripts')
    import sacrebleu
    from rouge_score.rouge_scorer import RougeScorer

    scripts = e2e_scripts()
    texts = {}
    with open(DATA / 'testset_w_refs.csv', newline='', encoding='utf8') as file:
        for row in csv.DictReader(file):
            texts.setdefault(row['mr'], []).append(re.sub(r'[\r\n]', ' ', row['ref']))
    pairs = [(refs[0], refs[1:]) for refs in texts.values() if len(refs) > 1]
    predictions, references = [p for p, _ in pairs], [r for _, r in pairs]
    flat = [text for text, refs in pairs for text in (text, *refs)]
    words = [' '.join(tokens) for tokens in caption_words(flat)]
    ordered = iter(words)
    captions = [(next(ordered), [next(ordered) for _ in refs]) for _, refs in pairs]
    scorer = {stem: RougeScorer(['rougeL'], use_stemmer=stem) for stem in (False, True)}
    rouge = lambda stem: sum(scorer[stem].score_multi(refs, text)['rougeL'].fmeasure for text, refs in pairs) / len(pairs)
    with tempfile.TemporaryDirectory() as folder:
        perl = mteval_perl(scripts, Path(folder), predictions, references)
    return {
        'texts': len(pairs), 'references': len(flat) - len(pairs),
        'words': hashlib.sha256('\n'.join(words).encode()).hexdigest(),
        'bleu': sacrebleu.BLEU(force=True).corpus_score(predictions, streams(references)).score / 100,
        'rougeL': rouge(False), 'stemmed': rouge(True),
        'cider': float(cider_of([text for text, _ in captions], [refs for _, refs in captions])),
        'perl': perl, 'python': mteval_python(scripts, predictions, references),
    }


# --- files ------------------------------------------------------------------------------------------------------------

def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    old = json.loads((COMMITTED / 'manifest.json').read_text())['versions'] if (COMMITTED / 'manifest.json').exists() else {}
    versions = {**old, 'python': platform.python_version()}
    inputs = [{'name': name, 'predictions': p, 'references': r} for name, p, r in corpora()]
    files = {'inputs.json': inputs}
    for name, make, packages in (
        ('bleu', make_bleu, ('sacrebleu',)),
        ('rouge', make_rouge, ('rouge-score', 'nltk')),
        ('cider', make_cider, ('pycocoevalcap', 'numpy')),
        ('e2e', make_e2e, ()),
        ('digests', make_digests, ()),
    ):
        try:
            files[f'{name}.json'] = make()
            versions.update({package: importlib.metadata.version(package) for package in packages})
        except ImportError as error:
            print(f'{name}.json is kept as committed: {error}', file=sys.stderr)
            files[f'{name}.json'] = json.loads((COMMITTED / f'{name}.json').read_text())
    if SCRIPTS is not None:
        versions['e2e-metrics'] = '1b9c4d8'
    for file, content in files.items():
        (FOLDER / file).write_text(json.dumps(content, ensure_ascii=False, indent=1) + '\n')
    manifest = {
        'script': 'test/golden/make/text_metrics.py',
        'scriptSha256': hashlib.sha256(HERE.read_bytes()).hexdigest(),
        'versions': dict(sorted(versions.items())), 'seed': SEED, 'tolerance': 1e-12, 'files': sorted(files),
    }
    (FOLDER / 'manifest.json').write_text(json.dumps(manifest, indent=2) + '\n')


main()
