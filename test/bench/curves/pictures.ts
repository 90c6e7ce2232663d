import { colours, type PlotSpec, renderSvg, shapes } from '../../../lib/plot/index.ts'
import { axes, baseInWords, type CurvePoint, steps, timeOf } from './plan.ts'

interface Quantity {
  name: 'time' | 'memory'
  title: string
  of(point: CurvePoint): number
}

export const quantities: readonly Quantity[] = [
  {
    name: 'time',
    title: 'milliseconds an example',
    of: point => timeOf(point) / point.examples,
  },
  { name: 'memory', title: 'MB of tensors above the model, at the peak of a step', of: ({ megabytes }) => megabytes },
]

/** Every picture with its name. */
export async function draw(points: readonly CurvePoint[]): Promise<[name: string, svg: string][]> {
  const pictures: [string, string][] = []
  for (const axis of axes) {
    const own = points.filter(point => point.axis === axis.name)
    if (own.length === 0) continue
    for (const quantity of quantities) {
      const values = steps.flatMap(step =>
        own
          .filter(point => point.step === step)
          .map(point => ({ step, x: point.x, y: quantity.of(point) }))
          .sort((a, b) => a.x - b.x),
      )
      const title = `${quantity.name} against ${axis.name}`
      pictures.push([
        `${quantity.name}-${axis.name}`,
        await renderSvg(specOf(title, axis.title, quantity.title, values)),
      ])
    }
  }
  return pictures
}

function specOf(
  title: string,
  xTitle: string,
  yTitle: string,
  values: { step: string; x: number; y: number }[],
): PlotSpec {
  const ticks = [...new Set(values.map(({ x }) => x))].sort((a, b) => a - b)
  const place = { x: { scale: 'x', field: 'x' }, y: { scale: 'y', field: 'y' } }
  return {
    width: 360,
    height: 260,
    padding: 12,
    title: { text: title, subtitle: `other sizes: ${baseInWords()}` },
    data: [{ name: 'points', values }],
    scales: [
      { name: 'x', type: 'log', base: 2, range: 'width', domain: { data: 'points', field: 'x' } },
      { name: 'y', type: 'log', range: 'height', nice: true, domain: { data: 'points', field: 'y' } },
      { name: 'colour', type: 'ordinal', domain: [...steps], range: colours },
      { name: 'shape', type: 'ordinal', domain: [...steps], range: shapes },
    ],
    axes: [
      { orient: 'bottom', scale: 'x', title: xTitle, values: ticks, format: 'd', grid: true },
      { orient: 'left', scale: 'y', title: yTitle, grid: true, tickCount: 6 },
    ],
    legends: [{ stroke: 'colour', shape: 'shape', orient: 'right' }],
    marks: [
      {
        type: 'group',
        from: { facet: { name: 'series', data: 'points', groupby: 'step' } },
        marks: [
          {
            type: 'line',
            from: { data: 'series' },
            encode: { enter: { ...place, stroke: { scale: 'colour', field: 'step' }, strokeWidth: { value: 2 } } },
          },
          {
            type: 'symbol',
            from: { data: 'series' },
            encode: {
              enter: {
                ...place,
                shape: { scale: 'shape', field: 'step' },
                fill: { value: 'white' },
                stroke: { scale: 'colour', field: 'step' },
                strokeWidth: { value: 2 },
                size: { value: 50 },
              },
            },
          },
        ],
      },
    ],
  }
}
