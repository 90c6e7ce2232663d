import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AbortError } from '../../lib/errors.ts'
import {
  type Example,
  type FitHooks,
  type FitOptions,
  type FitReport,
  type ModelOptions,
  TunedModel,
} from '../../lib/train/index.ts'

/** What a training is made of beside its settings. */
export interface RunOptions<T> {
  readonly model?: ModelOptions
  readonly hooks?: FitHooks
  /** Gets the model after the training. */
  readonly use?: (model: TunedModel) => T
}

/** Trains a new model of a tiny one, dropout on. */
export async function fitTiny<T>(
  base: string,
  examples: readonly Example[],
  options: FitOptions,
  { model = {}, hooks = {}, use }: RunOptions<T> = {},
): Promise<{ report: FitReport; used: Awaited<T> | undefined }> {
  const adapted = model.method === 'full' ? {} : { rank: 2, loraDropout: 0.1 }
  const tuned = await TunedModel.create(base, { device: 'cpu', maxLength: 32, ...adapted, ...model })
  try {
    const report = await tuned.fit(examples, options, hooks)
    return { report, used: await use?.(tuned) }
  } finally {
    tuned.dispose()
  }
}

class Killed extends Error {}

/** Lets a run die without any notice at the report of progress that is wanted; one that ends before is an error. */
export async function killAt(wanted: number, run: (hooks: FitHooks) => Promise<unknown>): Promise<void> {
  assert.ok(await diesAt(wanted, run), `expected at least ${wanted} reports of progress`)
}

/** The same for a run that may end before. Returns whether it died. */
export async function diesAt(wanted: number, run: (hooks: FitHooks) => Promise<unknown>): Promise<boolean> {
  let reports = 0
  const onProgress = () => {
    if (++reports === wanted) throw new Killed()
  }
  return run({ onProgress }).then(
    () => {
      assert.ok(reports < wanted, 'what a report throws must end the run')
      return false
    },
    (error: unknown) => {
      assert.ok(error instanceof Killed, String(error))
      return true
    },
  )
}

/** Stops a run at the request after so many questions whether to stop; one that has fewer is an error. */
export async function stopAfter(questions: number, run: (hooks: FitHooks) => Promise<unknown>): Promise<AbortError> {
  const error = await stopsAfter(questions, run)
  assert.ok(error, `expected more than ${questions} questions`)
  return error
}

/** The same for a run that may have fewer. Returns the error it was stopped with. */
export async function stopsAfter(
  questions: number,
  run: (hooks: FitHooks) => Promise<unknown>,
): Promise<AbortError | undefined> {
  let asked = 0
  return run({ shouldStop: () => ++asked > questions }).then(
    () => undefined,
    (error: unknown) => {
      assert.ok(error instanceof AbortError, String(error))
      return error
    },
  )
}

/** Lines of metrics.jsonl without the one field that the clock decides. */
export function metricsOf(output: string): object[] {
  const lines = readFileSync(join(output, 'run', 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
  return lines.map(line => ({ ...(JSON.parse(line) as object), examplesPerSecond: undefined }))
}

/** The file of the weights that a run has saved. */
export function weightsOf(output: string): Buffer {
  const file = ['adapter_model.safetensors', 'model.safetensors'].find(name => existsSync(join(output, name)))
  assert.ok(file, `no weights in ${output}`)
  return readFileSync(join(output, file))
}

/** Weights to the bit, and every line of the log. */
export function assertSameRun(got: string, expected: string): void {
  assert.ok(weightsOf(got).equals(weightsOf(expected)), `the weights of ${got} and ${expected} differ`)
  assert.deepEqual(metricsOf(got), metricsOf(expected))
}
