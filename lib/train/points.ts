import { noGrad } from '../autograd/index.ts'
import { BidoraError } from '../errors.ts'
import * as ops from '../ops/index.ts'
import { keep, scope, type Tensor } from '../tensor/index.ts'
import type { NamedParameter } from './level.ts'

/** Points that a training may come back to. Each name is the first part of its tensors' names in a checkpoint. */
const NAMES = ['start', 'chosen', 'folds', 'best'] as const
export type PointName = (typeof NAMES)[number]

/** What a checkpoint keeps of points beside tensors. */
export type PointNumbers = Readonly<Record<string, number>>

/**
 * Points of a training: the values of its parameters at a time, or sums of such values. All that has to outlive a phase
 * lies here or in the parameters themselves, so that a checkpoint has it.
 */
export class Points {
  readonly #points = new Map<PointName, Map<string, Tensor>>()
  #numbers: Record<string, number> = {}

  has(name: PointName): boolean {
    return this.#points.has(name)
  }

  /** A number that belongs to a point: how many values its sums have, or how good it is. */
  number(name: PointName): number | undefined {
    return this.#numbers[name]
  }

  /** Remembers the present values of parameters, in the place of what the point was before. */
  remember(name: PointName, parameters: readonly NamedParameter[], number?: number): void {
    this.forget(name)
    this.#points.set(name, copiesOf(parameters.map(([path, parameter]) => [path, parameter])))
    if (number !== undefined) this.#numbers[name] = number
  }

  /** Gives parameters the values of a point. */
  restore(name: PointName, parameters: readonly NamedParameter[]): void {
    noGrad(() => {
      for (const [path, parameter] of parameters) ops.copy_(parameter, this.#value(name, path))
    })
  }

  /** Adds the present values of parameters to the sums of a point, in float64. */
  add(name: PointName, parameters: readonly NamedParameter[]): void {
    const sums = this.#points.get(name) ?? new Map<string, Tensor>()
    this.#points.set(name, sums)
    this.#numbers[name] = (this.#numbers[name] ?? 0) + 1
    noGrad(() => {
      for (const [path, parameter] of parameters) {
        const sum = sums.get(path)
        if (sum) ops.add_(sum, parameter)
        else sums.set(path, keep(ops.to(parameter, { dtype: 'float64', copy: true })))
      }
    })
  }

  /** Gives parameters the mean of the values that were added, rounded once. */
  restoreMean(name: PointName, parameters: readonly NamedParameter[]): void {
    noGrad(() =>
      scope(() => {
        for (const [path, parameter] of parameters)
          ops.copy_(parameter, ops.div(this.#value(name, path), this.#numbers[name]!))
      }),
    )
  }

  forget(name: PointName): void {
    for (const value of this.#points.get(name)?.values() ?? []) value.dispose()
    this.#points.delete(name)
    delete this.#numbers[name]
  }

  /** Everything by its name in a checkpoint. */
  tensors(): Map<string, Tensor> {
    const entries = [...this.#points].flatMap(([name, values]) =>
      [...values].map(([path, value]): [string, Tensor] => [`${name}.${path}`, value]),
    )
    return new Map(entries)
  }

  numbers(): PointNumbers {
    return { ...this.#numbers }
  }

  /** Takes over what a checkpoint holds, by copying it to a device; points that it does not have are forgotten. */
  load(tensors: ReadonlyMap<string, Tensor>, numbers: PointNumbers, device: string): void {
    this.dispose()
    for (const name of NAMES) {
      const own = [...tensors].filter(([key]) => key.startsWith(`${name}.`))
      if (own.length === 0) continue
      const copies = own.map(([key, value]): [string, Tensor] => [
        key.slice(name.length + 1),
        keep(ops.to(value, { device, copy: true })),
      ])
      this.#points.set(name, new Map(copies))
    }
    this.#numbers = { ...numbers }
  }

  dispose(): void {
    for (const name of NAMES) this.forget(name)
  }

  #value(name: PointName, path: string): Tensor {
    const value = this.#points.get(name)?.get(path)
    if (value) return value
    throw new BidoraError('NO_POINT', `Points: expected values of ${path} at '${name}', got none; remember them first`)
  }
}

function copiesOf(values: readonly NamedParameter[]): Map<string, Tensor> {
  return new Map(values.map(([path, value]) => [path, keep(noGrad(() => ops.clone(value)))]))
}
