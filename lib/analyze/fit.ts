import { pearson } from '../metrics/index.ts'
import type { KindFit, LayerChange } from './types.ts'

/** A line through points: least squares of y on x. */
export interface Line {
  slope: number | null
  intercept: number | null
  correlation: number | null
}

/** slope = sum (x - mean x)(y - mean y) / sum (x - mean x)^2; nulls where the x, or for the correlation the y, are all equal. */
export function fitLine(x: readonly number[], y: readonly number[]): Line {
  const [centreX, centreY] = [meanOf(x), meanOf(y)]
  const products = sumOf(x.map((value, i) => (value - centreX) * (y[i]! - centreY)))
  const squares = sumOf(x.map(value => (value - centreX) ** 2))
  if (!(squares > 0) || x.every(value => value === x[0])) return { slope: null, intercept: null, correlation: null }
  const slope = products / squares
  const correlation = pearson(x, y)
  return { slope, intercept: centreY - slope * centreX, correlation: Number.isNaN(correlation) ? null : correlation }
}

/** A fit for every kind of layer of which at least one changed, in the order of their first layers. */
export function fitKinds(layers: readonly LayerChange[]): { fits: KindFit[]; unchanged: string[] } {
  const byKind = new Map<string, LayerChange[]>()
  for (const change of layers) byKind.set(change.kind, [...(byKind.get(change.kind) ?? []), change])
  const hasChanged = (changes: readonly LayerChange[]) =>
    changes.some(change => change.magnitudeChange !== 0 || change.directionChange !== 0)
  const fits: KindFit[] = []
  const unchanged: string[] = []
  for (const [kind, changes] of byKind) {
    if (!hasChanged(changes)) {
      unchanged.push(kind)
      continue
    }
    const direction = changes.map(change => change.directionChange)
    const magnitude = changes.map(change => change.magnitudeChange)
    fits.push({
      kind,
      points: changes.length,
      ...fitLine(direction, magnitude),
      meanMagnitudeChange: meanOf(magnitude),
      meanDirectionChange: meanOf(direction),
    })
  }
  return { fits, unchanged }
}

function meanOf(values: readonly number[]): number {
  return sumOf(values) / values.length
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
