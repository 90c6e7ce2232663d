import { scope, type Tensor } from '../../../lib/torch.ts'
import { median, type PlainBatch, seconds } from '../work.ts'

/** Texts are cut for the measurement, not for the search. */
const TOKENS = 16

export const flat = (list: readonly Tensor[]) => list.flatMap(value => Array.from(value.detach().data(), Number))
export const dot = (a: readonly number[], b: readonly number[]) => a.reduce((total, x, i) => total + x * b[i]!, 0)
export const length = (a: readonly number[]) => Math.sqrt(dot(a, a))
export const minus = (a: readonly number[], b: readonly number[]) => a.map((x, i) => x - b[i]!)

/** The median of three times, in seconds. */
export function timeOf(run: () => void): number {
  return median([1, 2, 3].map(() => seconds(() => scope(run))))
}

/** The first tokens of each text: enough for the arithmetic, and quick. */
export function cut(batch: PlainBatch): PlainBatch {
  const short = (rows: number[][]) => rows.map(row => row.slice(0, TOKENS))
  return {
    ...batch,
    inputIds: short(batch.inputIds),
    attentionMask: short(batch.attentionMask),
    tokenTypeIds: short(batch.tokenTypeIds),
  }
}

/** Some rows of a batch. */
export function rowsOf(batch: PlainBatch, rows: readonly number[]): PlainBatch {
  const pick = <T>(list: readonly T[]) => rows.map(row => list[row]!)
  return {
    inputIds: pick(batch.inputIds),
    attentionMask: pick(batch.attentionMask),
    tokenTypeIds: pick(batch.tokenTypeIds),
    labels: pick(batch.labels),
  }
}
