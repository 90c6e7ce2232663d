import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { type DatasetName, loadDataset, requirePart } from '../../../lib/data/index.ts'
import { temporaryFolder } from './temporary-folder.ts'

interface Given {
  id: number
  topics?: string[]
  attributes?: { TOPICS?: string; LEWISSPLIT?: string; CGISPLIT?: string; CSECS?: string }
  text?: string
}

/** A document as the collection writes it; in the training part of every division unless told. */
function document({ id, topics = [], attributes = {}, text }: Given): string {
  const all = {
    TOPICS: 'YES',
    LEWISSPLIT: 'TRAIN',
    CGISPLIT: 'TRAINING-SET',
    ...attributes,
    OLDID: '7',
    NEWID: String(id),
  }
  const head = Object.entries(all).map(([name, value]) => ` ${name}="${value}"`)
  const given =
    text ??
    `<TEXT>&#2;\n<TITLE>TITLE ${id}</TITLE>\n<DATELINE>    ROME, Feb 26 - </DATELINE><BODY>Body ${id}.\n Reuter\n&#3;</BODY></TEXT>`
  return `<REUTERS${head.join('')}>\n<DATE>26-FEB-1987 15:01:01.79</DATE>\n<TOPICS>${topics.map(topic => `<D>${topic}</D>`).join('')}</TOPICS>\n<PLACES><D>usa</D></PLACES>\n<UNKNOWN> \n&#5;&#5;C</UNKNOWN>\n${given}\n</REUTERS>\n`
}

