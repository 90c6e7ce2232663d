import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { groupReferences, loadDataset, loadFile, type LoadFileOptions, readInputs } from '../../../lib/data/index.ts'
import { all, temporaryFolder } from './temporary-folder.ts'

const task = 'text-generation'

describe('prompts and completions', () => {
  const { write, path } = temporaryFolder()

  it('are grouped by prompt, in the order of the first, all references kept', () => {
    assert.deepEqual(
      groupReferences([
        { prompt: 'a', completion: 'x' },
        { prompt: 'b', completion: 'y' },
        { prompt: 'a', completions: ['z', 'x'] },
        { prompt: 'b', completion: 'y' },
      ]),
      [
        { prompt: 'a', completions: ['x', 'z', 'x'] },
        { prompt: 'b', completions: ['y', 'y'] },
      ],
    )
    const completions = ['x'] // the caller's list stays as it is
    groupReferences([
      { prompt: 'a', completions },
      { prompt: 'a', completion: 'y' },
    ])
    assert.deepEqual(completions, ['x'])
  })

  describe('of the E2E challenge', () => {
    const train =
      'mr,ref\r\n"name[A], near[Café]",Plain text.\r\nname[B],"One, with\r\na line end and ""quotes""."\r\n"name[A], near[Café]",Again. \r\n'
    const test = '"mr","ref"\n"name[C]","First."\n"name[D]","Other £30."\n"name[C]","Second."\n'

    it('are rows in training, references by meaning elsewhere, gzipped or not', async () => {
      write('a/E2E/trainset.csv.gz', gzipSync(train))
      write('a/E2E/devset.csv', train)
      write('a/E2E/testset_w_refs.csv', test)
      write('a/E2E/testset.csv', 'MR\nname[C]\n')
      const e2e = await loadDataset('e2e', path('a'))
      assert.deepEqual(e2e.train, [
        { prompt: 'name[A], near[Café]', completion: 'Plain text.' },
        { prompt: 'name[B]', completion: 'One, with\r\na line end and "quotes".' },
        { prompt: 'name[A], near[Café]', completion: 'Again. ' },
      ])
      assert.deepEqual(e2e.validation, [
        { prompt: 'name[A], near[Café]', completions: ['Plain text.', 'Again. '] },
        { prompt: 'name[B]', completions: ['One, with\r\na line end and "quotes".'] },
      ])
      assert.deepEqual(e2e.test, [
        { prompt: 'name[C]', completions: ['First.', 'Second.'] },
        { prompt: 'name[D]', completions: ['Other £30.'] },
      ])
      assert.equal(e2e.info.task, 'text-generation')
      assert.equal(e2e.info.partial, true)
      assert.equal(e2e.info.warnings[0], 'e2e: trainset.csv holds 3 of the official 42061 rows')
    })

    it('need the file that has the references of the test', async () => {
      write('b/e2e/testset.csv', 'MR\nname[C]\n')
      await assert.rejects(loadDataset('e2e', path('b')), {
        code: 'DATA_FOLDER',
        message: /expected files of e2e \(trainset\.csv\), got testset\.csv/,
      })
      write('b/e2e/devset.csv', 'mr,ref\nname[C]\nname[C],x\n')
      const { validation, info } = await loadDataset('e2e', path('b'))
      assert.deepEqual(validation, [{ prompt: 'name[C]', completions: ['x'] }])
      assert.match(info.warnings[0]!, /devset\.csv:2: expected 2 fields \(mr, ref\), got 1 .*\[skipped\]$/)
      assert.match(info.warnings.at(-1)!, /e2e: no test part in .* \(testset_w_refs\.csv\)$/)
      await assert.rejects(loadDataset('e2e', path('b'), { malformed: 'error' }), { code: 'DATA_RAGGED' })
    })

    it('are whole with a few bad rows, which count among those of a part', async () => {
      write('c/e2e/devset.csv', `mr,ref\n${'name[C],x\n'.repeat(4662)}${'name[C]\n'.repeat(10)}`)
      const { validation, info } = await loadDataset('e2e', path('c'))
      assert.equal((validation![0] as { completions: readonly string[] }).completions.length, 4662)
      assert.ok(!info.warnings.some(warning => warning.includes('holds')), info.warnings.join('\n'))
      write('c/e2e/devset.csv', `mr,ref\nname[C],x\n${'name[C]\n'.repeat(11)}`)
      await assert.rejects(loadDataset('e2e', path('c')), { code: 'DATA_RAGGED' })
    })
  })

  describe('in a file of the user', () => {
    const load = (name: string, content: string, options?: LoadFileOptions<'text-generation'>) =>
      loadFile(write(name, content), { task, ...options })

    it('are one completion or a list of them, by the usual names or named', async () => {
      assert.deepEqual(
        await load('g.jsonl', '{"prompt":"a","completion":"x"}\n{"completions":["y","z "],"prompt":"b"}\n'),
        [
          { prompt: 'a', completion: 'x' },
          { prompt: 'b', completions: ['y', 'z '] },
        ],
      )
      assert.deepEqual(await load('g.csv', 'input,output\na,"x, y"\n'), [{ prompt: 'a', completion: 'x, y' }])
      assert.deepEqual(
        await load('g.tsv', 'question\tanswer\na\t"x"\n', { textColumn: 'question', labelColumn: 'answer' }),
        [{ prompt: 'a', completion: '"x"' }],
      )
      assert.deepEqual(await all(readInputs(write('p.csv', 'MR\na\nb\n'), { task })), [
        { prompt: 'a' },
        { prompt: 'b' },
      ])
    })

    it('are refused with their line where they are none', async () => {
      for (const [row, code, message] of [
        ['{"prompt":"a","completion":" "}', 'DATA_EMPTY_TEXT', /g\.jsonl:1: expected 'completion' to hold text/],
        ['{"prompt":"","completion":"x"}', 'DATA_EMPTY_TEXT', /'prompt' to hold text/],
        ['{"prompt":"a","completions":[]}', 'DATA_TEXT', /'completions' to hold texts, got an empty list/],
        ['{"prompt":"a","completions":["x",1]}', 'DATA_TEXT', /'completions\[1\]' to be a string, got a number/],
        ['{"prompt":"a","text":"x"}', 'DATA_COLUMNS', /expected a column completion, completions/],
      ] as const) {
        await assert.rejects(load('g.jsonl', `${row}\n`), (error: Error & { code: string }) => {
          assert.equal(error.code, code, error.message)
          assert.match(error.message, message)
          return true
        })
      }
    })
  })
})
