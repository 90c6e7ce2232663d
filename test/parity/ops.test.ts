import assert from 'node:assert/strict'
import { signatureAt } from '../../lib/ops/bound.ts'
import type { OpArgument } from '../../lib/ops/row.ts'
import { table } from '../../lib/ops/table.ts'
import * as torch from '../../lib/torch.ts'
import { grad, noGrad, scope, Tensor } from '../../lib/torch.ts'
import { type Golden, readGolden } from './golden.ts'

type Json = unknown

interface OpCase {
  id: string
  op: string
  args: Record<string, Json>
  outputs?: Json[]
  mutated?: Record<string, Json>
  gradients?: { cotangents: Json[]; of: Record<string, Json> }
  second?: { cotangents: Record<string, Json>; of: Record<string, Json> }
  random?: { shape: number[]; dtype: string; min?: number; max?: number; integer?: boolean; mean?: [number, number] }
  tolerance?: number
}

const functions = torch as unknown as Record<string, (...values: unknown[]) => unknown>

describe('operators against PyTorch', function () {
  this.timeout(120_000)
  let golden: Golden<OpCase>
  const rows = new Map(table.map((row, index) => [`aten::${row.op}`, index]))
  before(() => {
    golden = readGolden<OpCase>('ops')
  })
  after(() => {
    for (const tensor of golden.tensors.values()) tensor.dispose()
  })

  it('every row of the table has a sample', () => {
    const seen = new Set(golden.cases.map(c => c.op))
    assert.deepEqual(
      table.filter(row => !seen.has(`aten::${row.op}`)).map(row => row.name),
      [],
    )
  })

  it('outputs, gradients and second derivatives agree', () => {
    const wrong: string[] = []
    let compared = 0
    for (const sample of golden.cases) {
      const index = rows.get(sample.op)
      if (index === undefined) continue
      try {
        scope(() => {
          compared += check(sample, index)
        })
      } catch (error) {
        wrong.push(`${sample.id} (${sample.op}): ${(error as Error).message}`)
      }
    }
    assert.deepEqual(wrong, [])
    assert.ok(compared >= table.length, `only ${compared} samples were compared`)
  })

  function check(sample: OpCase, index: number): number {
    const differentiated = new Set(Object.keys(sample.gradients?.of ?? {}))
    const written = new Set(signatureAt(index).schema.arguments.filter(a => a.written).map(a => a.name))
    const leaves: Record<string, unknown> = {}
    const values: Record<string, unknown> = {}
    for (const [name, json] of Object.entries(sample.args)) {
      leaves[name] = name === 'reduction' && typeof json === 'number' ? reductions[json] : read(json, differentiated.has(name), written.has(name) || differentiated.has(name))
      // A leaf that needs a gradient cannot be changed in place; a copy in the graph can.
      values[name] = written.has(name) && differentiated.has(name) ? copies(leaves[name]) : leaves[name]
    }
    const result = sample.gradients ? call(index, values) : noGrad(() => call(index, values))
    if (sample.random) {
      checkRandom(result as Tensor, sample.random)
      return 1
    }
    const returns = signatureAt(index).schema.returns.length
    const outputs = returns === 1 ? [result] : returns === 0 ? [] : (result as unknown[])
    ;(sample.outputs ?? []).forEach((expected, i) => {
      if (i < outputs.length) compare(outputs[i], expected, sample, `output ${i}`)
    })
    for (const [name, expected] of Object.entries(sample.mutated ?? {})) compare(values[name], expected, sample, `mutated ${name}`)
    if (sample.gradients) checkGradients(sample, leaves, outputs)
    return 1
  }

  function checkGradients(sample: OpCase, values: Record<string, unknown>, outputs: readonly unknown[]): void {
    const { cotangents, of } = sample.gradients as NonNullable<OpCase['gradients']>
    const pairs = cotangents.flatMap((json, i) => (json === null ? [] : zip(flat(outputs[i]), flat(read(json)))))
    const names = Object.keys(of)
    const inputs = names.flatMap(name => flat(values[name]))
    const first = grad(
      pairs.map(([output]) => output),
      inputs,
      { gradOutputs: pairs.map(([, cotangent]) => cotangent), createGraph: sample.second !== undefined },
    )
    let position = 0
    const firstOf: Record<string, Tensor[]> = {}
    for (const name of names) {
      const expected = flat(read(of[name]))
      firstOf[name] = first.slice(position, position + expected.length)
      position += expected.length
      firstOf[name].forEach((tensor, i) => {
        compareTensors(tensor, expected[i] as Tensor, sample, `gradient of ${name}`)
      })
    }
    if (!sample.second) return
    // A gradient that does not depend on the inputs adds nothing.
    const seconds = Object.entries(sample.second.cotangents)
      .flatMap(([name, json]) => zip(firstOf[name] ?? [], flat(read(json))))
      .filter(([output]) => output.requiresGrad)
    const secondNames = Object.keys(sample.second.of)
    const got = grad(
      seconds.map(([output]) => output),
      secondNames.flatMap(name => flat(values[name])),
      { gradOutputs: seconds.map(([, cotangent]) => cotangent), allowUnused: true },
    )
    secondNames
      .flatMap(name => flat(read(sample.second?.of[name])))
      .forEach((expected, i) => {
        const tensor = got[i] ?? torch.zerosLike(expected)
        compareTensors(tensor, expected, sample, 'second derivative')
      })
  }

  function call(index: number, values: Record<string, unknown>): unknown {
    const { row, positional, options } = signatureAt(index)
    const js = (argument: OpArgument): unknown => values[argument.name]
    const given = options.filter(argument => values[argument.name] !== undefined)
    const list = positional.map(js)
    if (given.length > 0) list.push(Object.fromEntries(given.map(argument => [argument.jsName, js(argument)])))
    return (functions[row.name] as (...v: unknown[]) => unknown)(...list)
  }

  function read(json: Json, requiresGrad = false, own = false): unknown {
    if (json === 'inf') return Number.POSITIVE_INFINITY
    if (json === '-inf') return Number.NEGATIVE_INFINITY
    if (json === 'nan') return Number.NaN
    if (Array.isArray(json)) return json.map(item => read(item, requiresGrad, own))
    if (typeof json !== 'object' || json === null) return json
    const { tensor: key, tensors: keys } = json as { tensor?: string; tensors?: (string | null)[] }
    const one = (name: string | null): Tensor | null => {
      if (name === null) return null
      const found = golden.tensors.get(name)
      assert.ok(found, `no tensor ${name}`)
      if (!own) return found
      const copy = found.clone()
      if (requiresGrad) copy.requiresGrad = true
      return copy
    }
    return keys ? keys.map(one) : one(key as string)
  }

  function compare(got: unknown, json: Json, sample: OpCase, what: string): void {
    const expected = read(json)
    if (typeof expected === 'boolean' || typeof expected === 'number') {
      assert.equal(got, expected, what)
      return
    }
    const left = flat(got)
    const right = flat(expected)
    assert.equal(left.length, right.length, `${what}: number of tensors`)
    left.forEach((tensor, i) => {
      compareTensors(tensor, right[i] as Tensor, sample, what)
    })
  }

  function compareTensors(got: Tensor, expected: Tensor, sample: OpCase, what: string): void {
    assert.deepEqual(got.shape, expected.shape, `${what}: shape`)
    assert.equal(got.dtype, expected.dtype, `${what}: dtype`)
    const tolerance = sample.tolerance ?? golden.manifest.tolerance[expected.dtype] ?? 0
    const a = Array.from(got.data(), Number)
    const b = Array.from(expected.data(), Number)
    const largest = b.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), sample.tolerance === undefined ? 1 : 0)
    a.forEach((value, i) => {
      const wanted = b[i] as number
      const same = Object.is(value, wanted) || value === wanted || Math.abs(value - wanted) <= tolerance * largest
      assert.ok(same, `${what}[${i}]: expected ${wanted}, got ${value}`)
    })
  }

  function checkRandom(result: Tensor, expected: NonNullable<OpCase['random']>): void {
    assert.deepEqual(result.shape, expected.shape)
    assert.equal(result.dtype, expected.dtype)
    const values = Array.from(result.data(), Number)
    for (const value of values) {
      if (expected.min !== undefined) assert.ok(value >= expected.min && value <= (expected.max as number), `${value} outside [${expected.min}, ${expected.max}]`)
      if (expected.integer) assert.ok(Number.isInteger(value))
    }
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    if (expected.mean) assert.ok(mean >= expected.mean[0] && mean <= expected.mean[1], `mean ${mean}`)
  }
})

const reductions = ['none', 'mean', 'sum']

function copies(value: unknown): unknown {
  return value instanceof Tensor ? value.clone() : (value as Tensor[]).map(tensor => tensor.clone())
}

function flat(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value]
  return Array.isArray(value) ? value.flatMap(flat) : []
}

function zip(a: readonly Tensor[], b: readonly Tensor[]): [Tensor, Tensor][] {
  assert.equal(a.length, b.length)
  return a.map((tensor, i) => [tensor, b[i] as Tensor])
}
