import assert from 'node:assert/strict'
import { type BidoraError, TorchError } from '../../lib/errors.ts'
import { signatureAt } from '../../lib/ops/bound.ts'
import { table } from '../../lib/ops/table.ts'
import { isFloating } from '../../lib/tensor/index.ts'
import { grad, jvp, randn, scope, select, sum, type Tensor, zerosLike } from '../../lib/torch.ts'
import { readGolden } from './golden.ts'
import { call, copies, flat, type OpCase, read, reductions, rows } from './ops-checker.ts'

// Operators whose derivative libtorch cannot take in forward mode, once or in their backward. One that leaves this list
// may be struck off it; one that is not in it must be right.
const WITHOUT = [
  'crossEntropyLoss', // of images: nll_loss2d_backward
  'foreachNorm',
  'scaledDotProductAttention',
]

const names = (indices: Iterable<number>) => [...new Set([...indices].map(index => table[index]!.name))].sort()

describe('operators in forward mode', function () {
  this.timeout(120_000)
  const { cases, tensors } = readGolden<OpCase>('ops')
  after(() => {
    for (const tensor of tensors.values()) tensor.dispose()
  })

  it('every sample that has gradients: right, or an error that names the operator', () => {
    const wrong: string[] = []
    const refused = new Set<number>()
    let compared = 0
    for (const sample of cases) {
      const index = rows.get(sample.op)
      if (index === undefined || !sample.gradients) continue
      for (const check of sample.second ? [first, second] : [first]) {
        try {
          scope(() => check(sample, index, tensors))
          compared++
        } catch (error) {
          const isRefusal = error instanceof TorchError && (error as BidoraError).code === 'NO_FORWARD_DERIVATIVE'
          if (isRefusal) refused.add(index)
          if (!isRefusal || !/^[A-Za-z_0-9.]+: expected/.test((error as Error).message))
            wrong.push(`${sample.id} (${sample.op}, ${check.name}): ${(error as Error).message}`)
        }
      }
    }
    assert.deepEqual(wrong, [])
    assert.ok(compared > 300, `only ${compared} were compared`)
    assert.deepEqual(
      names(refused).filter(name => !WITHOUT.includes(name)),
      [],
    )
  })
})

/** A sample as a function of the arguments that it is differentiated by. */
function functionOf(sample: OpCase, index: number, tensors: Map<string, Tensor>) {
  const written = new Set(
    signatureAt(index)
      .schema.arguments.filter(a => a.written)
      .map(a => a.name),
  )
  const { of, cotangents } = sample.gradients!
  const open = (json: unknown) => read(json, name => tensors.get(name)!)
  const leaves = Object.fromEntries(
    Object.keys(of).map(name => [name, flat(open(sample.args[name])).map(value => value.clone())]),
  )
  for (const leaf of Object.values(leaves).flat()) leaf.requiresGrad = true
  const isList = (name: string) => Array.isArray(open(sample.args[name]))
  const run = (): [outputs: Tensor[], cotangents: Tensor[]] => {
    const values: Record<string, unknown> = {}
    for (const [name, json] of Object.entries(sample.args)) {
      const given = name in leaves ? (isList(name) ? leaves[name] : leaves[name]![0]) : open(json)
      const value = name === 'reduction' && typeof json === 'number' ? reductions[json] : given
      values[name] = written.has(name) ? copies(value) : value
    }
    const result = call(index, values)
    const outputs = signatureAt(index).schema.returns.length === 1 ? [result] : (result as unknown[])
    const pairs = cotangents.flatMap((json, i) =>
      json === null ? [] : [[flat(outputs[i]), flat(open(json))] as const],
    )
    return [pairs.flatMap(([output]) => output), pairs.flatMap(([, cotangent]) => cotangent)]
  }
  const inputs = Object.values(leaves).flat()
  const tangents = inputs.map(({ shape, dtype }) => randn(shape, { dtype }))
  // `grad` leaves a padding row out, `jvp` does not: they agree where nothing moves it.
  const padding = sample.args.padding_idx
  if (typeof padding === 'number' && padding >= 0) void select(tangents[0]!, 0, padding).zero_()
  return { run, inputs, leaves, open, tangents }
}

/** <u, J t> from forward mode, <J^T u, t> from reverse mode. */
function first(sample: OpCase, index: number, tensors: Map<string, Tensor>): void {
  const { run, inputs, tangents } = functionOf(sample, index, tensors)
  const [outputs, cotangents] = run()
  const gradients = gradientsOf(outputs, inputs, cotangents)
  const forward = jvp(() => run()[0], inputs, tangents)
  assertEqual(product(forward.tangents, cotangents), product(gradients, tangents), sample)
}

/** The same of the gradient itself: forward over reverse, against reverse over reverse. */
function second(sample: OpCase, index: number, tensors: Map<string, Tensor>): void {
  const { run, inputs, leaves, open, tangents } = functionOf(sample, index, tensors)
  const along = Object.entries(leaves).flatMap(([name, list]) =>
    sample.second!.cotangents[name] ? flat(open(sample.second!.cotangents[name])) : list.map(leaf => zerosLike(leaf)),
  )
  const [outputs, cotangents] = run()
  const gradients = gradientsOf(outputs, inputs, cotangents, true)
  const used = gradients.map((_, i) => i).filter(i => gradients[i]!.requiresGrad)
  const seconds = gradientsOf(
    used.map(i => gradients[i]!),
    inputs,
    used.map(i => along[i]!.detach()),
  )
  const forward = jvp(
    () => {
      const [outputs, cotangents] = run()
      return gradientsOf(outputs, inputs, cotangents)
    },
    inputs,
    tangents,
  )
  assertEqual(product(forward.tangents, along), product(seconds, tangents), sample)
}

function gradientsOf(outputs: Tensor[], inputs: Tensor[], gradOutputs: Tensor[], createGraph = false): Tensor[] {
  if (outputs.length === 0) return inputs.map(input => zerosLike(input))
  const found = grad(outputs, inputs, { gradOutputs, createGraph, allowUnused: true })
  return inputs.map((input, i) => found[i] ?? zerosLike(input))
}

/** The scalar product, and the size of its rounding. */
function product(a: readonly Tensor[], b: readonly Tensor[]): [value: number, rounding: number] {
  assert.equal(a.length, b.length)
  const terms = a.map((x, i) => x.detach().mul(b[i]!.detach()))
  assert.ok(a.every(({ dtype }) => isFloating(dtype)))
  const total = (list: Tensor[]) => list.reduce((all, term) => all + (sum(term).item() as number), 0)
  const narrow = [...a, ...b].some(({ dtype }) => dtype !== 'float64')
  return [total(terms), (narrow ? 1e-5 : 1e-10) * Math.max(1, total(terms.map(term => term.abs())))]
}

function assertEqual([got, allowed]: [number, number], [expected]: [number, number], sample: OpCase): void {
  assert.ok(Math.abs(got - expected) <= allowed, `${sample.id}: forward mode ${got}, reverse mode ${expected}`)
}
