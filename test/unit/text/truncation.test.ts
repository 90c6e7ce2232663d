import assert from 'node:assert/strict'
import { ArgumentError } from '../../../lib/errors.ts'
import { keptLengths } from '../../../lib/text/truncation.ts'

describe('keptLengths', () => {
  it('cuts the longer text first, one token at a time', () => {
    // The definition that the closed form stands for; of two equal texts the first one loses an odd token.
    const slow = (first: number, second: number, room: number): number[] => {
      const kept = [first, second]
      while (kept[0]! + kept[1]! > room) kept[kept[0]! > kept[1]! ? 0 : 1]! -= 1
      return kept.sort((a, b) => a - b)
    }
    for (let first = 0; first < 12; first += 1) {
      for (let second = 0; second < 12; second += 1) {
        for (let room = 0; room < 26; room += 1) {
          const kept = keptLengths(first, second, room, 'longest_first', 'test')
          assert.deepEqual(
            [...kept].sort((a, b) => a - b),
            slow(first, second, room),
            `${first} ${second} ${room}`,
          )
          assert.ok(kept[0] <= first && kept[1] <= second)
        }
      }
    }
  })

  it('cuts one text alone', () => {
    assert.deepEqual(keptLengths(10, 5, 12, 'only_first', 'test'), [7, 5])
    assert.deepEqual(keptLengths(10, 5, 12, 'only_second', 'test'), [10, 2])
    assert.deepEqual(keptLengths(10, null, 4, 'longest_first', 'test'), [4, 0])
    assert.deepEqual(keptLengths(10, null, 4, 'only_first', 'test'), [4, 0])
    assert.deepEqual(keptLengths(10, null, 4, false, 'test'), [10, 0])
    assert.deepEqual(keptLengths(2, 2, 4, 'only_second', 'test'), [2, 2])
  })

  it('refuses what one text alone cannot give', () => {
    assert.throws(() => keptLengths(10, 5, 10, 'only_second', 'test'), ArgumentError)
    assert.throws(() => keptLengths(3, 9, 6, 'only_first', 'test'), ArgumentError)
    assert.throws(() => keptLengths(10, null, 4, 'only_second', 'test'), ArgumentError)
  })
})