describe('reuters21578', () => {
  const { path, write } = temporaryFolder()
  let folders = 0
  const load = async <N extends DatasetName<'text-classification'>>(
    name: N,
    documents: readonly Given[] | string | Uint8Array,
    options?: Parameters<typeof loadDataset>[2],
    file = 'reut2-000.sgm',
  ) => {
    const dir = String(folders++)
    const text =
      typeof documents === 'string' || documents instanceof Uint8Array
        ? documents
        : `<!DOCTYPE lewis SYSTEM "lewis.dtd">\n${documents.map(document).join('')}`
    write(`${dir}/reuters21578/${file}`, typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
    return loadDataset(name as 'reuters21578-modapte', path(dir), options)
  }

  const mixed: Given[] = [
    { id: 1, topics: ['grain', 'wheat'] },
    { id: 2 },
    { id: 3, topics: ['earn'], attributes: { TOPICS: 'NO', LEWISSPLIT: 'TEST', CGISPLIT: 'PUBLISHED-TESTSET' } },
    { id: 4, topics: ['wheat', 'rye', 'wheat'], attributes: { LEWISSPLIT: 'TEST', CGISPLIT: 'PUBLISHED-TESTSET' } },
    { id: 5, topics: ['trade', 'trade'], attributes: { CSECS: '539010540' } },
    { id: 6, topics: ['acq'], attributes: { TOPICS: 'BYPASS' } },
    { id: 7, attributes: { LEWISSPLIT: 'NOT-USED' } },
    { id: 8, attributes: { TOPICS: 'NO' } },
  ]
  const ids = (examples: readonly { text: string }[] | undefined) =>
    examples?.map(({ text }) => Number(/TITLE (\d+)/.exec(text)![1]))

  it('is divided three ways', async () => {
    const modapte = await load('reuters21578-modapte', mixed)
    assert.deepEqual([ids(modapte.train), ids(modapte.test)], [[1, 2, 5], [4]])
    const modlewis = await load('reuters21578-modlewis', mixed)
    assert.deepEqual(
      [ids(modlewis.train), ids(modlewis.test)],
      [
        [1, 2, 5, 8],
        [3, 4],
      ],
    )
    const modhayes = await load('reuters21578-modhayes', mixed)
    assert.deepEqual(
      [ids(modhayes.train), ids(modhayes.test)],
      [
        [1, 2, 5, 6, 7, 8],
        [3, 4],
      ],
    )
  })

  it('has the topics of training as labels, each once a document, and none where there is none', async () => {
    const { train, test, info } = await load('reuters21578-modapte', mixed)
    assert.deepEqual(
      train?.map(({ label }) => label),
      [['grain', 'wheat'], [], ['trade']],
    )
    assert.deepEqual(
      test?.map(({ label }) => label),
      [['wheat']],
    )
    assert.deepEqual(info.labels, ['grain', 'trade', 'wheat'])
    assert.equal(info.problemType, 'multi-label')
    assert.deepEqual(info.notes, [
      'topics: 3 in training, 2 in test, 1 in both, 4 in all; labels: 3, those of training',
      'train: 3 documents, 1 of them without a topic, kept as examples of none',
      'test: 1 documents, 0 of them without a topic, kept as examples of none',
    ])
    assert.equal(info.partial, true)
    assert.equal(
      info.warnings.at(-1),
      'reuters21578-modapte: test has topics that are no labels (rye); they are left out of 1 documents',
    )
    assert.ok(info.warnings.includes('reuters21578-modapte: the train part has 3 of the official 9603 documents'))
    assert.match(info.warnings[0]!, /^reuters21578-modapte: not in .*: reut2-001\.sgm, .*reut2-021\.sgm$/)
  })

  it('or those of both parts', async () => {
    const { train, test, info } = await load('reuters21578-modapte', mixed, { topics: 'both' })
    assert.deepEqual(info.labels, ['wheat'])
    assert.deepEqual(
      [...train!, ...test!].map(({ label }) => label),
      [['wheat'], [], [], ['wheat']],
    )
    assert.match(info.notes[0]!, /labels: 1, those in both$/)
    assert.ok(
      info.warnings.includes(
        'reuters21578-modapte: train has topics that are no labels (grain, trade); they are left out of 2 documents',
      ),
    )
  })

  it('has its labels in order, whichever they are', async () => {
    const attributes = { LEWISSPLIT: 'TEST' }
    const documents = [
      { id: 1, topics: ['wheat', 'acq'] },
      { id: 2, topics: ['wheat', 'acq'], attributes },
    ]
    for (const topics of ['training', 'both'] as const)
      assert.deepEqual((await load('reuters21578-modapte', documents, { topics })).info.labels, ['acq', 'wheat'])
  })

  it('gives title and body, without dateline, marks and control characters', async () => {
    const texts = [
      '<TEXT>&#2;\n<TITLE>A &lt;B&gt; &amp;lt; C</TITLE>\n<AUTHOR>    by X</AUTHOR><DATELINE> ROME - </DATELINE><BODY>Caf\xfc&#127; one.\n    Two\x05.\n Reuter\n&#3;</BODY></TEXT>',
      '<TEXT TYPE="BRIEF">&#2;\n******<TITLE>BRIEF ONE\n</TITLE>Blah blah blah.\n&#3;\n\n</TEXT>',
      '<TEXT TYPE="UNPROC">&#2;\nRAW REPORT\n  M-1.......7 vs *****\n&#3;\n\n</TEXT>',
      '<TEXT>&#2;\n<TITLE>HALF A</TITLE>\nTITLE\n<DATELINE> ROME - </DATELINE><BODY>Body.\n&#3;</BODY></TEXT>',
      '<TEXT TYPE="UNPROC">&#2;\n&#3;\n\n</TEXT>',
    ]
    const { train, info } = await load(
      'reuters21578-modapte',
      texts.map((text, i) => ({ id: i + 1, text })),
    )
    assert.deepEqual(
      train?.map(({ text }) => text),
      [
        'A <B> &lt; C\nCafü one.\n    Two.\n Reuter',
        'BRIEF ONE',
        'RAW REPORT\n  M-1.......7 vs *****',
        'HALF A\nTITLE\nBody.',
        '26-FEB-1987 15:01:01.79',
      ],
    )
    assert.equal(info.warnings.at(-1), 'reuters21578-modapte: document 5 of train has no text; its date stands for it')
    assert.equal(info.warnings.filter(warning => warning.includes('has no text')).length, 1)
  })

  it('may be gzipped; a part without documents is missed by its files', async () => {
    const dataset = await load('reuters21578-modhayes', gzipSync(document({ id: 1 })), {}, 'reut2-021.sgm.gz')
    assert.deepEqual(ids(dataset.train), [1])
    assert.equal(dataset.test, undefined)
    assert.throws(() => requirePart(dataset, 'test'), {
      code: 'DATA_PART',
      message: /put reut2-000\.sgm to reut2-021\.sgm there/,
    })
    assert.throws(() => requirePart(dataset, 'validation'), { message: /got a data set that has none/ })
  })

  it('is refused where it is cut off or something else', async () => {
    const whole = document({ id: 1 })
    for (const [file, got] of [
      [whole.slice(0, -12), /:1: .*got one without <\/REUTERS>/],
      [`${whole.slice(0, -12)}\n${document({ id: 2 })}`, /:1: .*got one without <\/REUTERS>/],
      [`${whole}${whole.replace('<TEXT>', '<TXET>')}`, /:13: .*got one without TEXT/],
      [whole.replace('NEWID="1"', ''), /got one without NEWID/],
      ['<html></html>', /got none; fetch the file again/],
    ] as const)
      await assert.rejects(load('reuters21578-modapte', file), { name: 'FormatError', code: 'DATA_SGML', message: got })
    await assert.rejects(load('reuters21578-modapte', 'x', {}, 'readme.txt'), {
      code: 'DATA_FOLDER',
      message: /expected files of reuters21578-modapte \(reut2-000\.sgm to reut2-021\.sgm\), got readme\.txt/,
    })
  })
})
