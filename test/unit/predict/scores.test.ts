import assert from 'node:assert/strict'
import { BidoraError } from '../../../lib/errors.ts'
import { argmax, logSumExp, sigmoid, softmax, softplus, toPrediction } from '../../../lib/predict/index.ts'

const row = (...values: number[]) => Float64Array.from(values)
const near = (got: number, wanted: number) =>
  assert.ok(Math.abs(got - wanted) <= 1e-15 * Math.max(1, Math.abs(wanted)), `${got} is not ${wanted}`)

describe('scores', () => {
  it('softmax: closed form, sum 1, safe for large logits', () => {
    const [a, b] = softmax(row(Math.log(3), 0))
    near(a!, 0.75)
    near(b!, 0.25)
    assert.deepEqual([...softmax(row(1000, 1000))], [0.5, 0.5])
    assert.deepEqual([...softmax(row(0, -2000))], [1, 0])
  })

  it('sigmoid and softplus: closed forms, safe for large logits', () => {
    near(sigmoid(Math.log(3)), 0.75)
    near(sigmoid(-Math.log(3)), 0.25)
    assert.deepEqual([sigmoid(2000), sigmoid(-2000), sigmoid(0)], [1, 0, 0.5])
    near(softplus(0), Math.log(2))
    assert.deepEqual([softplus(2000), softplus(-2000)], [2000, 0])
    near(softplus(-40), Math.exp(-40))
  })

  it('logSumExp and argmax', () => {
    near(logSumExp(row(Math.log(2), Math.log(5))), Math.log(7))
    assert.equal(logSumExp(row(1e5, -1e5)), 1e5)
    assert.equal(argmax(row(1, 3, 3, 2)), 1)
  })

  it('a prediction of each kind', () => {
    const single = toPrediction(row(0, Math.log(3)), 'single-label', ['a', 'b'])
    assert.equal(single.label, 'b')
    near(single.score!, 0.75)
    near(single.scores!.a!, 0.25)
    assert.deepEqual(toPrediction(row(2.5), 'regression', []), { score: 2.5 })
    const multi = toPrediction(row(1, -1, 0), 'multi-label', ['a', 'b', 'c'])
    assert.deepEqual(multi.labels, ['a'])
    assert.equal(multi.scores!.c, 0.5)
  })

  it('refuses logits that are no numbers', () => {
    assert.throws(() => toPrediction(row(Number.NaN, 1), 'single-label', ['a', 'b']), BidoraError)
  })
})
