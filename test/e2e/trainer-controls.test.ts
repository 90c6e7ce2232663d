import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSafetensors } from '../../lib/io/index.ts'
import { type FitOptions, type FitReport, TunedModel } from '../../lib/train/index.ts'
import { oneThread, scratch } from './scratch.ts'
import { tinyExamples } from './tiny-model.ts'
import { fitTiny, killAt, type RunOptions, weightsOf as weightsIn } from './tiny-runs.ts'

const examples = tinyExamples(24)
const validation = tinyExamples(10)
const texts = ['the free prize is now', 'the lunch is noon', 'win the film']
const options: FitOptions = {
  batchSize: 8,
  searchSteps: 4,
  retrainSteps: 4,
  learningRate: 0.02,
  upperLearningRate: 0.02,
  logEvery: 2,
  saveEvery: 3,
  validation,
}

describe('precision, gradient checkpointing, weights of classes', function () {
  this.timeout(120_000)
  oneThread()
  const here = scratch('controls')
  const place = (name: string) => join(here.folder, name)
  /** Trains with an output folder. */
  const fit = <T>(name: string, more: FitOptions = {}, run: RunOptions<T> = {}) =>
    fitTiny(here.base, examples, { ...options, output: place(name), ...more }, run)
  const weightsOf = (name: string) => weightsIn(place(name))
  const lossesOf = ({ history }: FitReport) => history.map(({ lowerLoss, upperLoss }) => [lowerLoss, upperLoss])

  describe('gradientCheckpointing', () => {
    for (const [name, more] of [
      ['finite-difference', {}],
      ['accumulated', { batchSize: 4, accumulation: 2, upperBatchSize: 4, upperAccumulation: 2 }],
      ['sama', { hypergradient: 'sama' }],
      ['bfloat16', { precision: 'bfloat16' }],
      ['bfloat16-frozen', { precision: 'bfloat16-frozen' }],
    ] as const satisfies readonly [string, FitOptions][]) {
      it(`ends with the same bits as without: ${name}`, async () => {
        // The regulariser's gradient would be added to a sum in the place of its terms, which rounds differently.
        await fit(`plain-${name}`, { ...more, orthogonality: 0 })
        await fit(`checkpointed-${name}`, { ...more, orthogonality: 0, gradientCheckpointing: true })
        assert.ok(weightsOf(`checkpointed-${name}`).equals(weightsOf(`plain-${name}`)))
      })
    }

    it('ends at the same place but for rounding beside the regulariser', async () => {
      const { report } = await fit('regularised', { orthogonality: 0.01 })
      const { report: same } = await fit('regularised-too', { orthogonality: 0.01, gradientCheckpointing: true })
      for (const [i, losses] of lossesOf(same).entries())
        for (const [level, loss] of losses.entries())
          if (loss !== undefined) assert.ok(Math.abs(loss / lossesOf(report)[i]![level]! - 1) < 1e-4, `line ${i}`)
    })

    it('refuses methods of second derivatives, naming them', async () => {
      const refusal = fit('refused', { gradientCheckpointing: true, hypergradient: 'exact' })
      await assert.rejects(refusal, /hypergradient 'exact' differentiates twice/)
    })
  })

  describe('precision', () => {
    for (const precision of ['bfloat16', 'bfloat16-frozen'] as const)
      it(`${precision} trains float32 weights to near the same place, and to another by its bits`, () =>
        trainsNarrow(precision))

    async function trainsNarrow(precision: 'bfloat16' | 'bfloat16-frozen'): Promise<void> {
      const { report: full } = await fit('float32')
      const { report } = await fit('bfloat16', { precision })
      for (const tensor of readSafetensors(join(place('bfloat16'), 'adapter_model.safetensors')).values()) {
        assert.equal(tensor.dtype, 'float32')
        tensor.dispose()
      }
      assert.ok(!weightsOf('bfloat16').equals(weightsOf('float32')))
      for (const [i, [lower, upper]] of lossesOf(report).entries()) {
        const [fullLower, fullUpper] = lossesOf(full)[i]!
        assert.ok(Math.abs(lower! - fullLower!) < 0.05, `lower losses ${lower} and ${fullLower}`)
        assert.equal(upper === undefined, fullUpper === undefined)
      }
    }

    it('evaluations, predictions and the loaded model compute as the training did', async () => {
      const use = async (model: TunedModel) => [await model.evaluate(validation), await model.predict(texts)]
      const { report, used } = await fit('narrow', { precision: 'bfloat16' }, { use })
      assert.deepEqual(used![0], report.metrics.validation)
      const { used: answers } = await fit('narrow-too', { precision: 'bfloat16' }, { use: m => m.predict(validation) })
      const losses = answers!.map(({ scores }, index) => -Math.log(scores![validation[index]!.label]!))
      const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length
      assert.ok(Math.abs(report.metrics.validation!.loss! - mean) < 1e-9, 'an evaluation computes as a prediction does')
      const loaded = await TunedModel.load(place('narrow'), { device: 'cpu' })
      const wide = await TunedModel.load(place('narrow'), { device: 'cpu', dtype: 'float64' })
      try {
        assert.deepEqual([await loaded.evaluate(validation), await loaded.predict(texts)], used)
        assert.notDeepEqual(await wide.predict(texts), used![1])
      } finally {
        loaded.dispose()
        wide.dispose()
      }
    })

    it('upperPrecision is of the upper level alone', async () => {
      const first = async (more: FitOptions) =>
        lossesOf((await fit('upper', { searchSteps: 1, logEvery: 1, retrainSteps: 1, ...more })).report)[0]!
      const full = await first({})
      const upper = await first({ upperPrecision: 'bfloat16' })
      const lower = await first({ precision: 'bfloat16', upperPrecision: 'float32' })
      assert.equal(upper[0], full[0])
      assert.notEqual(upper[1], full[1])
      assert.notEqual(lower[0], full[0])
    })

    it('resumes to the same bits', async () => {
      await fit('whole-narrow', { precision: 'bfloat16' })
      await killAt(4, hooks => fit('killed-narrow', { precision: 'bfloat16' }, { hooks }))
      await fit('killed-narrow', { precision: 'bfloat16', resume: true })
      assert.ok(weightsOf('killed-narrow').equals(weightsOf('whole-narrow')))
    })

    it('refuses float16 with the reason, and bfloat16 for float64 weights', async () => {
      await assert.rejects(fit('refused', { precision: 'float16' as 'float32' }), /float16' is not offered: its losses/)
      await assert.rejects(
        fit('refused', { precision: 'bfloat16' }, { model: { dtype: 'float64' } }),
        /does nothing for weights of dtype float64/,
      )
    })
  })

  describe('classWeights and labelSmoothing', () => {
    it('a batch in parts trains as the whole batch does, though its parts weigh differently', async () => {
      const config = join(here.base, 'config.json')
      const text = readFileSync(config, 'utf8')
      writeFileSync(config, text.replaceAll(/"(\w+_dropout_prob)":0.1/g, '"$1":0'))
      try {
        const model = { loraDropout: 0, dtype: 'float64' } as const
        const more = { classWeights: [1, 7], labelSmoothing: 0.1, lengthWindow: 1 } as const
        const { report: whole } = await fit('weighted', more, { model })
        const parts = { batchSize: 3, accumulation: 2, upperBatchSize: 2, upperAccumulation: 3 }
        const { report: same } = await fit('weighted-parts', { ...more, ...parts }, { model })
        const { report: six } = await fit('weighted-six', { ...more, batchSize: 6, upperBatchSize: 6 }, { model })
        assert.notDeepEqual(lossesOf(whole), lossesOf(six))
        for (const [i, losses] of lossesOf(six).entries()) {
          for (const [level, loss] of losses.entries())
            if (loss !== undefined) assert.ok(Math.abs(loss - lossesOf(same)[i]![level]!) < 1e-9 * loss, `line ${i}`)
        }
      } finally {
        writeFileSync(config, text)
      }
    })

    it('change the training loss and leave evaluations as they are', async () => {
      const first = async (more: FitOptions) => {
        const rates = { learningRate: 0, upperLearningRate: 0, searchSteps: 1, retrainSteps: 1, logEvery: 1 }
        const { report } = await fit('objective', { ...rates, ...more })
        return {
          training: lossesOf(report)[0]![0],
          upper: lossesOf(report)[0]![1],
          evaluation: report.metrics.validation,
        }
      }
      const plain = await first({})
      for (const more of [{ classWeights: [1, 3] }, { labelSmoothing: 0.2 }]) {
        const other = await first(more)
        assert.notEqual(other.training, plain.training)
        assert.notEqual(other.upper, plain.upper)
        assert.deepEqual(other.evaluation, plain.evaluation)
      }
    })

    it('refuses both for a regression, and weights that are none', async () => {
      const model = { problemType: 'regression' } as const
      await assert.rejects(
        fit('refused', { classWeights: 'balanced' }, { model }),
        /'regression' has no classes; remove classWeights/,
      )
      await assert.rejects(fit('refused', { labelSmoothing: 0.1 }, { model }), /remove labelSmoothing/)
      await assert.rejects(
        fit('refused', { classWeights: [1, 0] }),
        /classWeights must be 'balanced' or a list of numbers above 0/,
      )
      await assert.rejects(fit('refused', { classWeights: [1, 2, 3] }), /one number for each of the 2 labels/)
    })
  })
})
