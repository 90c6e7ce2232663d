import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SafetensorsFile } from '../../lib/io/index.ts'
import { Tensor } from '../../lib/tensor/index.ts'
import { root } from './golden.ts'

/** Where JSON means a tensor (`test/golden/README.md`). */
export interface TensorReference {
  tensor: string
}

/** A folder of golden files: its cases, and its tensors by reference. */
export interface Golden<Cases> {
  cases: Cases
  tensor(reference: TensorReference): Tensor
}

export function openGolden<Cases>(folder: string, file = 'cases.json'): Golden<Cases> {
  const path = join(root, 'test/golden', folder)
  const cases = JSON.parse(readFileSync(join(path, file), 'utf8')) as Cases
  let tensors: SafetensorsFile | undefined
  return {
    cases,
    tensor(reference) {
      tensors ??= new SafetensorsFile(join(path, 'tensors.safetensors'), { copy: true })
      return tensors.tensor(reference.tensor)
    },
  }
}

type Numbers = Tensor | number | Nested
type Nested = readonly (number | Nested)[]

function flat(value: Numbers): number[] {
  if (typeof value === 'number') return [value]
  if (value instanceof Tensor) return Array.from(value.data() as Float64Array, Number)
  return (value as Nested[]).flat(Infinity as 1) as unknown as number[]
}

/** Compares every entry; `tolerance` is absolute, or relative to the largest absolute value expected. */
export function assertClose(
  actual: Numbers,
  expected: Numbers,
  what: string,
  tolerance: { absolute?: number; relative?: number },
): void {
  const [got, wanted] = [flat(actual), flat(expected)]
  assert.equal(got.length, wanted.length, `${what}: number of entries`)
  const bound = (tolerance.absolute ?? 0) + (tolerance.relative ?? 0) * Math.max(...wanted.map(Math.abs), 0)
  wanted.forEach((value, i) => {
    const difference = Math.abs(got[i]! - value)
    assert.ok(
      difference <= bound,
      `${what}[${i}]: expected ${value}, got ${got[i]} (difference ${difference}, allowed ${bound})`,
    )
  })
}
