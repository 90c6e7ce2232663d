import type { LayerChange } from '../../../lib/analyze/index.ts'

/** A change as `analyze` gives it, for tests of what is made of changes. */
export function changeOf(
  layer: string,
  kind: string,
  directionChange: number,
  magnitudeChange: number,
  more: Partial<LayerChange> = {},
): LayerChange {
  const place = { block: 0, checkpoint: 'final', phase: null, step: null, magnitudeAxis: 'out' as const }
  return { layer, kind, ...place, lines: 4, directionChange, magnitudeChange, meanMagnitude: 1, zeroLines: 0, ...more }
}
