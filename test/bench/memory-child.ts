// node dist/test/bench/memory-child.js NAME THREADS: what one of our steps takes at its peak, in a process of its own. Reads
// { lower, upper } batches as JSON from stdin; prints { resident, peak } in bytes. The first batches are small: what is
// resident after them is the model with everything loaded, and the peak is that of the others.
import { readFileSync, writeFileSync } from 'node:fs'
import { setNumThreads } from '../../lib/torch.ts'
import { bidoraSettings, inputsOf, loraSettings, type Texts } from './entrants.ts'
import { loraStepper, roundStepper } from './steps.ts'
import { ourLoraName, variants } from './variants.ts'
import { loadBatch, makeModel } from './work.ts'

function resident(): { resident: number; peak: number } {
  const status = readFileSync('/proc/self/status', 'utf8')
  const kilobytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)![1])
  return { resident: kilobytes('VmRSS') * 1024, peak: kilobytes('VmHWM') * 1024 }
}

async function main(): Promise<void> {
  const [name, threads] = process.argv.slice(2) as [string, string]
  const texts = JSON.parse(readFileSync(0, 'utf8')) as Texts
  setNumThreads(Number(threads))
  const isLora = name === ourLoraName
  const { model, lower, upper } = makeModel(isLora ? loraSettings : bidoraSettings)
  model.train(true)
  const steps = isLora ? loraSteps() : roundSteps(name)
  steps[0]!()
  await new Promise(done => setImmediate(done))
  globalThis.gc?.()
  writeFileSync('/proc/self/clear_refs', '5') // the peak is what is resident now
  const before = resident().resident
  for (const step of steps.slice(1)) {
    step()
    await new Promise(done => setImmediate(done))
  }
  console.log(JSON.stringify({ resident: before, peak: resident().peak }))

  function loraSteps(): (() => void)[] {
    const step = loraStepper(model, lower)
    const batches = texts.lower.map(loadBatch)
    return batches.map(batch => () => void step(batch))
  }

  function roundSteps(of: string): (() => void)[] {
    const variant = variants.find(one => one.name === of)
    if (variant === undefined) throw new Error(`memory: expected one of our steps, got ${of}`)
    const round = roundStepper(model, lower, upper, variant)
    const inputs = inputsOf(texts, variant)
    return inputs.map(input => () => void round(input))
  }
}

main().catch((error: unknown) => {
  console.error(error)
  process.exitCode = 1
})
