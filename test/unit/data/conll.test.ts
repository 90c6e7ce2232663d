import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { type LoadFileOptions, loadDataset, loadFile, readConll, readInputs } from '../../../lib/data/index.ts'
import { all, temporaryFolder } from './temporary-folder.ts'

type Options = LoadFileOptions<'token-classification'>
const task = 'token-classification'

describe('a file of tokens', () => {
  const { write, path } = temporaryFolder()
  const load = (name: string, content: string | Uint8Array, options?: Options) =>
    loadFile(write(name, content), { task, ...options })
  const refuse = (name: string, content: string, options: Options, code: string, message: RegExp) =>
    assert.rejects(load(name, content, options), (error: Error & { code: string }) => {
      assert.equal(error.code, code, error.message)
      assert.match(error.message, message)
      return true
    })

  const wanted = [
    { tokens: ['U.N.', 'official', 'Ekeus'], labels: ['B-ORG', 'O', 'B-PER'] },
    { tokens: ['Rome', 'Paris'], labels: ['B-LOC', 'B-LOC'] },
  ]

  it('gives words and tags: the first and the last column, by spaces or tabs, gzipped or not', async () => {
    const spaces =
      'U.N. NNP I-NP I-ORG\nofficial NN I-NP O\nEkeus NNP I-NP I-PER\n\nRome NNP I-NP I-LOC\nParis NNP I-NP B-LOC\n'
    assert.deepEqual(await load('a.conll', spaces), wanted)
    assert.deepEqual(await load('a.bio.gz', gzipSync(spaces.replaceAll('\n', '\r\n'))), wanted)
    assert.deepEqual(await load('a.txt', spaces.replaceAll(' ', '\t').trimEnd(), { format: 'conll' }), wanted)
    assert.deepEqual(await load('b.iob', 'New York\tB-LOC\nis\tO\n'), [
      { tokens: ['New York', 'is'], labels: ['B-LOC', 'O'] },
    ])
  })

  it('takes no spaces around a tag for a part of it', async () => {
    assert.deepEqual(await load('s.conll', 'U.N.\tB-ORG \nNew York \t B-LOC\nis\tO \n'), [
      { tokens: ['U.N.', 'New York ', 'is'], labels: ['B-ORG', 'B-LOC', 'O'] },
    ])
    assert.deepEqual(await load('s.conll', '  U.N.  B-ORG \n is    O\n'), [
      { tokens: ['U.N.', 'is'], labels: ['B-ORG', 'O'] },
    ])
    await refuse('s.conll', 'a\tO\nb\t \n', {}, 'DATA_RAGGED', /s\.conll:2: .*an empty token or tag/)
  })

  it('passes over marks of documents, empty lines in a row, and a byte order mark', async () => {
    const file =
      '\ufeff-DOCSTART- -X- O O\n\n\nU.N. NNP I-NP I-ORG\nofficial NN I-NP O\nEkeus NNP I-NP I-PER\n \t\n' +
      '-DOCSTART- -X- -X- O\nRome NNP I-NP I-LOC\nParis NNP I-NP B-LOC\n\n\n'
    assert.deepEqual(await load('d.conll', file), wanted)
    assert.deepEqual(await load('d.conll', '###MEDLINE:1\n\n-DOCSTART-\tO\n\na\tO\n\n-DOCSTART-\tO\n'), [
      { tokens: ['a'], labels: ['O'] },
    ])
    // A word that only begins like the mark is a word.
    assert.deepEqual((await load('d.conll', '-DOCSTART-s\tO\n'))[0]?.tokens, ['-DOCSTART-s'])
  })

  it('takes the columns that are named, from 1, and those of CoNLL-U', async () => {
    const file = '1 Rome NNP I-LOC x\n2 fell VBD O y\n'
    assert.deepEqual(await load('c.conll', file, { textColumn: '2', labelColumn: '4' }), [
      { tokens: ['Rome', 'fell'], labels: ['B-LOC', 'O'] },
    ])
    assert.deepEqual(await load('c.conll', file, { textColumn: '2', labelColumn: '3' }), [
      { tokens: ['Rome', 'fell'], labels: ['NNP', 'VBD'] },
    ])
    const line = (id: string, form: string, tag: string) => `${id}\t${form}\tl\t${tag}\tX\t_\t0\troot\t_\t_\n`
    const universal = `# sent_id = 1\n# text = du pain\n${line('1-2', 'du', '_')}${line('1', 'de', 'ADP')}${line('2', 'le', 'DET')}${line('2.1', 'x', 'X')}${line('3', 'pain', 'NOUN')}\n# sent_id = 2\n${line('1', '#', 'SYM')}`
    assert.deepEqual(await load('c.conllu', universal), [
      { tokens: ['de', 'le', 'pain'], labels: ['ADP', 'DET', 'NOUN'] },
      { tokens: ['#'], labels: ['SYM'] },
    ])
    const wnut = '# id 7\nRome _ _ B-LOC\n'
    assert.deepEqual(await load('c.conll', wnut, { comment: '#' }), [{ tokens: ['Rome'], labels: ['B-LOC'] }])
    assert.deepEqual((await load('c.conll', '# NN O\nRome NNP I-LOC\n'))[0]?.tokens, ['#', 'Rome'])
    for (const options of [{ textColumn: '6' }, { labelColumn: '0' }, { labelColumn: 'tag' }])
      await refuse(
        'c.conll',
        file,
        options,
        'DATA_COLUMNS',
        /c\.conll:1: expected (text|label)Column to be a column from 1 to 5/,
      )
    await refuse('c.conll', file, { labelColumn: '1' }, 'DATA_COLUMNS', /got column 1 for both/)
    await refuse('c.conll', 'Rome\n', {}, 'DATA_COLUMNS', /got one column \("Rome"\)/)
  })

  it('turns entity tags of every scheme into BIO2, tags out of order as conlleval does, or refuses them', async () => {
    const bio2 = [{ tokens: ['a', 'b', 'c'], labels: ['B-X', 'I-X', 'B-X'] }]
    for (const tags of [
      ['I-X', 'I-X', 'B-X'],
      ['B-X', 'I-X', 'B-X'],
      ['B-X', 'E-X', 'S-X'],
      ['O', 'O', 'O'],
    ]) {
      const file = tags.map((tag, i) => `${'abc'[i]} ${tag}\n`).join('')
      assert.deepEqual(
        await load('s.conll', file),
        tags[0] === 'O' ? [{ tokens: ['a', 'b', 'c'], labels: tags }] : bio2,
      )
    }
    const broken = 'a B-X\nb O\nc I-X\n\nd B-Y\n'
    assert.deepEqual((await load('s.conll', broken))[0]?.labels, ['B-X', 'O', 'B-X'])
    const advice = /s\.conll:1: label\[2\]: expected tags of the scheme bio2, got I-X after O/
    await refuse('s.conll', broken, { invalidTags: 'error' }, 'DATA_TAG_ORDER', advice)
    await refuse(
      's.conll',
      broken,
      { invalidTags: 'error', scheme: 'iob1' },
      'DATA_TAG_ORDER',
      /scheme iob1, got B-X after the start/,
    )
    // L and U tell as E and S do.
    for (const [file, labels] of [
      ['a U-X\n', ['B-X']],
      ['a B-X\nb L-X\n', ['B-X', 'I-X']],
    ] as const)
      assert.deepEqual((await load('s.conll', file, { invalidTags: 'error' }))[0]?.labels, labels)
    // Tokens inside an entity are no entities that begin with I.
    const long = ['B-X', 'I-X', 'I-X', 'I-X']
    const inside = long.map(tag => `a ${tag}\n`).join('')
    assert.deepEqual((await load('s.conll', inside, { invalidTags: 'error' }))[0]?.labels, long)
    // Bad rows tell nothing.
    assert.deepEqual((await load('s.conll', 'a I-X\n\nb\n\nc\n', { malformed: 'skip' }))[0]?.labels, ['B-X'])
    // As many begin with I as with B: that is no IOB1.
    await refuse('s.conll', 'a B-X\nb O\nc I-Y\n', { invalidTags: 'error' }, 'DATA_TAG_ORDER', /scheme bio2, got I-Y/)
    assert.deepEqual((await load('s.conll', broken, { scheme: 'plain' }))[0]?.labels, ['B-X', 'O', 'I-X'])
    const skipped: string[] = []
    const options = {
      invalidTags: 'error',
      malformed: 'skip',
      onWarning: (text: string) => skipped.push(text),
    } as const
    assert.deepEqual(await load('s.conll', broken, options), [{ tokens: ['d'], labels: ['B-Y'] }])
    assert.match(skipped[0]!, /label\[2\].*\[skipped\]$/)
    await refuse(
      's.conll',
      'a O\n',
      { scheme: 'bio' as 'bio2' },
      'DATA_TAG_SCHEME',
      /one of iob1, bio2, iobes, plain, got 'bio'/,
    )
  })

  it('tells slips among entity tags from tags of another kind', async () => {
    const slip = 'a B-X\n\nb O\n\nc b-X\n'
    await refuse(
      'k.conll',
      slip,
      {},
      'DATA_TAG',
      /k\.conll:5: label\[0\]: expected a tag such as O, B-LOC, I-LOC, E-LOC, S-LOC, got "b-X"/,
    )
    assert.deepEqual(
      (await load('k.conll', 'a DT\nb NN\n\nO O\n\nc I\n')).map(({ labels }) => labels),
      [['DT', 'NN'], ['O'], ['I']],
    )
  })

  it('gives the same however many sentences there are before the scheme is known', async () => {
    const file = 'a I-X\nb I-X\n\n'.repeat(2500)
    const sentences = await load('l.conll', file)
    assert.equal(sentences.length, 2500)
    assert.ok(sentences.every(({ labels }) => labels.join() === 'B-X,I-X'))
    // The 1,000th sentence is the last one that is asked: what comes after it has to be of its scheme.
    await refuse(
      'l.conll',
      `${'a O\n\n'.repeat(999)}b I-X\n\nc B-Y\n`,
      { invalidTags: 'error' },
      'DATA_TAG_ORDER',
      /l\.conll:2001: .*scheme iob1, got B-Y after the start/,
    )
  })

  it('names the lines that are not as the others', async () => {
    const ragged = 'a NN O\nb O\nc O\n\nd NN O\n\ne NN \n'
    await refuse(
      'r.conll',
      ragged,
      {},
      'DATA_RAGGED',
      /r\.conll:2: expected 3 columns as in the first line of a token, got 2 \("b O"\).*also wrong: line 7/,
    )
    assert.deepEqual(await load('r.conll', ragged, { malformed: 'skip' }), [{ tokens: ['d'], labels: ['O'] }])
    await refuse(
      'r.conll',
      'a\tO\nb\t\n',
      {},
      'DATA_RAGGED',
      /r\.conll:2: expected 2 columns .*, got an empty token or tag/,
    )
    await refuse('r.conll', '\n-DOCSTART- O\n\n', {}, 'DATA_EMPTY', /expected rows with data, got none/)
    assert.deepEqual(await all(readConll(write('r.conll', 'a O\n\nb O'))), [
      { line: 1, values: { tokens: ['a'], labels: ['O'] } },
      { line: 3, values: { tokens: ['b'], labels: ['O'] } },
    ])
  })

  it('may be jsonl: lists of words and of labels, indices with the names given', async () => {
    const line = (row: object) => `${JSON.stringify(row)}\n`
    assert.deepEqual(await load('j.jsonl', line({ tokens: ['Rome', 'fell'], ner_tags: ['I-LOC', 'O'] })), [
      { tokens: ['Rome', 'fell'], labels: ['B-LOC', 'O'] },
    ])
    const labels = ['O', 'B-LOC', 'I-LOC']
    assert.deepEqual(await load('j.jsonl', line({ words: ['Rome', 'fell'], labels: [1, 0] }), { labels }), [
      { tokens: ['Rome', 'fell'], labels: ['B-LOC', 'O'] },
    ])
    const iobes = { tokens: ['New', 'York'], labels: ['B-LOC', 'E-LOC'] }
    assert.deepEqual((await load('j.jsonl', line(iobes), { labels }))[0]?.labels, ['B-LOC', 'I-LOC'])
    for (const [row, options, code, message] of [
      [
        { tokens: ['a'], labels: [1] },
        {},
        'DATA_TOKENS',
        /labels\[0\] to be the name of a label, got 1; name it, or give labels/,
      ],
      [
        { tokens: ['a'], labels: [3] },
        { labels },
        'DATA_UNKNOWN_LABEL',
        /labels\[0\]: expected one of the labels O, B-LOC, I-LOC, got '3'/,
      ],
      [{ tokens: ['a'], labels: ['B-PER'] }, { labels }, 'DATA_UNKNOWN_LABEL', /got 'B-PER'/],
      [{ tokens: ['a', 'b'], labels: ['O'] }, {}, 'DATA_TOKENS', /expected a label for each of the 2 tokens, got 1/],
      [{ tokens: ['a', ' '], labels: ['O', 'O'] }, {}, 'DATA_TOKENS', /tokens\[1\] to be a word, got " "/],
      [{ tokens: [], labels: [] }, {}, 'DATA_TOKENS', /'tokens' to hold words, got none/],
      [{ tokens: 'a b', labels: ['O', 'O'] }, {}, 'DATA_TOKENS', /'tokens' to be a list of words, got "a b"/],
      [{ tokens: ['a'], labels: 'O' }, {}, 'DATA_TOKENS', /'labels' to be a list of labels/],
      [{ tokens: ['a'], labels: [null] }, {}, 'DATA_TOKENS', /got null/],
      [{ text: 'a', label: 'x' }, {}, 'DATA_COLUMNS', /expected a column tokens, words, got text, label/],
    ] as const)
      await refuse('j.jsonl', line(row), options as Options, code, message)
  })

  it('is for token classification alone, and that for no csv', async () => {
    await refuse(
      'a.csv',
      'tokens,labels\n',
      {},
      'DATA_TASK',
      /expected a conll, jsonl, parquet or arrow file for token-classification, got csv/,
    )
    await assert.rejects(loadFile(write('a.conll', 'a O\n')), {
      name: 'ConfigError',
      code: 'DATA_TASK',
      message: /conll is for token-classification/,
    })
    await refuse(
      'a.conll',
      'a O\n',
      { task: 'tagging' as 'token-classification' },
      'DATA_TASK',
      /expected task to be one of text-classification, token-classification, text-generation, got 'tagging'/,
    )
  })

  it('gives tokens to predict for', async () => {
    assert.deepEqual(await all(readInputs(write('p.conll', 'a O\nb X\n\nc O\n'), { task })), [
      { tokens: ['a', 'b'] },
      { tokens: ['c'] },
    ])
    assert.deepEqual(await all(readInputs(write('p.jsonl', '{"tokens":["a"]}\n'), { task })), [{ tokens: ['a'] }])
  })

  describe('of a known corpus', () => {
    it('CoNLL-2003 comes in BIO2, with what is not there', async () => {
      write(
        'conll/CoNLL-2003/eng.testa',
        '-DOCSTART- -X- O O\n\nU.N. NNP I-NP I-ORG\nofficial NN I-NP O\n\nof IN I-PP B-MISC\n',
      )
      const conll = await loadDataset('conll2003', path('conll'))
      assert.deepEqual(conll.validation, [
        { tokens: ['U.N.', 'official'], labels: ['B-ORG', 'O'] },
        { tokens: ['of'], labels: ['B-MISC'] },
      ])
      assert.equal(conll.train, undefined)
      const { info } = conll
      assert.equal(info.task, 'token-classification')
      assert.equal(info.problemType, undefined)
      assert.deepEqual(info.labels, ['O', 'B-PER', 'I-PER', 'B-ORG', 'I-ORG', 'B-LOC', 'I-LOC', 'B-MISC', 'I-MISC'])
      assert.equal(info.partial, true)
      assert.deepEqual(info.warnings, [
        'conll2003: eng.testa holds 2 of the official 3250 rows',
        `conll2003: no train part in ${info.folder} (eng.train (or train.txt))`,
        `conll2003: no test part in ${info.folder} (eng.testb (or test.txt))`,
      ])
    })

    it('a bad line is left out with a warning, or refused', async () => {
      write('ncbi/NCBI-disease-IOB/train.tsv', 'colon\tB-Disease\ncancer\n\nno\tO\n\nx\tB-Gene\n')
      const { train, info } = await loadDataset('ncbi-disease', path('ncbi'))
      assert.deepEqual(train, [{ tokens: ['no'], labels: ['O'] }])
      assert.match(info.warnings[0]!, /train\.tsv:2: expected 2 columns .*\[skipped\]$/)
      assert.match(
        info.warnings[1]!,
        /train\.tsv:6: label\[0\]: expected one of the labels O, B-Disease, I-Disease, got 'B-Gene'/,
      )
      await assert.rejects(loadDataset('ncbi-disease', path('ncbi'), { malformed: 'error' }), { code: 'DATA_RAGGED' })
    })

    it('bad sentences count among those of a part, of which ten may be bad', async () => {
      const file = (bad: number) => `${'a\tO\n\n'.repeat(923 - bad)}${'a\n\n'.repeat(bad)}`
      write('ten/ncbi-disease/devel.tsv', file(10))
      const { validation, info } = await loadDataset('ncbi-disease', path('ten'))
      assert.equal(validation!.length, 913)
      assert.equal(info.warnings.filter(warning => warning.endsWith('[skipped]')).length, 10)
      assert.ok(!info.warnings.some(warning => warning.includes('holds')), info.warnings.join('\n'))
      write('ten/ncbi-disease/devel.tsv', file(11))
      await assert.rejects(loadDataset('ncbi-disease', path('ten')), { code: 'DATA_RAGGED' })
    })
  })
})
