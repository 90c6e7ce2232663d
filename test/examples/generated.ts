import { Random } from 'bidora-torch/data'
import type { Examples } from './head.ts'

// Generated data whose truth is known, for runs that need no download.

/** Standard normal numbers (Box and Muller), the same on every machine. */
export function normal(random: Random): () => number {
  const uniform = () => (random.uint32() + 0.5) / 2 ** 32
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}

/**
 * Two Gaussian blobs of `width` dimensions, a class each, their centres `distance` apart along the first axis turned by
 * `angle` towards the second.
 */
export function blobs(
  random: Random,
  { rows, width = 20, distance = 3, angle = 0 }: { rows: number; width?: number; distance?: number; angle?: number },
): Examples {
  const draw = normal(random)
  const labels = Array.from({ length: rows }, () => random.below(2))
  const features = labels.map(label => {
    const row = Float32Array.from({ length: width }, draw)
    const away = (label - 0.5) * distance
    row[0]! += away * Math.cos(angle)
    row[1]! += away * Math.sin(angle)
    return row
  })
  return { features, labels }
}
