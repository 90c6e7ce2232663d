import { type Fit, fitPower, fitPowers, type Point } from './fit.ts'
import { axes, baseInWords, type CurvePoint, steps, timeOf } from './plan.ts'

interface Law {
  quantity: string
  unit: string
  of(point: CurvePoint): number
}

/** Of a step, not of an example: what is proportional to the batch is then a line too. */
const laws: readonly Law[] = [
  { quantity: 'time', unit: 'ms', of: timeOf },
  { quantity: 'memory', unit: 'MB', of: ({ megabytes }) => megabytes },
]

/** Laws from the simplest on: the first that is nowhere further off than `tolerated` is taken, else the last. */
const candidates = [
  [0, 1],
  [0, 2],
  [0, 1, 2],
] as const
const tolerated = 0.05

const variable: Record<string, string> = { length: 'n', batch: 'B', layers: 'L', hidden: 'h', rank: 'r', threads: 't' }

/**
 * The law of each curve: a line in the size, in its square, or in both; how well it fits and where worst; where a line
 * through the two smallest sizes breaks; and the exponent between the two points at each end.
 */
export function renderLaws(points: readonly CurvePoint[]): string {
  if (points.length === 0) return 'Not measured yet.'
  const header = [
    '| against | step | law | R² | worst | leaves the line of its two smallest | exponent: start, end |',
    '| --- | --- | --- | ---: | --- | --- | --- |',
  ]
  const lines = axes.flatMap(({ name }) =>
    laws.flatMap(law =>
      steps.flatMap(step => {
        const own = points
          .filter(point => point.axis === name && point.step === step)
          .map(point => [point.x, law.of(point)] as const)
          .sort(([a], [b]) => a - b)
        return own.length < 4 ? fewLine(name, law, step, own) : [lawLine(name, law, step, own)]
      }),
    ),
  )
  const { cpu, libtorch, commit } = points[0]!.machine
  const at = commit === undefined ? '' : `, commit ${commit}`
  return `${[...header, ...lines].join('\n')}\n\nWhere nothing else is said: ${baseInWords()}. ${cpu}, libtorch ${libtorch}${at}.`
}

function lawLine(axis: string, law: Law, step: string, points: readonly Point[]): string {
  const fits = candidates.map(powers => fitPowers(points, powers))
  const fit = fits.find(({ worst }) => Math.abs(worst.error) <= tolerated) ?? fits.at(-1)!
  const x = variable[axis] ?? 'x'
  const ends = [fitPower(points.slice(0, 2)), fitPower(points.slice(-2))].map(power => power.toFixed(2)).join(', ')
  const worst = `${percent(fit.worst.error)} at ${x} = ${fit.worst.x}`
  const cells = [axis, step, formula(law, fit, x), fit.r2.toFixed(4), worst, leavesLine(points, x), ends]
  return `| ${cells.join(' | ')} |`
}

function formula({ quantity, unit }: Law, { powers, coefficients }: Fit, x: string): string {
  const terms = powers.map((power, i) => {
    const value = coefficients[i]!
    const sign = i === 0 ? (value < 0 ? '-' : '') : value < 0 ? ' - ' : ' + '
    return `${sign}${show(Math.abs(value))}${['', ` ${x}`, ` ${x}²`][power]}`
  })
  return `${quantity} = ${terms.join('')} ${unit}`
}

/** The first size that lies off the line through the two smallest by more than a quarter. */
function leavesLine(points: readonly Point[], x: string): string {
  const [[x0, y0], [x1, y1]] = points as readonly [Point, Point]
  const found = points.find(([at, y]) => {
    const line = y0 + ((y1 - y0) / (x1 - x0)) * (at - x0)
    return Math.abs(y - line) > 0.25 * line
  })
  return found === undefined ? 'nowhere' : `from ${x} = ${found[0]}`
}

/** Of fewer than four points there is no law to fit: what the last one brings. */
function fewLine(axis: string, law: Law, step: string, points: readonly Point[]): string[] {
  if (points.length < 2) return []
  const [[from, first], [to, last]] = [points[0]!, points.at(-1)!]
  const text = `${to} instead of ${from}: ${(last / first).toFixed(2)} of the ${law.quantity}`
  return [`| ${axis} | ${step} | ${text} | | | | |`]
}

const show = (value: number) => Number(value.toPrecision(3)).toString()
const percent = (rate: number) => `${(rate * 100).toFixed(0)} %`
