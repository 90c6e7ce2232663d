import assert from 'node:assert/strict'
import { wilcoxon } from '../../../lib/statistics/index.ts'
import { stages } from '../../bench/where-it-pays/plan.ts'
import { judge, renderScores, renderVerdicts } from '../../bench/where-it-pays/report.ts'
import { keyOf, readStudy, type StudyLine } from '../../bench/where-it-pays/results.ts'

/** Scores of contenders by data set, a seed each. */
function linesOf(scores: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>): StudyLine[] {
  return Object.entries(scores).flatMap(([dataset, contenders]) =>
    Object.entries(contenders).flatMap(([contender, values]) =>
      values.map((score, seed) => ({
        stage: 'confirm',
        dataset,
        rows: 300,
        contender,
        settings: {},
        seed,
        metric: 'accuracy',
        score,
        seconds: 1,
      })),
    ),
  )
}

describe('bench/where-it-pays', () => {
  const lines = linesOf({
    sst2: { lora: [80, 81, 82], dora: [80, 80, 80], bidora: [81, 83, 85] },
    stsb: { lora: [70, 70, 70], dora: [71, 71, 71], bidora: [70.5, 70, 70] },
  })

  it('pairs by data set, rows and seed, and corrects over what is judged together', () => {
    const [lora, dora] = judge(lines, [
      ['bidora', 'lora'],
      ['bidora', 'dora'],
    ])
    assert.deepEqual(lora!.byDataset, { sst2: 2, stsb: 0.5 / 3 })
    assert.equal(lora!.pairs, 6)
    assert.ok(Math.abs(lora!.mean - 6.5 / 6) < 1e-12)
    assert.ok(lora!.low < lora!.mean && lora!.mean < lora!.high)
    assert.equal(lora!.pValue, wilcoxon([1, 2, 3, 0.5, 0, 0]).pValue)
    assert.equal(dora!.pValue, wilcoxon([1, 3, 5, -0.5, -1, -1]).pValue)
    const [less, more] = [lora!.pValue, dora!.pValue].toSorted((x, y) => x - y) as [number, number]
    assert.equal(Math.min(lora!.corrected, dora!.corrected), Math.min(1, 2 * less))
    assert.equal(Math.max(lora!.corrected, dora!.corrected), Math.min(1, Math.max(2 * less, more)))
  })

  it('leaves out what has no pair', () => {
    const missing = lines.filter(({ contender, seed }) => contender !== 'lora' || seed > 0)
    assert.equal(judge(missing, [['bidora', 'lora']])[0]!.pairs, 4)
    assert.deepEqual(judge(lines, [['bidora', 'vera']]), [])
  })

  it('shows scores with the best of each cell, and verdicts', () => {
    const table = renderScores(lines)
    assert.match(table, /\| bidora \| \*\*83\.0 ± 2\.0\*\* \| 70\.2 ± 0\.3 \| 76\.58 \|/)
    assert.match(table, /\| dora \| 80\.0 ± 0\.0 \| \*\*71\.0 ± 0\.0\*\* \| 75\.50 \|/)
    assert.match(
      renderVerdicts(judge(lines, [['bidora', 'lora']])),
      /\| bidora against lora \| 6 \| \+1\.08 \[.*\] \| .* \| \+2\.00 \| \+0\.17 \|/,
    )
  })

  it('knows a run by its settings, in whatever order, and every line of the results is of a stage', () => {
    const [line] = lines
    const key = keyOf({ ...line!, settings: { rank: 2, learningRate: 1 } })
    assert.equal(key, keyOf({ ...line!, settings: { learningRate: 1, rank: 2 } }))
    assert.notEqual(key, keyOf({ ...line!, settings: { learningRate: 2, rank: 2 } }))
    const wanted = new Set(
      stages.flatMap(stage =>
        stage.seeds.flatMap(seed =>
          stage.cells.flatMap(cell =>
            Object.entries(stage.contenders(cell)).map(([contender, settings]) =>
              keyOf({ stage: stage.name, ...cell, contender, settings, seed }),
            ),
          ),
        ),
      ),
    )
    const study = readStudy()
    assert.ok(study.length > 0, 'there are results')
    for (const one of study) assert.ok(wanted.has(keyOf(one)), `${one.stage} ${one.dataset} ${one.contender}`)
  })
})
