import { basename } from 'node:path'
import { colours, type PlotSpec, renderSvg, shapes } from '../plot/index.ts'
import type { Analysis, KindFit, LayerChange } from './types.ts'

/**
 * Draws an analysis: a point for each layer and checkpoint, direction across and magnitude up, coloured by kind of layer,
 * with the fitted line of each kind. Early checkpoints are paler. Kinds that did not change are left out.
 *
 * @returns an SVG document
 * @throws SetupError where the library that draws is not installed
 */
export function analysisPicture(analysis: Analysis): Promise<string> {
  return renderSvg(analysisPlot(analysis))
}

/** Where a mark stands that has a point's two changes. */
const place = { x: { scale: 'x', field: 'x' }, y: { scale: 'y', field: 'y' } }

/** The same as a description of what is drawn where. */
function analysisPlot({ adapter, against, magnitudeAxis, layers, fits }: Analysis): PlotSpec {
  const labels = new Map(fits.map(fit => [fit.kind, labelOf(fit)]))
  const drawn = layers.filter(({ kind }) => labels.has(kind))
  const stages = [...new Set(drawn.map(stageOf))]
  const points = drawn.map(change => ({
    kind: labels.get(change.kind),
    stage: stageOf(change),
    x: change.directionChange,
    y: change.magnitudeChange,
    text: `${change.layer}, ${stageOf(change)}: direction ${short(change.directionChange)}, magnitude ${short(change.magnitudeChange)}`,
  }))
  const lines = fits.flatMap(fit => lineOf(fit, drawn).map(([x, y]) => ({ kind: labels.get(fit.kind), x, y })))
  const count = new Set(drawn.map(({ layer }) => layer)).size
  const both = (field: 'x' | 'y') => ({
    fields: [
      { data: 'points', field },
      { data: 'lines', field },
    ],
  })
  const kinds = [...labels.values()]
  return {
    width: 620,
    height: 420,
    padding: 16,
    autosize: 'pad',
    title: {
      text: 'Change of magnitude and of direction',
      subtitle: `${basename(adapter)} from ${basename(against)}: ${counted(count, 'layer')} at ${counted(stages.length, 'point')} of the training, a magnitude per ${magnitudeAxis === 'out' ? 'output' : 'input'}`,
    },
    data: [
      { name: 'points', values: points },
      { name: 'lines', values: lines },
    ],
    scales: [
      { name: 'x', type: 'linear', domain: both('x'), range: 'width', nice: true, zero: true },
      { name: 'y', type: 'linear', domain: both('y'), range: 'height', nice: true, zero: true },
      { name: 'colour', type: 'ordinal', domain: kinds, range: colours },
      { name: 'shape', type: 'ordinal', domain: kinds, range: shapes },
      { name: 'strength', type: 'point', domain: stages, range: stages.length > 1 ? [0.3, 0.9] : [0.9, 0.9] },
    ],
    axes: [
      {
        orient: 'bottom',
        scale: 'x',
        grid: true,
        tickCount: 6,
        format: '~g',
        title: ['change of direction', 'mean of 1 − cos: no unit, from 0 to 2'],
      },
      {
        orient: 'left',
        scale: 'y',
        grid: true,
        tickCount: 6,
        format: '~g',
        title: ['change of magnitude', 'mean of |m − m₀|, in the unit of the weights'],
      },
    ],
    legends: [
      {
        fill: 'colour',
        shape: 'shape',
        title: ['kind of layer', 'slope, correlation r'],
        symbolStrokeWidth: 0,
        symbolSize: 70,
      },
      ...(stages.length > 1
        ? [
            {
              opacity: 'strength',
              title: 'point of the training',
              values: someOf(stages),
              symbolType: 'circle' as const,
              symbolFillColor: '#333333',
              symbolStrokeWidth: 0,
              symbolSize: 70,
            },
          ]
        : []),
    ],
    marks: [
      {
        type: 'group',
        from: { facet: { name: 'line', data: 'lines', groupby: 'kind' } },
        marks: [
          {
            type: 'line',
            name: 'fit',
            from: { data: 'line' },
            encode: {
              enter: {
                ...place,
                stroke: { scale: 'colour', field: 'kind' },
                strokeWidth: { value: 1.5 },
                description: { signal: "'fit of ' + datum.kind" },
              },
            },
          },
        ],
      },
      {
        type: 'symbol',
        name: 'layers',
        from: { data: 'points' },
        encode: {
          enter: {
            ...place,
            fill: { scale: 'colour', field: 'kind' },
            shape: { scale: 'shape', field: 'kind' },
            opacity: { scale: 'strength', field: 'stage' },
            size: { value: 60 },
            description: { field: 'text' },
          },
        },
      },
    ],
  }
}

function labelOf({ kind, slope, correlation }: KindFit): string {
  return slope === null
    ? `${kind}: no line`
    : `${kind}: ${short(slope)}, r = ${correlation === null ? 'none' : signed(correlation.toFixed(2))}`
}

function stageOf({ phase, step, checkpoint }: LayerChange): string {
  return phase === null ? checkpoint : `${phase} ${step}`
}

/** Both ends of a kind's line: from its smallest to its largest change of direction. */
function lineOf({ kind, slope, intercept }: KindFit, layers: readonly LayerChange[]): [x: number, y: number][] {
  if (slope === null || intercept === null) return []
  const own = layers.filter(change => change.kind === kind).map(change => change.directionChange)
  return [Math.min(...own), Math.max(...own)].map(x => [x, intercept + slope * x])
}

/** At most five, the first and the last among them. */
function someOf(stages: readonly string[]): string[] {
  const last = stages.length - 1
  const count = Math.min(5, stages.length)
  return Array.from({ length: count }, (_, i) => stages[Math.round((i * last) / (count - 1))]!)
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** Three digits, with a true minus sign. */
function short(value: number): string {
  const isLarge = Math.abs(value) >= 1e5
  return signed(isLarge ? value.toExponential(2) : String(Number(value.toPrecision(3))))
}

function signed(number: string): string {
  return number.replace('-', '−').replace('e+', 'e')
}
