import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareEntries, renderChanges } from '../../bench/compare.ts'
import { type Entry, lastOfEach, newestRun, parseEntries } from '../../bench/results.ts'
import { root } from '../../parity/golden.ts'

const machine = { cpu: 'a CPU', cores: 2, arch: 'x64', node: 'v20', libtorch: '2.15.0', threads: 1 }

function entry(fields: Partial<Entry>): Entry {
  const ours = { minimum: 100, median: 102 }
  return { date: '2026-11-24', rounds: 8, machine, case: 'targets', shape: 'a shape', ours, ...fields }
}

const against = (minimum: number, median: number) => ({ peer: { name: 'PEFT', minimum, median }, ratio: 1 })

describe('comparing two results', () => {
  it('takes the ratio to the peer where both have one: a machine half as fast is no change', () => {
    const old = entry({ ours: { minimum: 100, median: 102 }, ...against(200, 204) })
    const now = entry({ ours: { minimum: 200, median: 204 }, ...against(400, 408) })
    const [change] = compareEntries([old], [now])
    assert.equal(change!.of, 'ratio')
    assert.equal(change!.change, 1)
    assert.equal(change!.isNews, false)
  })

  it('takes the minima where there is no ratio', () => {
    const [change] = compareEntries([entry({})], [entry({ ours: { minimum: 150, median: 150 } })])
    assert.equal(change!.of, 'minimum')
    assert.equal(change!.change, 1.5)
    assert.equal(change!.isNews, true)
  })

  it('marks a change above the spread of either result, and no other', () => {
    const noisy = entry({ ours: { minimum: 100, median: 125 } }) // a spread of 0.25
    const by = (minimum: number, old = noisy) =>
      compareEntries([old], [entry({ ours: { minimum, median: minimum } })])[0]!.isNews
    assert.deepEqual([by(124), by(126), by(81), by(79)], [false, true, false, true])
    const still = entry({ ours: { minimum: 100, median: 100 } }) // 3 % is no news on the quietest machine
    assert.deepEqual([by(102, still), by(104, still)], [false, true])
  })

  it('knows a row by case, shape, name, peer and unit, and takes the last of each', () => {
    const old = [entry({ name: 'a' }), entry({ name: 'b' }), entry({ name: 'b', unit: 'MB' })]
    const now = [
      entry({ name: 'b', ours: { minimum: 1, median: 1 } }),
      entry({ name: 'b', ours: { minimum: 50, median: 50 } }),
      entry({ name: 'c' }),
    ]
    const changes = compareEntries(old, now)
    assert.deepEqual(
      changes.map(({ key, change }) => [key, change]),
      [['targets · a shape · b', 0.5]],
    )
    assert.equal(lastOfEach(old).size, 3)
  })

  it('prints old, new and change of every row, and says which way it went', () => {
    const [less, more] = [
      { minimum: 50, median: 50 },
      { minimum: 300, median: 300 },
    ]
    const old = [entry({ name: 'a' }), entry({ name: 'b' }), entry({ name: 'c' })]
    const now = [entry({ name: 'a', ours: less }), entry({ name: 'b', ours: more }), entry({ name: 'c' })]
    const lines = renderChanges(compareEntries(old, now)).split('\n').slice(2)
    assert.match(lines[0]!, /100 ms \| 50 ms \| 0\.500 of the minimum .* \*\*less\*\*/)
    assert.match(lines[1]!, /100 ms \| 300 ms \| 3\.000 of the minimum .* \*\*more\*\*/)
    assert.doesNotMatch(lines[2]!, /\*\*/)
  })

  it('runs as a command on two files, and refuses what names nothing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bidora-compare-'))
    try {
      const [old, now] = [join(folder, 'old.jsonl'), join(folder, 'new.jsonl')]
      writeFileSync(old, `${JSON.stringify(entry({}))}\n`)
      writeFileSync(now, `${JSON.stringify(entry({ ours: { minimum: 10, median: 10 } }))}\n`)
      const program = join(root, 'dist/test/bench/compare.js')
      const run = (...args: string[]) => spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })
      const { status, stdout } = run(old, now)
      assert.equal(status, 0)
      assert.match(stdout, /1 of 1 rows changed/)
      const wrong = run(old, 'no-such-commit')
      assert.notEqual(wrong.status, 0)
      assert.match(wrong.stderr, /expected a file, or the beginning of a commit.*got no-such-commit/)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('the newest run of a case', () => {
  it('is the last whole one, and a quick one only where there is no other', () => {
    const [early, late] = ['2026-11-24T08:00:00.000Z', '2026-11-24T09:00:00.000Z']
    const rows = [
      entry({ run: early, name: 'a' }),
      entry({ run: late, name: 'a', quick: true }),
      entry({ name: 'a line without a run' }),
      entry({ run: early, name: 'b' }),
      entry({ case: 'memory', run: late, quick: true, name: 'c' }),
    ]
    const read = parseEntries(rows.map(row => JSON.stringify(row)).join('\n'))
    assert.deepEqual(
      newestRun(read, 'targets').map(({ name }) => name),
      ['a', 'b'],
    )
    assert.deepEqual(
      newestRun(read, 'memory').map(({ name }) => name),
      ['c'],
    )
  })
})
