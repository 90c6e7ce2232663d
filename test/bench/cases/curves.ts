import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { memoryStats, resetPeakMemory, setNumThreads } from '../../../lib/torch.ts'
import type { BenchCase, BenchOptions, BenchRow } from '../case.ts'
import { axes, type CurvePoint, type CurveStep, pointKey, pointsOf, shapeAt, steps } from '../curves/plan.ts'
import { curvesFile, pictures, readCurves } from '../curves/file.ts'
import { draw } from '../curves/pictures.ts'
import { inTurn } from '../entrants.ts'
import { machineOf } from '../machine.ts'
import { randomModel, randomTexts } from '../random-model.ts'
import { loraStepper, roundStepper } from '../steps.ts'
import { spread } from '../turns.ts'
import { loadBatch, seconds } from '../work.ts'

/**
 * Time and peak memory of a step against each size by itself, all others at the middle of their range. What the file has
 * is not measured again; a new measurement is a file that was removed. Then the pictures are drawn anew.
 */
export const curves: BenchCase = {
  name: 'curves',
  async *run(options) {
    const known = new Set(readCurves().map(pointKey))
    for (const axis of axes) {
      for (const step of steps) {
        for (const x of pointsOf(axis)) {
          if (known.has(pointKey({ axis: axis.name, step, x }))) continue
          const point = await measure(axis.name, step, x, options)
          appendFileSync(curvesFile, `${JSON.stringify(point)}\n`)
          yield rowOf(point)
        }
      }
    }
    mkdirSync(pictures, { recursive: true })
    for (const [name, svg] of await draw(readCurves())) writeFileSync(join(pictures, `${name}.svg`), svg)
  },
}

async function measure(axis: string, step: CurveStep, x: number, { quick }: BenchOptions): Promise<CurvePoint> {
  const { length, batch, threads, ...sizes } = shapeAt(axis, x)
  setNumThreads(threads)
  const { model, lower, upper } = randomModel(sizes, step === 'LoRA step' ? 'lora' : 'bidora')
  const [a, b] = [0, 1].map(seed => loadBatch(randomTexts(new Array(batch).fill(length), seed)))
  const run =
    step === 'LoRA step'
      ? inTurn([a!], loraStepper(model, lower))
      : inTurn([{ lower: a!, upper: b! }], roundStepper(model, lower, upper))
  run()
  const times: number[] = []
  const ofProcessor: number[] = []
  const started = performance.now()
  let peak = 0
  // At least three, and as many as fit into a second: short steps are noisy.
  while (times.length < 3 || (performance.now() - started < (quick ? 200 : 1000) && times.length < 30)) {
    resetPeakMemory()
    const before = memoryStats().usedBytes
    const cpu = process.cpuUsage()
    times.push(seconds(run) * 1e3)
    const { user, system } = process.cpuUsage(cpu)
    ofProcessor.push((user + system) / 1e3)
    peak = Math.max(peak, memoryStats().peakUsedBytes - before)
    await new Promise(done => setImmediate(done))
  }
  model.dispose()
  setNumThreads(1)
  const { commit, cpu, cores, libtorch } = machineOf(threads)
  const machine = { cpu, cores, libtorch, threads, ...(commit === undefined ? {} : { commit }) }
  return {
    axis,
    step,
    x,
    examples: batch,
    milliseconds: spread(times),
    cpuMilliseconds: spread(ofProcessor),
    megabytes: peak / 1e6,
    machine,
  }
}

function rowOf({ axis, step, x, milliseconds, megabytes }: CurvePoint): BenchRow {
  return {
    case: 'curves',
    shape: `${axis} ${x}`,
    name: step,
    ours: milliseconds,
    note: `${megabytes.toFixed(1)} MB at the peak`,
  }
}
