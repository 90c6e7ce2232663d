import assert from 'node:assert/strict'
import { fitKinds, fitLine } from '../../../lib/analyze/fit.ts'
import { blockOf, layerKinds } from '../../../lib/analyze/layer-name.ts'
import { changeOf } from './changes.ts'

describe('lines of an analysis', () => {
  it('go through points on a line', () => {
    const { slope, intercept, correlation } = fitLine([1, 2, 4], [5, 3, -1])
    assert.ok(Math.abs(slope! + 2) < 1e-14 && Math.abs(intercept! - 7) < 1e-14)
    assert.equal(correlation, -1)
  })

  it('are null where there is none', () => {
    const none = { slope: null, intercept: null, correlation: null }
    assert.deepEqual(fitLine([3], [1]), none)
    assert.deepEqual(fitLine([0.1, 0.1, 0.1], [1, 2, 3]), none)
    assert.deepEqual(fitLine([1, 2], [0.1, 0.1]), { slope: 0, intercept: 0.1, correlation: null })
  })

  it('are one for each kind that changed', () => {
    const changes = [
      changeOf('encoder.layer.0.query', 'query', 0.1, 0.3),
      changeOf('encoder.layer.0.key', 'key', 0, 0),
      changeOf('encoder.layer.1.query', 'query', 0.3, 0.1),
    ]
    const { fits, unchanged } = fitKinds(changes)
    assert.deepEqual(unchanged, ['key'])
    assert.deepEqual(
      fits.map(({ kind, points, correlation }) => [kind, points, correlation]),
      [['query', 2, -1]],
    )
    assert.ok(Math.abs(fits[0]!.meanMagnitudeChange - 0.2) < 1e-15)
  })
})

describe('kinds of layers', () => {
  const bert = ['attention.self.query', 'attention.output.dense', 'intermediate.dense', 'output.dense']
  const layers = [
    ...[0, 1, 10].flatMap(block => bert.map(name => `encoder.layer.${block}.${name}`)),
    'pooler.dense',
    'decoder.blocks.3.experts.7.up',
  ]

  it('are the last part of a name where that says enough', () => {
    const kinds = layerKinds(layers)
    assert.deepEqual(
      [...new Set(kinds.values())],
      ['query', 'attention.output.dense', 'intermediate.dense', 'output.dense', 'pooler.dense', 'up'],
    )
    assert.equal(kinds.get('encoder.layer.10.output.dense'), 'output.dense')
    assert.equal(layerKinds(['encoder.layer.0.output.dense']).get('encoder.layer.0.output.dense'), 'dense')
  })

  it('stand in blocks', () => {
    assert.deepEqual(['encoder.layer.10.output.dense', 'pooler.dense', 'decoder.blocks.3.experts.7.up'].map(blockOf), [
      10,
      null,
      7,
    ])
  })
})
