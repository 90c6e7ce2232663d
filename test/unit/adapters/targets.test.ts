import assert from 'node:assert/strict'
import { findHead, findTargets, type TargetModules } from '../../../lib/adapters/index.ts'
import { ArgumentError } from '../../../lib/errors.ts'
import type { SequenceClassifier } from '../../../lib/models/index.ts'
import { tinyModel } from './tiny-model.ts'

describe('targets', () => {
  let bert: SequenceClassifier
  let roberta: SequenceClassifier
  before(() => {
    bert = tinyModel('bert')
    roberta = tinyModel('roberta')
  })
  after(() => {
    bert.dispose()
    roberta.dispose()
  })
  const targets = (model: SequenceClassifier, names: TargetModules) =>
    findTargets(model, names, findHead(model)).map(([path]) => path)
  const attention = (layer: number, kind: string) => `bert.encoder.layer.${layer}.attention.self.${kind}`

  it('are named by the ends of paths, at a dot', () => {
    assert.deepEqual(
      targets(bert, ['query', 'value']),
      [0, 1].flatMap(layer => [attention(layer, 'query'), attention(layer, 'value')]),
    )
    assert.deepEqual(targets(bert, ['1.attention.self.key']), [attention(1, 'key')])
    assert.throws(() => targets(bert, ['uery']), ArgumentError)
  })

  it('are named by one regular expression for the whole path', () => {
    assert.deepEqual(targets(bert, String.raw`.*layer\.1\.attention\.self\.(query|key)`), [
      attention(1, 'query'),
      attention(1, 'key'),
    ])
    assert.throws(() => targets(bert, 'query'), /'query', which matches none/)
    assert.throws(() => targets(bert, '(query'), /regular expression, got '\(query'/)
  })

  it('are all linear layers but the head', () => {
    const all = targets(bert, 'all-linear')
    assert.deepEqual(targets(bert, ['all-linear']), all)
    assert.equal(all.length, 2 * 6 + 1)
    assert.ok(all.includes('bert.pooler.dense') && !all.some(path => path.startsWith('classifier')))
    assert.equal(targets(roberta, 'all-linear').length, 2 * 6)
  })

  it('are never in the head, though a name fits there too', () => {
    assert.ok(targets(roberta, ['dense']).every(path => path.startsWith('roberta.encoder')))
    assert.throws(
      () => targets(roberta, ['query', 'out_proj']),
      /got 'out_proj', which is classifier\.out_proj; the head is trained in full/,
    )
    assert.throws(() => targets(bert, ['classifier']), /the head is trained in full/)
  })

  it('that match nothing are an error with the nearest names', () => {
    assert.throws(
      () => targets(bert, ['query', 'vaule']),
      (error: ArgumentError) =>
        error.code === 'ADAPTER_TARGET' && /got 'vaule', which matches none; the nearest are value/.test(error.message),
    )
    assert.throws(() => targets(bert, []), /at least one name/)
    assert.throws(() => targets(bert, ['LayerNorm']), /got 'LayerNorm'/) // there, but no linear layer
  })

  it('the head is the classifier, or what is named', () => {
    assert.deepEqual(findHead(bert), ['classifier'])
    assert.deepEqual(findHead(roberta), ['classifier'])
    assert.deepEqual(findHead(bert, ['classifier', 'pooler']), ['bert.pooler', 'classifier'])
    assert.deepEqual(findHead(roberta, ['classifier', 'out_proj']), ['classifier'])
    assert.deepEqual(findHead(bert, []), [])
    assert.throws(
      () => findHead(bert, ['clasifier']),
      /head: expected the name of a module, got 'clasifier', which matches none; the nearest are classifier/,
    )
  })
})
