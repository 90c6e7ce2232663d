import assert from 'node:assert/strict'
import { signatureAt } from '../../lib/ops/bound.ts'
import type { OpArgument } from '../../lib/ops/row.ts'
import { table } from '../../lib/ops/table.ts'
import * as torch from '../../lib/torch.ts'
import { grad, noGrad, scope, Tensor } from '../../lib/torch.ts'
import type { Golden } from './golden.ts'

type Json = unknown

/** One sample of an operator, as `golden/README.md` describes it. */
export interface OpCase {
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
export const rows = new Map(table.map((row, index) => [`aten::${row.op}`, index]))
export const reductions = ['none', 'mean', 'sum']

/** Runs golden samples of the table's rows on a device and compares with what PyTorch gave on the CPU. */
export class OpsChecker {
  readonly #golden: Golden<OpCase>
  readonly #device: string
  readonly #inputs: ReadonlyMap<string, Tensor>

  constructor(golden: Golden<OpCase>, device = 'cpu') {
    this.#golden = golden
    this.#device = device
    this.#inputs =
      device === 'cpu'
        ? golden.tensors
        : new Map([...golden.tensors].map(([name, tensor]) => [name, tensor.to({ device })]))
  }

  /** Checks every sample of a row of the table: what is wrong, and how many were compared. */
  checkAll(): { wrong: string[]; compared: number } {
    const wrong: string[] = []
    let compared = 0
    for (const sample of this.#golden.cases) {
      const index = rows.get(sample.op)
      if (index === undefined) continue
      try {
        scope(() => this.#check(sample, index))
        compared++
      } catch (error) {
        wrong.push(`${sample.id} (${sample.op}): ${(error as Error).message}`)
      }
    }
    return { wrong, compared }
  }

  dispose(): void {
    for (const tensors of [this.#inputs, this.#golden.tensors]) for (const tensor of tensors.values()) tensor.dispose()
  }

  #check(sample: OpCase, index: number): void {
    const { schema } = signatureAt(index)
    const differentiated = new Set(Object.keys(sample.gradients?.of ?? {}))
    const written = new Set(schema.arguments.filter(a => a.written).map(a => a.name))
    const leaves: Record<string, unknown> = {}
    const values: Record<string, unknown> = {}
    for (const [name, json] of Object.entries(sample.args)) {
      const isLeaf = differentiated.has(name)
      leaves[name] =
        name === 'reduction' && typeof json === 'number'
          ? reductions[json]
          : this.#input(json, isLeaf, written.has(name) || isLeaf)
      // A leaf that needs a gradient cannot be changed in place; a copy in the graph can.
      values[name] = written.has(name) && isLeaf ? copies(leaves[name]) : leaves[name]
    }
    // What makes a tensor out of nothing, or moves one, is told the device.
    if (
      'device' in values ||
      (schema.arguments.some(a => a.name === 'device') && flat(Object.values(values)).length === 0)
    )
      values.device = this.#device
    const result = sample.gradients ? call(index, values) : noGrad(() => call(index, values))
    if (sample.random) {
      this.#compareRandom(result as Tensor, sample.random)
      return
    }
    const returns = schema.returns.length
    const outputs = returns === 1 ? [result] : returns === 0 ? [] : (result as unknown[])
    ;(sample.outputs ?? []).forEach((expected, i) => {
      if (i < outputs.length) this.#compare(outputs[i], expected, sample, `output ${i}`)
    })
    for (const [name, expected] of Object.entries(sample.mutated ?? {}))
      this.#compare(values[name], expected, sample, `mutated ${name}`)
    if (sample.gradients) this.#checkGradients(sample, leaves, outputs)
  }

  #checkGradients(sample: OpCase, values: Record<string, unknown>, outputs: readonly unknown[]): void {
    const { cotangents, of } = sample.gradients as NonNullable<OpCase['gradients']>
    const pairs = cotangents.flatMap((json, i) => (json === null ? [] : zip(flat(outputs[i]), flat(this.#input(json)))))
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
      const expected = flat(this.#expected(of[name]))
      firstOf[name] = first.slice(position, position + expected.length)
      position += expected.length
      firstOf[name].forEach((tensor, i) => {
        this.#compareTensors(tensor, expected[i] as Tensor, sample, `gradient of ${name}`)
      })
    }
    if (!sample.second) return
    // A gradient that does not depend on the inputs adds nothing.
    const seconds = Object.entries(sample.second.cotangents)
      .flatMap(([name, json]) => zip(firstOf[name] ?? [], flat(this.#input(json))))
      .filter(([output]) => output.requiresGrad)
    const secondNames = Object.keys(sample.second.of)
    const leaves = secondNames.flatMap(name => flat(values[name]))
    const got = grad(
      seconds.map(([output]) => output),
      leaves,
      { gradOutputs: seconds.map(([, cotangent]) => cotangent), allowUnused: true },
    )
    secondNames
      .flatMap(name => flat(this.#expected(sample.second?.of[name])))
      .forEach((expected, i) => {
        const tensor = got[i] ?? torch.zerosLike(leaves[i] as Tensor)
        this.#compareTensors(tensor, expected, sample, 'second derivative')
      })
  }

  /** What the sample gives to the operator, on the device; with `own` a copy that may be changed. */
  #input(json: Json, requiresGrad = false, own = false): unknown {
    return read(json, name => {
      const found = this.#inputs.get(name)
      assert.ok(found, `no tensor ${name}`)
      if (!own) return found
      const copy = found.clone()
      if (requiresGrad) copy.requiresGrad = true
      return copy
    })
  }

  /** What PyTorch gave, on the CPU. */
  #expected(json: Json): unknown {
    return read(json, name => {
      const found = this.#golden.tensors.get(name)
      assert.ok(found, `no tensor ${name}`)
      return found
    })
  }

  #compare(got: unknown, json: Json, sample: OpCase, what: string): void {
    const expected = this.#expected(json)
    if (typeof expected === 'boolean' || typeof expected === 'number') {
      assert.equal(got, expected, what)
      return
    }
    const left = flat(got)
    const right = flat(expected)
    assert.equal(left.length, right.length, `${what}: number of tensors`)
    left.forEach((tensor, i) => {
      this.#compareTensors(tensor, right[i] as Tensor, sample, what)
    })
  }

  #compareTensors(got: Tensor, expected: Tensor, sample: OpCase, what: string): void {
    assert.deepEqual(got.shape, expected.shape, `${what}: shape`)
    assert.equal(got.dtype, expected.dtype, `${what}: dtype`)
    this.#assertDevice(got, what)
    const tolerance = sample.tolerance ?? this.#golden.manifest.tolerance[expected.dtype] ?? 0
    const a = Array.from(got.data(), Number)
    const b = Array.from(expected.data(), Number)
    const least = sample.tolerance === undefined ? 1 : 0
    const largest = b.reduce((m, v) => (Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m), least)
    a.forEach((value, i) => {
      const wanted = b[i] as number
      const same = Object.is(value, wanted) || value === wanted || Math.abs(value - wanted) <= tolerance * largest
      assert.ok(same, `${what}[${i}]: expected ${wanted}, got ${value}`)
    })
  }

  #compareRandom(result: Tensor, expected: NonNullable<OpCase['random']>): void {
    assert.deepEqual(result.shape, expected.shape)
    assert.equal(result.dtype, expected.dtype)
    this.#assertDevice(result, 'output')
    const values = Array.from(result.data(), Number)
    for (const value of values) {
      if (expected.min !== undefined)
        assert.ok(
          value >= expected.min && value <= (expected.max as number),
          `${value} outside [${expected.min}, ${expected.max}]`,
        )
      if (expected.integer) assert.ok(Number.isInteger(value))
    }
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    if (expected.mean) assert.ok(mean >= expected.mean[0] && mean <= expected.mean[1], `mean ${mean}`)
  }

  /** 'cuda' is the first device, 'cuda:0'. */
  #assertDevice(tensor: Tensor, what: string): void {
    assert.ok(tensor.device.startsWith(this.#device), `${what}: expected on ${this.#device}, is on ${tensor.device}`)
  }
}

export function read(json: Json, tensor: (name: string) => Tensor): unknown {
  if (json === 'inf') return Number.POSITIVE_INFINITY
  if (json === '-inf') return Number.NEGATIVE_INFINITY
  if (json === 'nan') return Number.NaN
  if (Array.isArray(json)) return json.map(item => read(item, tensor))
  if (typeof json !== 'object' || json === null) return json
  const { tensor: key, tensors: keys } = json as { tensor?: string; tensors?: (string | null)[] }
  return keys ? keys.map(name => (name === null ? null : tensor(name))) : tensor(key as string)
}

export function call(index: number, values: Record<string, unknown>): unknown {
  const { row, positional, options } = signatureAt(index)
  const js = (argument: OpArgument): unknown => values[argument.name]
  const given = options.filter(argument => values[argument.name] !== undefined)
  const list = positional.map(js)
  if (given.length > 0) list.push(Object.fromEntries(given.map(argument => [argument.jsName, js(argument)])))
  return (functions[row.name] as (...v: unknown[]) => unknown)(...list)
}

export function copies(value: unknown): unknown {
  return value instanceof Tensor ? value.clone() : (value as Tensor[]).map(tensor => tensor.clone())
}

export function flat(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value]
  return Array.isArray(value) ? value.flatMap(flat) : []
}

export function zip(a: readonly Tensor[], b: readonly Tensor[]): [Tensor, Tensor][] {
  assert.equal(a.length, b.length)
  return a.map((tensor, i) => [tensor, b[i] as Tensor])
}
