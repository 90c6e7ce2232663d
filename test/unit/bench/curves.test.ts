import assert from 'node:assert/strict'
import { fitPower, fitPowers } from '../../bench/curves/fit.ts'
import { renderLaws } from '../../bench/curves/laws.ts'
import { draw } from '../../bench/curves/pictures.ts'
import { axes, type CurvePoint, pointsOf, shapeAt, steps } from '../../bench/curves/plan.ts'

const close = (got: number, wanted: number, tolerance = 1e-9) =>
  assert.ok(Math.abs(got - wanted) <= tolerance * Math.abs(wanted), `${got} is not ${wanted}`)

describe('the law of a curve', () => {
  it('is the polynomial that the points lie on', () => {
    const { coefficients, r2, worst } = fitPowers(
      [1, 2, 4, 8, 16].map(x => [x, 3 + 2 * x + 0.5 * x * x]),
      [0, 1, 2],
    )
    for (const [i, wanted] of [3, 2, 0.5].entries()) close(coefficients[i]!, wanted)
    close(r2, 1)
    assert.ok(Math.abs(worst.error) < 1e-9)
  })

  it('weighs relative errors: of a constant to 1 and 3 it is the harmonic kind of mean, 1.2', () => {
    // min over c of (c / 1 - 1)^2 + (c / 3 - 1)^2: c (1 + 1/9) = 1 + 1/3
    close(
      fitPowers(
        [
          [1, 1],
          [2, 3],
        ],
        [0],
      ).coefficients[0]!,
      1.2,
    )
  })

  it('says where the points leave it', () => {
    const { worst, r2 } = fitPowers([...[1, 2, 3, 4, 5].map(x => [x, 10 * x] as const), [6, 90] as const], [0, 1])
    assert.equal(worst.x, 6)
    assert.ok(worst.error > 0.15 && r2 < 0.99)
  })

  it('has the exponent of its powers', () => {
    close(fitPower([1, 2, 4].map(x => [x, 5 * x ** 1.5])), 1.5)
  })

  const at = (axis: string, x: number, milliseconds: number): CurvePoint[] =>
    steps.map(step => ({
      axis,
      step,
      x,
      examples: 8,
      milliseconds: { minimum: 2 * milliseconds, median: 2 * milliseconds },
      cpuMilliseconds: { minimum: milliseconds, median: milliseconds },
      megabytes: x,
      machine: { cpu: 'a CPU', libtorch: '2.15.0' },
    }))

  it('is the simplest of line, square and both that holds', () => {
    const laws = (values: (x: number) => number) =>
      renderLaws([64, 128, 256, 512].flatMap(h => at('hidden', h, values(h))))
    assert.match(
      laws(h => 3 + 2 * h),
      /\| hidden \| LoRA step \| time = 3 \+ 2 h ms \| 1\.0000 \| -?0 % at h = \d+ \| nowhere \|/,
    )
    assert.match(
      laws(h => 1 + h * h),
      /\| time = 1 \+ 1 h² ms \|/,
    )
    assert.match(
      laws(h => 5 + h + 0.01 * h * h),
      /\| time = 5 \+ 1 h \+ 0\.01 h² ms \|/,
    )
  })

  it('names the size from which on it leaves its first line', () => {
    const times = [10, 20, 40, 80, 160, 900]
    const text = renderLaws(times.flatMap((time, i) => at('length', 16 * 2 ** i, time)))
    assert.match(text, /\| length \| faithful round \| time = .* \| from n = 512 \| 1\.00, 2\.49 \|/)
  })
})

describe('the plan of the curves', () => {
  it('varies one size at a time, and threads up to those of the machine', () => {
    const base = shapeAt('rank', 8)
    for (const axis of axes) {
      const changed = shapeAt(axis.name, pointsOf(axis, 8).at(-1)!)
      const names = (Object.keys(base) as (keyof typeof base)[]).filter(name => changed[name] !== base[name])
      assert.deepEqual(names, axis.name === 'hidden' ? ['hidden', 'heads', 'intermediate'] : [axis.name])
    }
    const threads = axes.find(({ name }) => name === 'threads')!
    assert.deepEqual(pointsOf(threads, 1), [1])
    assert.deepEqual(pointsOf(threads, 2), [1, 2])
    assert.deepEqual(pointsOf(threads, 8), [1, 2, 8])
  })

  it('draws a picture of time and one of memory for every size that was measured', async () => {
    const points = [16, 32, 64].flatMap(x =>
      steps.map(step => ({
        axis: 'length',
        step,
        x,
        examples: 8,
        milliseconds: { minimum: x, median: x },
        cpuMilliseconds: { minimum: x, median: x },
        megabytes: x,
        machine: {},
      })),
    )
    const pictures = await draw(points)
    assert.deepEqual(
      pictures.map(([name]) => name),
      ['time-length', 'memory-length'],
    )
    for (const [, svg] of pictures) for (const step of steps) assert.ok(svg.includes(step))
  })
})
