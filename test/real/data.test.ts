import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Dataset, Example } from '../../lib/data/index.ts'
import {
  encodeLabels,
  findLabels,
  groupReferences,
  labelSet,
  loadDataset,
  loadFile,
  readInputs,
  requirePart,
} from '../../lib/data/index.ts'

const shared = resolve('../shared/data')

/** How many examples have each label, in the order of `findLabels`. */
function counts(examples: readonly Example[] | undefined): number[] {
  const labels = findLabels(examples!)
  return labels.map(label => examples!.filter(example => String(example.label) === label).length)
}
const sizes = ({ train, validation, test }: Dataset) => [train?.length, validation?.length, test?.length]
const texts = (examples: readonly Example[]) =>
  examples.flatMap(({ text, pair }) => (pair === undefined ? [text] : [text, pair]))
const mean = (examples: readonly Example[]) =>
  examples.reduce((total, { label }) => total + (label as number), 0) / examples.length

describe('the data sets of ../shared/data, by the counts of their README', () => {
  before(function () {
    if (existsSync(join(shared, 'README.md'))) return
    console.log('      skipped: no ../shared/data beside the checkout')
    this.skip()
  })

  it('cola: both development files, control characters, empty marks, no last line end', async () => {
    const cola = await loadDataset('cola', shared)
    assert.deepEqual(sizes(cola), [8551, 527 + 516, undefined])
    assert.deepEqual(counts(cola.train), [2528, 6023])
    assert.deepEqual(counts(cola.validation?.slice(0, 527)), [162, 365])
    assert.deepEqual(counts(cola.validation?.slice(527)), [162, 354])
    assert.deepEqual(
      [...cola.train!.keys()].filter(row => cola.train![row]!.text.includes('\x08')),
      [7129, 7130, 7131],
    )
    assert.equal(
      texts(cola.train!)
        .join('')
        .replace(/[\x00-\x7f]/g, '').length,
      18,
    )
    assert.equal(cola.info.partial, false)
    assert.deepEqual(cola.info.warnings, [])
  })

  it('sst2: a space at the end of every sentence, repeated lines kept', async () => {
    const sst2 = await loadDataset('sst2', shared)
    assert.deepEqual(sizes(sst2), [67349, 872, undefined])
    assert.deepEqual(counts(sst2.train), [29780, 37569])
    assert.deepEqual(counts(sst2.validation), [428, 444])
    assert.ok(sst2.train!.every(({ text }) => text.endsWith(' ') && text.trim() !== ''))
    assert.equal(sst2.train!.length - new Set(sst2.train!.map(({ text, label }) => `${text}\t${label}`)).size, 366)
    assert.equal(
      texts(sst2.train!)
        .join('')
        .replace(/[\x00-\x7f]/g, '').length,
      471,
    )
  })

  it('mrpc: byte order marks, quotes that are no quotes, a control character, a test with labels', async () => {
    const mrpc = await loadDataset('mrpc', shared)
    assert.deepEqual(sizes(mrpc), [3668, 408, 1725])
    assert.deepEqual(
      [counts(mrpc.train), counts(mrpc.validation), counts(mrpc.test)],
      [
        [1194, 2474],
        [129, 279],
        [578, 1147],
      ],
    )
    assert.equal(mrpc.train!.filter(({ text, pair }) => text.startsWith('"') || pair!.startsWith('"')).length, 455)
    assert.equal(texts(mrpc.train!).filter(text => text.includes('\x12')).length, 1)
    assert.ok(texts([...mrpc.train!, ...mrpc.test!]).every(text => !text.includes('\ufeff')))
  })

  it('rte: names as labels, quotes kept, spaces kept', async () => {
    const rte = await loadDataset('rte', shared)
    assert.deepEqual(sizes(rte), [2490, 277, undefined])
    assert.deepEqual(
      [findLabels(rte.train!), counts(rte.train), counts(rte.validation)],
      [
        ['entailment', 'not_entailment'],
        [1249, 1241],
        [146, 131],
      ],
    )
    assert.equal(rte.train!.filter(({ text, pair }) => text.startsWith('"') || pair!.startsWith('"')).length, 69)
    assert.deepEqual(texts(rte.train!.slice(2164, 2165)).filter(text => text.startsWith(' ')).length, 1)
    assert.equal(rte.train!.length - new Set(rte.train!.map(({ text, pair }) => `${text}\t${pair}`)).size, 2)
  })

  it('stsb: scores, two widths of rows in the test file', async () => {
    const stsb = await loadDataset('stsb', shared)
    assert.deepEqual(sizes(stsb), [5749, 1500, 1379])
    assert.deepEqual([mean(stsb.train!).toFixed(2), mean(stsb.validation!).toFixed(2)], ['2.70', '2.36'])
    assert.ok([...stsb.train!, ...stsb.test!].every(({ label }) => (label as number) >= 0 && (label as number) <= 5))
    assert.equal(texts(stsb.train!).filter(text => text.includes('\x12')).length, 1)
    assert.equal(stsb.info.labels, undefined)
    const widths = readFileSync(join(shared, 'stsb/sts-test.tsv'), 'utf8')
      .trimEnd()
      .split('\n')
      .map(line => line.split('\t').length)
    assert.deepEqual(
      [widths.filter(width => width === 7).length, widths.filter(width => width === 9).length],
      [1095, 284],
    )
  })

  it('qnli: a development part alone; the training part is asked for by its file', async () => {
    const qnli = await loadDataset('qnli', shared)
    assert.deepEqual(sizes(qnli), [undefined, 5463, undefined])
    assert.deepEqual(counts(qnli.validation), [2702, 2761])
    assert.equal(qnli.info.partial, true)
    assert.throws(() => requirePart(qnli, 'train'), { code: 'DATA_PART', message: /put train\.tsv there/ })
    assert.equal(
      texts(qnli.validation!)
        .join('')
        .replace(/[\x00-\x7f]/g, '').length,
      1187,
    )
  })

  it('qqp: a subset whose first line is malformed, left out or refused', async () => {
    const qqp = await loadDataset('qqp', shared)
    assert.deepEqual(sizes(qqp), [3999, undefined, undefined])
    assert.deepEqual(counts(qqp.train), [2530, 1469])
    assert.match(qqp.info.warnings[0]!, /train_subset\.tsv:1: expected 6 fields, got 5 .*\[skipped\]/)
    assert.equal(qqp.info.partial, true)
    await assert.rejects(loadDataset('qqp', shared, { malformed: 'error' }), {
      name: 'FormatError',
      message: /train_subset\.tsv:1: /,
    })
  })

  it('mnli: a sample of three classes', async () => {
    const mnli = await loadDataset('mnli', shared)
    assert.deepEqual(sizes(mnli), [1000, undefined, undefined])
    assert.deepEqual(counts(mnli.train), [328, 349, 323])
    assert.equal(mnli.info.partial, true)
    assert.match(mnli.info.warnings[0]!, /mnli_clare_1000\.tsv is a sample of MNLI with altered text/)
    assert.throws(() => requirePart(mnli, 'validationMismatched'), { message: /put dev_mismatched\.tsv there/ })
  })

  it('every label is one of the official ones', async () => {
    for (const name of ['cola', 'sst2', 'mrpc', 'rte', 'qnli', 'qqp', 'mnli'] as const) {
      const { train, validation, test, info } = await loadDataset(name, shared)
      for (const part of [train, validation, test]) encodeLabels(part ?? [], labelSet(info.labels!))
    }
  })

  it('packed files and GLUE names give the same', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'bidora-glue-'))
    try {
      mkdirSync(join(dir, 'RTE'))
      for (const name of ['train', 'dev']) {
        writeFileSync(join(dir, 'RTE', `${name}.tsv.gz`), gzipSync(readFileSync(join(shared, 'rte', `${name}.tsv`))))
      }
      const [plain, packed] = [await loadDataset('rte', shared), await loadDataset('rte', dir)]
      assert.deepEqual([packed.train, packed.validation], [plain.train, plain.validation])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  it('can be read as files of a user too', async () => {
    const sst2 = await loadFile(join(shared, 'sst2/dev.tsv'), { labels: ['negative', 'positive'] })
    assert.deepEqual(
      sst2.slice(0, 2).map(({ label }) => label),
      ['1', '0'],
    )
    const stsb = await loadFile(join(shared, 'stsb/dev.tsv'), { problemType: 'regression' })
    assert.deepEqual(stsb, (await loadDataset('stsb', shared)).validation)
    const qnli = await loadFile(join(shared, 'qnli/dev.tsv'))
    assert.deepEqual(qnli, (await loadDataset('qnli', shared)).validation)
  })

  it('e2e: csv with quoted line ends, doubled quotes and both kinds of line end; references by meaning', async () => {
    const { train, validation, test, info } = await loadDataset('e2e', shared, { malformed: 'error' })
    assert.deepEqual([info.partial, info.warnings], [false, []])
    assert.deepEqual([train?.length, validation?.length, test?.length], [42061, 547, 630])
    const meanings = new Set(train!.map(({ prompt }) => prompt))
    assert.equal(meanings.size, 4862)
    assert.ok([...validation!, ...test!].every(({ prompt }) => !meanings.has(prompt)))
    const texts = train!.map(row => ('completion' in row ? row.completion : ''))
    assert.deepEqual(
      [...texts.keys()].filter(row => texts[row]!.includes('\r\n')),
      [15764, 32409],
    )
    const references = (rows: typeof test) => rows!.map(row => ('completions' in row ? row.completions : []))
    const sizes = (lists: readonly (readonly string[])[]) => {
      const lengths = lists.map(list => list.length)
      return [lengths.reduce((total, length) => total + length, 0), Math.min(...lengths), Math.max(...lengths)]
    }
    assert.deepEqual(sizes(references(validation)), [4672, 2, 43])
    assert.deepEqual(sizes(references(test)), [4693, 1, 45])
    assert.deepEqual(sizes(groupReferences(train!).map(({ completions }) => completions)), [42061, 2, 46])
    // References of one meaning stand together in the file, so that its rows keep their order.
    assert.ok(references(validation).flat()[3753]!.includes('"'))
    assert.equal(references(validation).flat()[2672], 'The Eagle coffee shop, serving ')
    assert.ok(
      meanings.has(
        'name[The Vaults], eatType[pub], priceRange[more than £30], customer rating[5 out of 5], near[Café Adriatic]',
      ),
    )
    // 1193 rows of the training part, 151 and 116 of the others are there before.
    const repeated = (rows: readonly string[]) => rows.length - new Set(rows).size
    assert.deepEqual(
      [
        train!.map((row, i) => `${row.prompt}|${texts[i]}`),
        ...[validation, test].map(part =>
          part!.flatMap((row, i) => references(part)[i]!.map(text => `${row.prompt}|${text}`)),
        ),
      ].map(repeated),
      [1193, 151, 116],
    )
    const prompts = await all(readInputs(join(shared, 'e2e/testset.csv'), { task: 'text-generation' }))
    assert.deepEqual(
      prompts.map(({ prompt }) => prompt),
      test!.map(({ prompt }) => prompt),
    )
  })
})

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const row of rows) list.push(row)
  return list
}
