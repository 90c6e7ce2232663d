import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { datasetNames, loadDataset, requirePart, requireTask } from '../../../lib/data/index.ts'
import { temporaryFolder } from './temporary-folder.ts'

describe('data sets by name', () => {
  it('are those of this version', () => {
    const glue = ['cola', 'sst2', 'mrpc', 'stsb', 'rte', 'qnli', 'qqp', 'mnli']
    const reuters = ['reuters21578-modapte', 'reuters21578-modhayes', 'reuters21578-modlewis']
    assert.deepEqual(datasetNames, ['spamassassin', ...glue, 'conll2003', 'jnlpba', 'ncbi-disease', 'e2e', ...reuters])
  })

  it('that are unknown are refused with the nearest', async () => {
    await assert.rejects(loadDataset('sst-2', '.'), {
      code: 'DATA_NAME',
      message: /got 'sst-2' \(did you mean 'sst2'\?\)/,
    })
    await assert.rejects(loadDataset('toString', '.'), { code: 'DATA_NAME' })
    await assert.rejects(loadDataset('sst2', undefined as unknown as string), {
      name: 'ArgumentError',
      code: 'DATA_DIR',
    })
  })
})

it('a data set of one task is no data set of another', () => {
  const info = {
    name: 'tags',
    task: 'token-classification',
    problemType: undefined,
    labels: ['O'],
    pair: false,
  } as const
  const rest = { metrics: [], partial: false, warnings: [], notes: [], folder: '', missing: {} }
  const dataset = { train: undefined, validation: undefined, test: undefined, info: { ...info, ...rest } }
  assert.equal(requireTask(dataset, 'token-classification'), dataset)
  assert.throws(() => requireTask(dataset, 'text-classification'), {
    name: 'ConfigError',
    code: 'DATA_TASK',
    message: /^tags: expected a data set for text-classification, got one for token-classification; /,
  })
})

