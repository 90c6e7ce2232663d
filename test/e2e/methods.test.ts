import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { BidoraError } from '../../lib/errors.ts'
import { readSafetensors } from '../../lib/io/index.ts'
import { type Example, type FitOptions, type ModelOptions, type Prediction, TunedModel } from '../../lib/train/index.ts'
import { oneThread, scratch } from './scratch.ts'
import { tinyExamples } from './tiny-model.ts'

const common = { device: 'cpu', maxLength: 32 } as const
const short: FitOptions = { batchSize: 8, retrainSteps: 12, learningRate: 0.02 }
const labelled = tinyExamples(48)
const regression: Example[] = labelled.map(({ text, label }) => ({ text, label: label === 'spam' ? 1.5 : -0.5 }))
const several: Example[] = labelled.map(({ text, label }, index) => ({
  text,
  label: index % 3 === 0 ? [label, 'third'] : [label],
}))
const pairs: Example[] = labelled.map(({ text, label }) => ({ text, pair: 'see you at noon', label }))
const texts = ['the film is free now', 'lunch at noon', { text: 'you win', pair: 'a prize' }, 'very not good']

interface Case {
  name: string
  /** Whether no plain model computes the same. */
  unmergeable?: boolean
  model: ModelOptions
  fit?: FitOptions
  examples?: Example[]
}

const adapted = { rank: 2, loraAlpha: 4 }
const search = { searchSteps: 6 }
const cases: Case[] = [
  { name: 'bidora', model: { method: 'bidora', ...adapted }, fit: search },
  { name: 'bidora, axis in', model: { method: 'bidora', magnitudeAxis: 'in', ...adapted }, fit: search },
  { name: 'bidora, exact', model: { method: 'bidora', ...adapted }, fit: { ...search, hypergradient: 'exact' } },
  {
    name: 'bidora, first-order, two lower steps',
    model: { method: 'bidora', ...adapted },
    fit: { ...search, hypergradient: 'first-order', unrollSteps: 2 },
  },
  {
    name: 'bidora, regression',
    model: { method: 'bidora', problemType: 'regression', ...adapted },
    fit: search,
    examples: regression,
  },
  {
    name: 'bidora, several labels',
    model: { method: 'bidora', problemType: 'multi-label', ...adapted },
    fit: search,
    examples: several,
  },
  {
    name: 'bidora, pairs, float64',
    model: { method: 'bidora', dtype: 'float64', ...adapted },
    fit: search,
    examples: pairs,
  },
  {
    name: 'bidora, compat official',
    model: { method: 'bidora', compat: 'official', rank: 2 },
    fit: { ...search, learningRate: 1e-3, lowerLearningRate: 1e-3, upperLearningRate: 1e-3 },
  },
  { name: 'dora', model: { method: 'dora', ...adapted } },
  {
    name: 'dora, axis in, norm in the graph',
    model: { method: 'dora', magnitudeAxis: 'in', detachNorm: false, ...adapted },
  },
  {
    name: 'lora, all linear layers, dropout',
    model: { method: 'lora', targetModules: ['all-linear'], loraDropout: 0.1, ...adapted },
  },
  { name: 'rslora', model: { method: 'rslora', ...adapted } },
  {
    name: 'adalora',
    model: { method: 'adalora', initialRank: 5, ...adapted },
    fit: { tinit: 1, tfinal: 3, deltaT: 2 },
  },
  {
    name: 'adalora, every linear layer, dropout, down to the last step',
    model: { method: 'adalora', initialRank: 3, targetModules: ['all-linear'], loraDropout: 0.1, ...adapted, rank: 1 },
  },
  { name: 'vera', model: { method: 'vera', rank: 20 } },
  {
    name: 'vera, several shapes, projections left to the seed, dropout',
    model: {
      method: 'vera',
      rank: 5,
      targetModules: ['value', 'intermediate.dense', 'output.dense'],
      saveProjection: false,
      projectionPrngKey: 9,
      loraDropout: 0.1,
    },
  },
  {
    name: 'fourierft',
    model: { method: 'fourierft', nFrequency: 40, scaling: 20, targetModules: ['value', 'intermediate.dense'] },
  },
  { name: 'adapter', model: { method: 'adapter', reductionFactor: 4 }, unmergeable: true },
  { name: 'adapter, pfeiffer', model: { method: 'adapter', adapterKind: 'pfeiffer' }, unmergeable: true },
  { name: 'full', model: { method: 'full' } },
  { name: 'full, regression', model: { method: 'full', problemType: 'regression' }, examples: regression },
  { name: 'bitfit', model: { method: 'bitfit' } },
  { name: 'head', model: { method: 'head' } },
]

