import assert from 'node:assert/strict'
import { renderFigures, renderSplit, renderTargets, replaceBetween } from '../../bench/markdown.ts'
import type { Entry } from '../../bench/results.ts'

const machine = { cpu: 'a CPU', cores: 2, arch: 'x64', node: 'v20', libtorch: '2.15.0', threads: 1, commit: 'abc' }
const run = '2026-11-24T08:00:00.000Z'

function entry(fields: Partial<Entry>): Entry {
  const ours = { minimum: 100, median: 110 }
  return { date: '2026-11-24', run, rounds: 8, machine, case: 'targets', shape: 'short texts', ours, ...fields }
}

describe('the tables of the bench', () => {
  it('put targets beside ratios, a column for each shape', () => {
    const rows = [
      entry({ name: 'our LoRA step', ratio: 0.456, ratioOfMinima: 0.3, ratioOfCpu: 0.4 }),
      entry({ name: 'PEFT LoRA step', ours: { minimum: 200, median: 241.3 } }),
      entry({ name: 'our LoRA step', shape: 'long texts', ratio: 0.9 }),
      entry({ name: 'agreement with ours', unit: 'relative' }),
      entry({ case: 'memory', name: 'our faithful round', ratio: 0.7, unit: 'MB' }),
    ]
    const lines = renderTargets(rows).split('\n')
    assert.equal(lines[0], '|  | target: short / full | short texts | long texts |')
    assert.equal(lines[2], '| PEFT LoRA step |  | 1.00: 241 ms |  |')
    assert.equal(lines[3], '| our LoRA step | 0.5 / 0.85 | 0.46 (0.40) | 0.90 |')
    assert.equal(lines[4], '| peak memory above the model: our faithful round | 1.1 | 0.70 |  |')
    assert.match(lines[6]!, /8 turns.*a CPU, 2 cores, 1 used; node v20, libtorch 2\.15\.0, commit abc/)
  })

  it('put the parts of a step in per cent of it', () => {
    const split = (fields: Partial<Entry>) => entry({ case: 'time-split', ...fields })
    const rows = [
      split({ name: 'whole' }),
      split({ name: 'forward', ratio: 0.25 }),
      split({ name: 'host: calls', ratio: 0.01 }),
    ]
    const lines = renderSplit(rows).split('\n').slice(2)
    assert.deepEqual(lines, ['| whole | 110 ms |', '| forward | 25.0 % |', '| host: calls | 1.0 % |'])
  })

  it('say single figures in a line each', () => {
    const lines = renderFigures([
      entry({ case: 'op-call', shape: 'add: above C++', ours: { minimum: 1.04, median: 1.5 }, unit: 'µs' }),
      entry({ case: 'op-call', shape: 'shape' }),
      entry({ case: 'time-split', name: 'host at most: x', ratio: 0.02 }),
    ]).split('\n')
    assert.equal(lines.length, 2)
    assert.match(lines[0]!, /1\.0 µs at best, 1\.5 µs in the median/)
    assert.match(lines[1]!, /at most 2\.0 %/)
  })

  it('go between their marks, and nowhere without them', () => {
    const marks = ['<!-- a -->', '<!-- b -->'] as const
    assert.equal(replaceBetween('x <!-- a -->old<!-- b --> y', marks, 'new'), 'x <!-- a -->\nnew\n<!-- b --> y')
    assert.throws(() => replaceBetween('x <!-- b --> <!-- a -->', marks, 'new'), /expected <!-- a --> and <!-- b -->/)
  })
})
