import assert from 'node:assert/strict'
import { hessianVectorProduct, mixedProduct, vectorJacobian } from '../../../lib/autograd/products.ts'
import { ShapeError } from '../../../lib/errors.ts'
import { add, dot, exp, mul, mv, sum } from '../../../lib/ops/index.ts'
import { memoryStats, scope, type Tensor, tensor } from '../../../lib/tensor/index.ts'

const double = (values: number[] | number[][], requiresGrad = false): Tensor =>
  tensor(values, { dtype: 'float64', requiresGrad })

describe('products of derivatives', () => {
  // loss = 1/2 x^T S x + x^T C y + sum y^2: H = S, mixed derivative C^T, all by hand
  const S = [
    [2, 1],
    [1, 3],
  ]
  const C = [
    [1, -2, 4],
    [0.5, 3, -1],
  ]
  const problem = () => {
    const [x, y] = [double([1, -1], true), double([2, 0, -3], true)]
    const loss = add(add(mul(dot(x, mv(double(S), x)), 0.5), dot(x, mv(double(C), y))), sum(mul(y, y)))
    return { x, y, loss }
  }

  it('Hessian-vector product', () =>
    scope(() => {
      const { x, y, loss } = problem()
      const [hx] = hessianVectorProduct(loss, [x], [double([10, 1])], { retainGraph: true })
      assert.deepEqual(hx!.tolist(), [21, 13])
      const [bx, by] = hessianVectorProduct(loss, [x, y], [double([10, 1]), double([1, 1, 1])])
      assert.deepEqual(bx!.tolist(), [21 + 3, 13 + 2.5])
      assert.deepEqual(by!.tolist(), [10.5 + 2, -17 + 2, 39 + 2])
    }))

  it('mixed product', () =>
    scope(() => {
      const { x, y, loss } = problem()
      const [product] = mixedProduct(loss, [x], [y], [double([10, 1])])
      assert.deepEqual(product!.tolist(), [10.5, -17, 39])
    }))

  it('gives zeros for what is not used', () =>
    scope(() => {
      const { x, y, loss } = problem()
      const other = double([7, 7], true)
      const [first, second] = mixedProduct(loss, [x, other], [other, y], [double([10, 1]), double([1, 1])])
      assert.deepEqual(first!.tolist(), [0, 0])
      assert.deepEqual(second!.tolist(), [10.5, -17, 39])
      // A gradient that is a constant depends on nothing.
      const linear = sum(mul(other, 3))
      assert.deepEqual(hessianVectorProduct(linear, [other], [double([1, 1])])[0]!.tolist(), [0, 0])
    }))

  it('vector-Jacobian product of several outputs', () =>
    scope(() => {
      const x = double([0, 1], true)
      const constant = double([5])
      const [product] = vectorJacobian(
        [exp(x), mul(x, x), constant],
        [x],
        [double([1, 1]), double([10, 10]), double([1])],
      )
      assert.deepEqual(product!.tolist(), [1, Math.E + 20])
    }))

  it('can be differentiated again', () =>
    scope(() => {
      const x = double([1, 2], true)
      const [product] = hessianVectorProduct(sum(mul(mul(x, x), x)), [x], [double([1, 1])], { createGraph: true }) // 6 x
      const [third] = vectorJacobian([product!], [x], [double([1, 1])])
      assert.deepEqual(third!.tolist(), [6, 6])
    }))

  it('refuses vectors of other shapes', () =>
    scope(() => {
      const { x, y, loss } = problem()
      assert.throws(() => hessianVectorProduct(loss, [x], [double([1, 2, 3])]), ShapeError)
      assert.throws(() => mixedProduct(loss, [x], [y], []), /expected one vector for each tensor, of shapes \[2\], got/)
      assert.throws(() => vectorJacobian([x], [x], [double([[1, 2]])]), ShapeError)
    }))

  it('leaves nothing behind', () => {
    scope(() => {
      const { x, y, loss } = problem()
      const before = memoryStats().liveTensors
      const results = mixedProduct(loss, [x], [y], [double([10, 1])])
      assert.equal(memoryStats().liveTensors, before + results.length + 1) // and the vector
    })
  })
})