describe('glue', () => {
  const { path, write } = temporaryFolder()
  /** One folder of data sets for each test: files by name inside the folder of one data set. */
  let folders = 0
  const load = async (
    name: string,
    folder: string,
    files: Record<string, string | Uint8Array>,
    options?: Parameters<typeof loadDataset>[2],
  ) => {
    const dir = String(folders++)
    for (const [file, content] of Object.entries(files)) write(`${dir}/${folder}/${file}`, content)
    return requireTask(await loadDataset(name, path(dir), options), 'text-classification')
  }

  it("is found by GLUE's folder and file names and by those of the sources, gzipped or not", async () => {
    const rows = 'gj04\t1\t\tThe dog barks.\ngj04\t0\t*\tDog the barks.\n'
    const dev = 'clc95\t1\t \tMore.'
    for (const folder of ['cola', 'CoLA']) {
      const { train, validation, test, info } = await load('cola', folder, {
        'train.tsv': rows,
        'dev.tsv.gz': gzipSync(rows + dev),
      })
      assert.deepEqual(train, [
        { text: 'The dog barks.', label: 1 },
        { text: 'Dog the barks.', label: 0 },
      ])
      assert.equal(validation?.length, 3)
      assert.equal(test, undefined)
      assert.deepEqual(info.labels, ['unacceptable', 'acceptable'])
    }
    const { validation } = await load('cola', 'cola', {
      'in_domain_train.tsv': rows,
      'in_domain_dev.tsv': rows,
      'out_of_domain_dev.tsv': dev,
    })
    assert.deepEqual(
      validation?.map(example => example.text),
      ['The dog barks.', 'Dog the barks.', 'More.'],
    )
    assert.equal((await load('sst2', 'SST-2', { 'dev.tsv': 'sentence\tlabel\na \t1\n' })).validation?.[0]?.text, 'a ')
    assert.equal((await load('stsb', 'STS-B', { 'sts-test.tsv': 'g\tf\ty\t1\t2.5\ta\tb\n' })).test?.[0]?.label, 2.5)
  })

  it('keeps quotes, control characters and spaces, and takes a byte order mark off', async () => {
    const header = '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n'
    const { train, test, info } = await load('mrpc', 'mrpc', {
      'train.tsv': `${header}1\t1\t2\t"a\t b "\n0\t3\t4\tc\x12\td"\n`,
      'msr_paraphrase_test.txt': `${header}1\t1\t2\te\tf\n`,
    })
    assert.deepEqual(train, [
      { text: '"a', pair: ' b "', label: 1 },
      { text: 'c\x12', pair: 'd"', label: 0 },
    ])
    assert.deepEqual(test, [{ text: 'e', pair: 'f', label: 1 }])
    assert.ok(info.warnings.some(warning => warning.includes('no validation part')))
    // A test part that GLUE gives without labels is not missed.
    const other = await load('mrpc', 'mrpc', { 'train.tsv': `${header}1\t1\t2\ta\tb\n` })
    assert.equal(other.info.missing.test, 'msr_paraphrase_test.txt')
    assert.ok(!other.info.warnings.some(warning => warning.includes('no test part')))
  })

  it('reads rows of two widths in the STS test, and scores from 0 to 5 alone', async () => {
    const rows = 'g\tf\ty\t1\t2.500\ta\tb\ng\tf\ty\t2\t5\tc\td\tsource\tsource\n'
    assert.deepEqual((await load('stsb', 'stsb', { 'sts-test.tsv': rows })).test, [
      { text: 'a', pair: 'b', label: 2.5 },
      { text: 'c', pair: 'd', label: 5 },
    ])
    for (const [row, code] of [
      ['g\tf\ty\t1\t5.5\ta\tb', 'DATA_SCORE'],
      ['g\tf\ty\t1\tNaN\ta\tb', 'DATA_SCORE'],
      ['g\tf\ty\t1\t1\ta\tb\tc', 'DATA_RAGGED'],
    ] as const) {
      await assert.rejects(load('stsb', 'stsb', { 'sts-test.tsv': row }, { malformed: 'error' }), { code })
    }
  })

  it('reads the names of MNLI, matched and mismatched apart, and the indices of the sample', async () => {
    const header = 'index\tgenre\tsentence1\tsentence2\tlabel1\tgold_label\n'
    const { train, validation, validationMismatched, info } = await load('mnli', 'MNLI', {
      'train.tsv': `${header}0\tfiction\ta\tb\tneutral\tneutral\n`,
      'dev_matched.tsv': `${header}0\tfiction\tc\td\tneutral\tentailment\n`,
      'dev_mismatched.tsv': `${header}0\tletters\te\tf\tneutral\tcontradiction\n`,
    })
    assert.deepEqual(
      [train, validation, validationMismatched].map(part => part?.[0]?.label),
      ['neutral', 'entailment', 'contradiction'],
    )
    assert.deepEqual(info.labels, ['contradiction', 'entailment', 'neutral'])
    const sample = await load('mnli', 'mnli', { 'mnli_clare_1000.tsv': 'label\ttext1\ttext2\n2\ta\tb\n' })
    assert.deepEqual(sample.train, [{ text: 'a', pair: 'b', label: 2 }])
    assert.equal(sample.validationMismatched, undefined)
    assert.deepEqual(sample.info.warnings, [
      'mnli: mnli_clare_1000.tsv is a sample of MNLI with altered text, not for a figure to report',
      'mnli: mnli_clare_1000.tsv holds 1 of the official 392702 rows',
      `mnli: no validation part in ${sample.info.folder} (dev_matched.tsv)`,
      `mnli: no validationMismatched part in ${sample.info.folder} (dev_mismatched.tsv)`,
    ])
    assert.throws(() => requirePart(sample, 'validationMismatched'), {
      code: 'DATA_PART',
      message: /^mnli: expected a validationMismatched part, got none in .*mnli; put dev_mismatched\.tsv there$/,
    })
  })

  it("reads QNLI and QQP by GLUE's own names", async () => {
    const qnli = await load('qnli', 'QNLI', {
      'train.tsv': 'index\tquestion\tsentence\tlabel\n0\tWho?\t"He" did.\tentailment\n',
      'dev.tsv': 'index\tquestion\tsentence\tlabel\n0\tWhy?\tNo.\tnot_entailment\n',
    })
    assert.deepEqual(qnli.train, [{ text: 'Who?', pair: '"He" did.', label: 'entailment' }])
    assert.deepEqual(qnli.validation, [{ text: 'Why?', pair: 'No.', label: 'not_entailment' }])
    const header = 'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n'
    const qqp = await load('qqp', 'QQP', {
      'train.tsv': `${header}1\t2\t3\ta?\tb?\t1\n`,
      'dev.tsv': `${header}4\t5\t6\tc?\td?\t0\n`,
    })
    assert.deepEqual(qqp.train, [{ text: 'a?', pair: 'b?', label: 1 }])
    assert.deepEqual(qqp.validation, [{ text: 'c?', pair: 'd?', label: 0 }])
    assert.equal(requirePart(qqp, 'validation').length, 1)
  })

  it('says what it is', async () => {
    const { info } = await load('rte', 'RTE', {
      'dev.tsv': 'index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n',
    })
    assert.equal(info.task, 'text-classification')
    assert.equal(info.problemType, 'single-label')
    assert.equal(info.pair, true)
    assert.deepEqual(info.metrics, ['accuracy'])
    assert.equal(info.partial, true)
    assert.deepEqual(info.warnings, [
      'rte: dev.tsv holds 1 of the official 277 rows',
      `rte: no train part in ${info.folder} (train.tsv)`,
    ])
  })

  it('asked for a part that is not there names the file', async () => {
    const dataset = await load('cola', 'cola', { 'train.tsv': 'gj04\t1\t\ta\n', 'in_domain_dev.tsv': 'gj04\t1\t\ta\n' })
    assert.equal(requirePart(dataset, 'train').length, 1)
    assert.throws(() => requirePart(dataset, 'validation'), {
      name: 'DataError',
      code: 'DATA_PART',
      message:
        /^cola: expected a validation part, got none in .*cola; put in_domain_dev\.tsv and out_of_domain_dev\.tsv \(or dev\.tsv\) there$/,
    })
    assert.throws(() => requirePart(dataset, 'test'), { message: /got a data set that has none; use another part/ })
  })

  it('leaves out a malformed row with a warning, or refuses it, with its line', async () => {
    const rows = '1\t2\t3\ta\tb? 0\n4\t5\t6\tc\td\t1\n'
    const { train, info } = await load('qqp', 'qqp', { 'train_subset.tsv': rows })
    assert.deepEqual(train, [{ text: 'c', pair: 'd', label: 1 }])
    assert.match(info.warnings[0]!, /train_subset\.tsv:1: expected 6 fields, got 5 .* \[skipped\]$/)
    await assert.rejects(load('qqp', 'qqp', { 'train_subset.tsv': rows }, { malformed: 'error' }), {
      name: 'FormatError',
      code: 'DATA_RAGGED',
      message: /train_subset\.tsv:1: expected 6 fields, got 5 /,
    })
  })

  it('refuses files with many malformed rows: they are something else', async () => {
    const bad = 'sentence\tlabel\n' + 'a\t7\n'.repeat(100)
    await assert.rejects(load('sst2', 'sst2', { 'dev.tsv': bad }), {
      name: 'DataError',
      code: 'DATA_UNKNOWN_LABEL',
      message: /dev\.tsv:2: expected a label negative, positive or its index, got "7"/,
    })
    const empty = 'sentence\tlabel\n \t1\n'
    await assert.rejects(load('sst2', 'sst2', { 'dev.tsv': empty }, { malformed: 'error' }), {
      code: 'DATA_EMPTY_TEXT',
      message: /dev\.tsv:2: /,
    })
  })

  it('refuses a header of another file, a folder without its files, and no folder', async () => {
    await assert.rejects(load('sst2', 'sst2', { 'dev.tsv': 'index\tsentence\n0\ta\n' }), {
      code: 'DATA_COLUMNS',
      message: /dev\.tsv:1: expected a header with sentence, label, got "index, sentence"/,
    })
    await assert.rejects(load('sst2', 'sst2', { 'readme.txt': 'x' }), {
      code: 'DATA_FOLDER',
      message: /expected files of sst2 \(train\.tsv\), got readme\.txt/,
    })
    await assert.rejects(load('sst2', 'other', { 'dev.tsv': 'x' }), {
      code: 'DATA_FOLDER',
      message: /expected a folder sst2 in it, got none; put/,
    })
    write('inside/rte/dev.tsv', 'x')
    await assert.rejects(loadDataset('rte', path('inside/rte')), {
      code: 'DATA_FOLDER',
      message: /give the folder above it/,
    })
    await assert.rejects(loadDataset('rte', path('nowhere')), {
      name: 'FormatError',
      message: /a folder of data sets, got no such file/,
    })
  })
})
