import { parentPort } from 'node:worker_threads'
import { AbortError, DataError } from '../../../lib/errors.ts'
import { type ServedModel, serve } from '../../../lib/host/serve.ts'
import type { Example, PredictInput } from '../../../lib/train/index.ts'

/*
 * The real serving loop around a model without tensors, so that the host can be tested with no addon. What the stub
 * does is chosen by the text of its first example or input.
 */
const info = {
  task: 'text-classification',
  problemType: 'single-label',
  method: 'bidora',
  modelType: 'stub',
  device: 'cpu',
  dtype: 'float32',
  parameters: { trainable: 1, total: 2 },
} as const

/** Blocks the thread as a tensor operation does. */
function work(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

function textOf(input: PredictInput): string {
  if (typeof input === 'string') return input
  return 'text' in input ? input.text : 'words'
}

function stub(directory: string): ServedModel {
  return {
    info: { ...info, modelType: directory },
    async fit(examples, options, hooks) {
      const [first] = examples as readonly Example[]
      if (first?.text === 'explode') throw new DataError('BAD', 'fit: stub', { line: 3, call: () => 1 })
      if (first?.text === 'die') process.exit(7)
      if (first?.text === 'throw later') setTimeout(() => Promise.reject(new Error('out of hand')), 300)
      const steps = first?.text === 'endless' ? Number.POSITIVE_INFINITY : 5
      for (let step = 1; step <= steps; step++) {
        if (hooks?.shouldStop?.())
          throw new AbortError('STOPPED', 'fit: stopped', { checkpoint: options?.output, step })
        work(20)
        hooks?.onProgress?.({ step, steps } as never)
      }
      const counts = { examples: examples.length, validation: options?.validation?.length, test: options?.test?.length }
      return { ...counts, options: { ...options, validation: undefined, test: undefined } } as never
    },
    async evaluate(examples) {
      return { examples: examples.length }
    },
    async predict(inputs) {
      return inputs.map(input => ({ label: textOf(input), score: inputs.length }))
    },
    async save() {},
    async merge() {
      return { maxRelativeError: 0, layers: 1, texts: 1 }
    },
    dispose() {},
  }
}

const create = async (directory: string) => {
  if (directory === 'missing') throw new TypeError('no such thing', { cause: new RangeError('inner') })
  return stub(directory)
}
if (parentPort) serve(parentPort, async () => ({ create, load: create }))