/** The loss of an evaluation is what the predictions themselves say of the labels. */
function assertLoss(loss: number, predictions: Prediction[], examples: Example[]): void {
  const losses = examples.map(({ label }, index) => {
    const { score, scores } = predictions[index]!
    if (!scores) return (score! - (label as number)) ** 2
    if (!Array.isArray(label)) return -Math.log(scores[label as string]!)
    const terms = Object.entries(scores).map(([name, p]) => -Math.log(label.includes(name) ? p : 1 - p))
    return terms.reduce((sum, term) => sum + term, 0) / terms.length
  })
  const mean = losses.reduce((sum, value) => sum + value, 0) / losses.length
  assert.ok(Math.abs(loss - mean) < 1e-5, `${loss} is not ${mean}`)
}

describe('every method, end to end', () => {
  oneThread()
  const here = scratch('methods')

  for (const { name, model: options, fit, examples = labelled, unmergeable = false } of cases) {
    it(`${name}: trains, saves, loads with bit-equal predictions, merges`, async () => {
      const output = join(here.folder, name.replaceAll(/[^a-z0-9]+/g, '-'))
      const model = await TunedModel.create(here.base, { ...common, ...options })
      const report = await model.fit(examples, { ...short, ...fit, validation: examples.slice(0, 10) })
      assert.equal(report.steps.retrain, 12)
      assert.equal(report.steps.search, fit?.searchSteps ?? 0)
      assert.ok(report.parameters.trainable > 0 && report.parameters.trainable <= report.parameters.total)
      assert.ok(Number.isFinite(report.metrics.validation?.loss))
      const predictions = await model.predict(texts)
      const scores = await model.evaluate(examples)
      assertLoss(scores.loss!, await model.predict(examples), examples)
      assert.equal(predictions.length, texts.length)

      await model.save(join(output, 'saved'))
      const loaded = await TunedModel.load(join(output, 'saved'), {
        device: 'cpu',
        ...(options.dtype ? { dtype: options.dtype as 'float64' } : {}),
      })
      assert.deepEqual(loaded.info, model.info)
      assert.deepEqual(await loaded.predict(texts), predictions)
      assert.deepEqual(await loaded.evaluate(examples), scores)
      assert.ok(existsSync(join(output, 'saved', 'README.md')) && existsSync(join(output, 'saved', 'tokenizer.json')))

      // What was loaded can be saved again, to the same bytes.
      await loaded.save(join(output, 'again'))
      const weights = options.method === 'full' ? 'model.safetensors' : 'adapter_model.safetensors'
      assert.ok(readFileSync(join(output, 'again', weights)).equals(readFileSync(join(output, 'saved', weights))))
      loaded.dispose()

      if (unmergeable) {
        await assert.rejects(model.merge(join(output, 'merged')), /which no plain layer can stand for/)
        assert.ok(!existsSync(join(output, 'merged')))
        assert.deepEqual(await model.predict(texts), predictions)
        return model.dispose()
      }
      const merge = await model.merge(join(output, 'merged'))
      assert.ok(merge.maxRelativeError <= (options.dtype === 'float64' ? 1e-12 : 1e-5), String(merge.maxRelativeError))
      assert.ok(!existsSync(join(output, 'merged', 'adapter_config.json')))
      // Merging leaves the model itself as it was.
      assert.deepEqual(await model.predict(texts), predictions)
      const plain = await TunedModel.load(join(output, 'merged'), {
        device: 'cpu',
        dtype: (options.dtype ?? 'float32') as 'float32',
      })
      assert.equal(plain.info.problemType, model.info.problemType)
      const merged = await plain.predict(texts)
      for (const [index, { score, scores: all }] of predictions.entries()) {
        for (const [label, value] of Object.entries(all ?? { score: score! })) {
          const got = all ? merged[index]!.scores![label]! : merged[index]!.score!
          assert.ok(Math.abs(got - value) < 1e-5, `${label}: ${got} is not ${value}`)
        }
      }
      plain.dispose()
      model.dispose()
    })
  }

  it('magnitudes move in the search and stay in the retraining; directions and head go back to their start', async () => {
    const saved = async (fit: FitOptions) => {
      const model = await TunedModel.create(here.base, { ...common, ...adapted, labels: ['ham', 'spam'] })
      if (fit.searchSteps) await model.fit(labelled, { batchSize: 8, ...fit })
      await model.save(join(here.folder, 'parts'))
      model.dispose()
      const tensors = readSafetensors(join(here.folder, 'parts', 'adapter_model.safetensors'), { copy: true })
      const values = new Map([...tensors].map(([key, tensor]) => [key, tensor.tolist()]))
      for (const tensor of tensors.values()) tensor.dispose()
      return values
    }
    const start = await saved({})
    const still = await saved({
      searchSteps: 6,
      retrainSteps: 1,
      retrainLearningRate: 0,
      lowerLearningRate: 0.02,
      weightDecay: 0,
    })
    const moved = await saved({
      searchSteps: 6,
      retrainSteps: 6,
      retrainLearningRate: 0.02,
      lowerLearningRate: 0.02,
      weightDecay: 0,
    })
    for (const [key, value] of start) {
      if (key.includes('magnitude')) {
        assert.notDeepEqual(still.get(key), value, key)
        assert.deepEqual(moved.get(key), still.get(key), key)
      } else {
        assert.deepEqual(still.get(key), value, key)
        assert.notDeepEqual(moved.get(key), value, key)
      }
    }
  })

  it('the first upper step moves every magnitude by its rate, and a rate of 0 none', async () => {
    const magnitudes = async (upperLearningRate: number) => {
      const model = await TunedModel.create(here.base, { ...common, ...adapted, labels: ['ham', 'spam'] })
      const fit = { batchSize: 8, searchSteps: 1, retrainSteps: 1, warmupRatio: 0, upperLearningRate }
      if (upperLearningRate >= 0) await model.fit(labelled, fit)
      await model.save(join(here.folder, 'rates'))
      model.dispose()
      const tensors = readSafetensors(join(here.folder, 'rates', 'adapter_model.safetensors'), { copy: true })
      const found = [...tensors].filter(([key]) => key.includes('magnitude'))
      const values = found.flatMap(([, tensor]) => tensor.tolist() as number[])
      for (const tensor of tensors.values()) tensor.dispose()
      return values
    }
    const start = await magnitudes(-1)
    assert.equal(start.length, 4 * 16)
    assert.deepEqual(await magnitudes(0), start)
    // Adam's first step is the rate itself, whatever the size of the gradient (above its epsilon).
    const moved = (await magnitudes(0.125)).map((value, index) => Math.abs(value - start[index]!))
    assert.ok(Math.max(...moved) < 0.125 + 1e-6, String(Math.max(...moved)))
    assert.ok(moved.filter(distance => distance > 0.12).length > 0.9 * moved.length, String(moved))
  })

  it('without retraining the model is what the search chose; parts of a phase are counted together', async () => {
    const validation = labelled.slice(0, 10)
    const fitted = async (fit: FitOptions) => {
      const model = await TunedModel.create(here.base, { ...common, ...adapted })
      const report = await model.fit(labelled, { batchSize: 8, searchSteps: 4, validation, ...fit })
      const [scores, predictions] = [await model.evaluate(validation), await model.predict(texts)]
      await model.save(join(here.folder, 'kept'))
      model.dispose()
      const loaded = await TunedModel.load(join(here.folder, 'kept'), { device: 'cpu' })
      assert.deepEqual(await loaded.predict(texts), predictions)
      loaded.dispose()
      return { ...report, scores }
    }
    for (const magnitudes of ['last', 'best', 'average'] as const) {
      const { steps, metrics, scores } = await fitted({ retrain: false, magnitudes })
      assert.deepEqual(steps, { search: 4, retrain: 0 })
      assert.deepEqual(metrics.validation, scores)
    }
    const { steps, history } = await fitted({ folds: 2, repeats: 2, retrainSteps: 3 })
    assert.deepEqual(steps, { search: 16, retrain: 6 })
    assert.deepEqual(
      history.filter(({ evaluation }) => evaluation).map(({ phase, part }) => [phase, part]),
      [['retrain', 2]],
    )
  })

  it('adalora: an adapter that has lost ranks trains on, in memory and read again', async () => {
    const model = await TunedModel.create(here.base, { ...common, method: 'adalora', rank: 2, initialRank: 5 })
    const before = model.info.parameters.trainable
    const first = await model.fit(labelled, { ...short, tfinal: 2 })
    const lost = model.info.parameters.trainable
    assert.equal(first.parameters.trainable, lost)
    assert.ok(lost < (before || Infinity))
    await model.save(join(here.folder, 'adalora-once'))
    const file = join(here.folder, 'adalora-once', 'adapter_config.json')
    const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    const allocation = {
      total_step: 12,
      tinit: 0,
      tfinal: 2,
      deltaT: 1,
      beta1: 0.85,
      beta2: 0.85,
      orth_reg_weight: 0.5,
    }
    for (const [key, value] of Object.entries({ ...allocation, init_r: 5, target_r: 2 }))
      assert.equal(config[key], value, key)
    const again = await TunedModel.load(join(here.folder, 'adalora-once'), { device: 'cpu' })
    assert.equal(again.info.parameters.trainable, lost)
    for (const each of [model, again]) {
      await each.fit(labelled, short)
      assert.equal(each.info.parameters.trainable, lost) // there was nothing more to take
      await each.save(join(here.folder, 'adalora-twice'))
      const loaded = await TunedModel.load(join(here.folder, 'adalora-twice'), { device: 'cpu' })
      assert.deepEqual(await loaded.predict(texts), await each.predict(texts))
      loaded.dispose()
      each.dispose()
    }
  })

  it('adalora: takes no ranks where there are none to take, however few steps there are', async () => {
    const model = await TunedModel.create(here.base, { ...common, method: 'adalora', rank: 2, initialRank: 2 })
    await model.fit(labelled, { ...short, retrainSteps: 1, tinit: 3 })
    assert.equal((await model.predict(texts)).length, 4)
    model.dispose()
  })

  it('finds the base from the folder of the adapter, and takes label names from it where their number fits', async () => {
    const saved = join(here.folder, 'elsewhere', 'adapter')
    const model = await TunedModel.create(here.base, { ...common, ...adapted, method: 'lora', labels: ['ham', 'spam'] })
    await model.save(saved)
    model.dispose()
    const file = join(saved, 'adapter_config.json')
    const { bidora: _, ...config } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    for (const [names, expected] of [
      [{ 0: 'no', 1: 'yes' }, ['no', 'yes']],
      [{ 0: 'no', 1: 'yes', 2: 'perhaps' }, ['LABEL_0', 'LABEL_1']],
    ] as const) {
      const base = join(here.folder, `base-of-${Object.keys(names).length}`)
      cpSync(here.base, base, { recursive: true })
      const model = JSON.parse(readFileSync(join(base, 'config.json'), 'utf8')) as object
      writeFileSync(join(base, 'config.json'), JSON.stringify({ ...model, id2label: names }))
      writeFileSync(file, JSON.stringify({ ...config, base_model_name_or_path: relative(saved, base) }))
      const loaded = await TunedModel.load(saved, { device: 'cpu' })
      assert.deepEqual(loaded.info.labels, expected)
      loaded.dispose()
    }
  })

  describe('refuses', () => {
    const refused = async (work: () => Promise<unknown>, code: string, sentence: RegExp) => {
      await assert.rejects(work, (error: unknown) => {
        assert.ok(error instanceof BidoraError, String(error))
        assert.match(error.message, sentence)
        assert.equal(error.code, code)
        return true
      })
    }
    const withModel = async (options: ModelOptions, work: (model: TunedModel) => Promise<unknown>) => {
      const model = await TunedModel.create(here.base, { ...common, ...adapted, ...options })
      try {
        await work(model)
      } finally {
        model.dispose()
      }
    }

    it('too few rows for both levels, with the least number', () =>
      withModel({}, model => refused(() => model.fit(tinyExamples(6), {}), 'DATA_TOO_FEW', /at least 8 rows .* got 6/)))

    it('one class only', () =>
      withModel({}, model =>
        refused(
          () =>
            model.fit(
              tinyExamples(20).filter(({ label }) => label === 'ham'),
              {},
            ),
          'DATA_ONE_CLASS',
          /only 'ham'/,
        ),
      ))

    it('a label that is not in the list, in training and in evaluation', () =>
      withModel({ labels: ['ham', 'eggs'] }, async model => {
        await refused(() => model.fit(labelled, {}), 'DATA_UNKNOWN_LABEL', /'spam'/)
        await refused(() => model.evaluate([{ text: 'a film', label: 'spam' }]), 'DATA_UNKNOWN_LABEL', /'spam'/)
      }))

    it('an empty text and a text as a score', async () => {
      await withModel({}, model =>
        refused(() => model.fit([...labelled, { text: ' ', label: 'ham' }], {}), 'DATA_EMPTY_TEXT', /examples\[48\]/),
      )
      await withModel({ problemType: 'regression' }, model =>
        refused(() => model.fit(labelled, {}), 'DATA_LABEL', /finite number/),
      )
    })

    it('prediction and saving before the labels are known', () =>
      withModel({}, async model => {
        for (const work of [() => model.predict(['a']), () => model.save(join(here.folder, 'early'))]) {
          await refused(work, 'NO_LABELS', /labels/)
        }
        assert.ok(!existsSync(join(here.folder, 'early')))
      }))

    it('saving, merging and running over the pretrained model', () =>
      withModel({ labels: ['ham', 'spam'] }, async model => {
        await refused(() => model.save(here.base), 'SAVE_OVER_BASE', /pretrained model/)
        await refused(() => model.merge(here.base), 'SAVE_OVER_BASE', /pretrained model/)
        await refused(() => model.fit(labelled, { output: here.base }), 'SAVE_OVER_BASE', /pretrained model/)
      }))

    it('a text length that the model cannot read', async () => {
      await refused(
        () => TunedModel.create(here.base, { maxLength: 65, labels: ['a', 'b'] }),
        'CONFIG_VALUE',
        /at most 64/,
      )
      const model = await TunedModel.create(here.base, { labels: ['a', 'b'] })
      assert.equal((await model.predict(['the film '.repeat(80)]))[0]!.truncated, true)
      model.dispose()
    })

    it('targets that no layer has', () =>
      refused(
        () => TunedModel.create(here.base, { targetModules: ['querry'], labels: ['a', 'b'] }),
        'ADAPTER_TARGET',
        /querry/,
      ))

    it('a folder that is no model, and an adapter without its base or head', async () => {
      await refused(() => TunedModel.load(here.folder), 'NOT_A_MODEL', /neither/)
      await withModel({ labels: ['ham', 'spam'] }, model => model.save(join(here.folder, 'moved')))
      const file = join(here.folder, 'moved', 'adapter_config.json')
      const config = JSON.parse(readFileSync(file, 'utf8'))
      writeFileSync(file, JSON.stringify({ ...config, base_model_name_or_path: '/nowhere' }))
      await refused(() => TunedModel.load(join(here.folder, 'moved')), 'BASE_NOT_FOUND', /give its folder as base/)
      const loaded = await TunedModel.load(join(here.folder, 'moved'), { base: here.base })
      loaded.dispose()
      cpSync(here.base, join(here.folder, 'headless'), { recursive: true })
      await refused(() => TunedModel.load(join(here.folder, 'headless')), 'NO_HEAD', /head/)
    })

    it('an allocation of ranks for which there are no steps', () =>
      withModel({ method: 'adalora', labels: ['ham', 'spam'] }, async model => {
        for (const more of [{ tinit: 12 }, { tinit: 8, tfinal: 4 }, { tfinal: 11 }])
          await refused(
            () => model.fit(labelled, { ...short, ...more }),
            'CONFIG_TOGETHER',
            /steps between tinit .* of 12 to take ranks in/,
          )
      }))

    it('a loss that is no number, naming the step', () =>
      withModel({ method: 'lora' }, model =>
        refused(
          () =>
            model.fit(labelled, {
              batchSize: 8,
              retrainSteps: 20,
              learningRate: 1e30,
              clip: 0,
              weightDecay: 0,
              warmupRatio: 0,
            }),
          'LOSS_NOT_FINITE',
          /train, step \d+: lowerLoss must be a finite number, got (NaN|Infinity) \(learning rate/,
        ),
      ))

    it('a hypergradient that is no number, naming the step', () =>
      withModel({}, model =>
        refused(
          () =>
            model.fit(labelled, {
              batchSize: 8,
              searchSteps: 20,
              lowerLearningRate: 1e30,
              clip: 0,
              weightDecay: 0,
              warmupRatio: 0,
            }),
          'HYPERGRADIENT_NOT_FINITE',
          /search, step 1: hypergradient: expected finite numbers/,
        ),
      ))
  })
})
