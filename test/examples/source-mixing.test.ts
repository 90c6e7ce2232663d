import assert from 'node:assert/strict'
import { means } from './script.ts'
import { compare, generatedTask } from './source-mixing.ts'

describe('example: mixing of training sets (blobs)', () => {
  it('finds which source helps, in order, and does better than an even mix and than the target rows alone', () => {
    const runs = [0, 1, 2].map(seed => compare(generatedTask(seed), { seed }))
    for (const { shareOfSame, shareOfOther, shareOfMisleading } of runs) {
      assert.ok(shareOfSame > 0.5, `share of the task itself ${shareOfSame}`)
      assert.ok(shareOfOther > shareOfMisleading, `turned task ${shareOfOther}, random labels ${shareOfMisleading}`)
    }
    const { learned, uniform, targetAlone } = means(runs)
    assert.ok(learned > uniform + 2 && learned > targetAlone + 2, `${learned}, ${uniform}, ${targetAlone}`)
  })
})
