import assert from 'node:assert/strict'
import { hint, nearest } from '../../../lib/data/nearest.ts'

describe('nearest name', () => {
  it('is found across typing errors, case, dashes and underscores', () => {
    const known = ['learningRate', 'batchSize', 'seed', 'sst2']
    assert.equal(nearest('learning-rate', known), 'learningRate')
    assert.equal(nearest('lerning_rat', known), 'learningRate')
    assert.equal(nearest('SST-2', known), 'sst2')
    assert.equal(nearest('sede', known), 'seed')
  })

  it('is none where nothing is near', () => {
    assert.equal(nearest('warmup', ['seed', 'sst2']), undefined)
    assert.equal(nearest('x', ['a']), undefined)
    assert.equal(nearest('', ['a']), undefined)
    assert.equal(hint('warmup', ['seed']), '')
    assert.equal(hint('sed', ['seed']), " (did you mean 'seed'?)")
  })
})
