import { toBatch } from '../../../lib/models/index.ts'

type Texts = readonly (readonly number[])[]
type Side = 'left' | 'right'

/** Numbers of texts side by side, filled up with 0 on one side: [texts, seq], flat. */
export function filledUp(texts: Texts, side: Side = 'right'): BigInt64Array {
  const seq = Math.max(...texts.map(text => text.length))
  const rows = texts.flatMap(text => {
    const rest = new Array<number>(seq - text.length).fill(0)
    return side === 'right' ? [...text, ...rest] : [...rest, ...text]
  })
  return BigInt64Array.from(rows, BigInt)
}

/** Texts side by side as arrays, filled up with 0 on one side. */
export function arraysOf(texts: Texts, side: Side = 'right') {
  return {
    layout: 'padded' as const,
    shape: [texts.length, Math.max(...texts.map(text => text.length))],
    inputIds: filledUp(texts, side),
    attentionMask: filledUp(
      texts.map(text => text.map(() => 1)),
      side,
    ),
  }
}

export function batchOf(texts: Texts, side: Side = 'right') {
  return toBatch(arraysOf(texts, side))
}
