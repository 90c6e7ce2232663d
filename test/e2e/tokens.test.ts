import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { grad, noGrad } from '../../lib/autograd/index.ts'
import { toBio2 } from '../../lib/data/index.ts'
import { labelSet } from '../../lib/data/labels.ts'
import { AbortError, type ConfigError, DataError } from '../../lib/errors.ts'
import { entityScores, macroF1 } from '../../lib/metrics/index.ts'
import { loadModel } from '../../lib/models/index.ts'
import { manualSeed, scope } from '../../lib/tensor/index.ts'
import { type FitOptions, METHODS, type ModelOptions, type TokenExample, TunedModel } from '../../lib/train/index.ts'
import { evaluateRows } from '../../lib/train/evaluate.ts'
import { objectiveOf } from '../../lib/train/objective.ts'
import { modelSettings } from '../../lib/train/settings.ts'
import { type TokenRow, tokenClassification } from '../../lib/train/token-classification.ts'
import { TunableModel } from '../../lib/train/tunable-model.ts'
import { tuningOf } from '../../lib/train/tuning.ts'
import { Tokenizer } from '../../lib/text/index.ts'
import { prepareModel } from '../../lib/adapters/index.ts'
import { logSumExp } from '../../lib/predict/index.ts'
import { wordLogits } from '../../lib/train/word-logits.ts'
import { runCli } from './run-cli.ts'
import { oneThread, scratch } from './scratch.ts'

const words = 'good bad film free lunch noon a the is was very not see you win now and'.split(' ')
const tags: Record<string, string> = { free: 'B-SPAM', prize: 'I-SPAM', lunch: 'B-TIME', noon: 'B-TIME' }
const labels = ['O', 'B-SPAM', 'I-SPAM', 'B-TIME', 'I-TIME']

/** Sentences whose tags follow from their words; after `free` comes `prize`. */
function sentences(count: number): TokenExample[] {
  let state = 7
  const draw = () => words[(state = (state * 48271) % 0x7fffffff) % words.length]!
  return Array.from({ length: count }, (_, index) => {
    const drawn = Array.from({ length: 2 + (index % 7) }, draw)
    const tokens = drawn.flatMap(word => (word === 'free' ? [word, 'prize'] : [word]))
    return { tokens, labels: tokens.map(token => tags[token] ?? 'O') }
  })
}

const examples = sentences(48)
const common: ModelOptions = { task: 'token-classification', device: 'cpu', maxLength: 32 }
const short: FitOptions = { batchSize: 8, retrainSteps: 12, learningRate: 0.02 }
const adapted = { rank: 2, loraAlpha: 4 }
const cases: [string, ModelOptions, FitOptions?][] = [
  ['bidora', { method: 'bidora', ...adapted }, { searchSteps: 4 }],
  ['dora', { method: 'dora', ...adapted }],
  ['lora', { method: 'lora', loraDropout: 0.1, targetModules: ['all-linear'], ...adapted }],
  ['full', { method: 'full' }],
  ['bitfit', { method: 'bitfit' }],
  ['head', { method: 'head' }],
]

describe('tokens, end to end', () => {
  oneThread()
  const here = scratch('tokens')

  for (const [name, options, fit] of cases) {
    it(`${name}: trains, saves, loads with bit-equal predictions, merges`, async () => {
      const output = join(here.folder, name)
      const model = await TunedModel.create(here.base, { ...common, ...options })
      const report = await model.fit(examples, { ...short, ...fit, output, validation: examples.slice(0, 10) })
      assert.equal(report.task, 'token-classification')
      assert.deepEqual([report.steps.retrain, report.steps.search], [12, fit?.searchSteps ?? 0])
      assert.deepEqual(model.info.labels, labels)
      const { validation } = report.metrics
      for (const score of ['loss', 'accuracy', 'precision', 'recall', 'f1', 'microF1', 'f1.SPAM', 'recall.TIME'])
        assert.ok(Number.isFinite(validation![score]), score)
      const inputs = ['free prize, now', { tokens: ['see', 'you', 'noon'] }, { text: 'lunch at noon' }, ['a', 'prize']]
      const predictions = await model.predict(inputs)
      const scores = await model.evaluate(examples)

      const again = await TunedModel.load(output, { device: 'cpu' })
      assert.equal(again.info.task, 'token-classification')
      assert.deepEqual(again.info.labels, labels)
      assert.deepEqual(await again.predict(inputs), predictions)
      assert.deepEqual(await again.evaluate(examples), scores)
      const merged = join(here.folder, `${name}-merged`)
      const { maxRelativeError } = await model.merge(merged)
      assert.ok(maxRelativeError < 1e-4)
      const plain = await TunedModel.load(merged, { device: 'cpu' })
      assert.ok(Math.abs((await plain.evaluate(examples)).loss! - scores.loss!) < 1e-5)
      const config = JSON.parse(readFileSync(join(merged, 'config.json'), 'utf8')) as Record<string, unknown>
      assert.deepEqual(config.architectures, ['BertForTokenClassification'])
      assert.match(
        readFileSync(join(merged, 'README.md'), 'utf8'),
        /pipeline_tag: token-classification[\s\S]*AutoModelForTokenClassification/,
      )
      if (options.rank) {
        const peft = JSON.parse(readFileSync(join(output, 'adapter_config.json'), 'utf8')) as Record<string, unknown>
        assert.equal(peft.task_type, 'TOKEN_CLS')
      }
      for (const each of [model, again, plain]) each.dispose()
    })
  }

  for (const method of METHODS.filter(each => !cases.some(([name]) => name === each))) {
    it(`${method}: trains, saves, loads with bit-equal predictions`, async () => {
      const output = join(here.folder, method)
      const few = method === 'fourierft' ? { nFrequency: 20 } : {}
      const model = await TunedModel.create(here.base, { ...common, method, ...few })
      await model.fit(examples, { ...short, output })
      const again = await TunedModel.load(output, { device: 'cpu' })
      const inputs = examples.slice(0, 4).map(({ tokens }) => ({ tokens }))
      assert.deepEqual(await again.predict(inputs), await model.predict(inputs))
      assert.deepEqual(await again.evaluate(examples), await model.evaluate(examples))
      for (const each of [model, again]) each.dispose()
    })
  }

  it('goes on from a checkpoint to the bits of a run that was never stopped', async () => {
    const create = () => TunedModel.create(here.base, { ...common, method: 'bidora', ...adapted })
    const fit = { ...short, searchSteps: 4, saveEvery: 3, maxLength: 7, stride: 2 }
    const whole = await create()
    await whole.fit(examples, fit)
    const output = join(here.folder, 'resumed')
    const stopped = await create()
    let looks = 0
    await assert.rejects(stopped.fit(examples, { ...fit, output }, { shouldStop: () => ++looks > 14 }), AbortError)
    const changed = examples.map(({ tokens, labels: own }, at) => ({
      tokens,
      labels: at === 9 ? own.map(() => 'B-TIME') : own,
    }))
    const other = await create()
    await assert.rejects(
      other.fit(changed, { ...fit, output, resume: true }),
      (error: ConfigError) => error.code === 'RESUME_CHANGED',
    )
    const resumed = await create()
    await resumed.fit(examples, { ...fit, output, resume: true })
    assert.deepEqual(await resumed.evaluate(examples), await whole.evaluate(examples))
    for (const each of [whole, stopped, other, resumed]) each.dispose()
  })

  it('learns what a tag follows from; scores are those of its predictions', async () => {
    const model = await TunedModel.create(here.base, { ...common, method: 'full', seed: 1 })
    const report = await model.fit(examples, {
      batchSize: 8,
      retrainSteps: 150,
      learningRate: 0.01,
      schedule: 'constant',
      validation: sentences(80).slice(48),
    })
    assert.ok(report.metrics.validation!.f1! > 0.95, `${report.metrics.validation!.f1}`)
    const held = sentences(80).slice(48)
    const predictions = await model.predict(held.map(({ tokens }) => ({ tokens })))
    const { micro, types, accuracy } = entityScores(
      predictions.map(each => each.labels!),
      held.map(each => toBio2(each.labels)),
    )
    const scores = await model.evaluate(held)
    assert.deepEqual([scores.f1, scores.accuracy, scores['f1.SPAM']], [micro.f1, accuracy, types.SPAM!.f1])
    const [found] = await model.predict(['you win a  free prize, now'])
    assert.deepEqual(found!.tokens, ['you', 'win', 'a', 'free', 'prize', ',', 'now'])
    const [entity] = found!.entities!
    assert.deepEqual([entity!.type, entity!.text, entity!.start, entity!.end], ['SPAM', 'free prize', 11, 21])
    model.dispose()
  })

  it('takes the task of an adapter that PEFT has written from its task_type', async () => {
    const folder = join(here.folder, 'peft')
    const model = await TunedModel.create(here.base, { ...common, method: 'lora', ...adapted })
    await model.fit(examples, { ...short, output: folder })
    const file = join(folder, 'adapter_config.json')
    const { bidora: _, ...config } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    writeFileSync(file, JSON.stringify(config))
    const again = await TunedModel.load(folder, { device: 'cpu' })
    assert.deepEqual(
      [again.info.task, again.info.labels],
      ['token-classification', labels.map((_, at) => `LABEL_${at}`)],
    )
    const [got, wanted] = [await again.predict(['free prize']), await model.predict(['free prize'])]
    assert.deepEqual(
      got[0]!.labels!.map(label => labels[Number(label.slice(6))]),
      wanted[0]!.labels,
    )
    for (const each of [model, again]) each.dispose()
  })

  it('converts tags of other schemes, in training and in evaluation', async () => {
    const iob1 = examples.map(({ tokens, labels: own }) => ({
      tokens,
      labels: own.map((tag, at) =>
        tag.startsWith('B-') && own[at - 1]?.slice(1) !== tag.slice(1) ? `I-${tag.slice(2)}` : tag,
      ),
    }))
    assert.notDeepEqual(iob1, examples)
    const make = async (rows: TokenExample[]) => {
      const model = await TunedModel.create(here.base, { ...common, method: 'head' })
      const { history } = await model.fit(rows, { ...short, retrainSteps: 3 })
      const scores = [await model.evaluate(examples), await model.evaluate(iob1)]
      model.dispose()
      return { loss: history.at(-1)!.lowerLoss, scores }
    }
    const [plain, converted] = [await make(examples), await make(iob1)]
    assert.deepEqual(converted, plain)
    assert.deepEqual(plain.scores[0], plain.scores[1])
  })

  it('tags parts of speech too: labels that mark no entities', async () => {
    const rows = examples.map(({ tokens }) => ({
      tokens,
      labels: tokens.map(token => (token.length > 3 ? 'LONG' : 'SHORT')),
    }))
    const model = await TunedModel.create(here.base, { ...common, method: 'head' })
    await model.fit(rows, { ...short, retrainSteps: 5 })
    assert.deepEqual(model.info.labels, ['LONG', 'SHORT'])
    const scores = await model.evaluate(rows)
    assert.deepEqual(Object.keys(scores), ['accuracy', 'microF1', 'macroF1', 'loss'])
    const predicted = (await model.predict(rows.map(({ tokens }) => ({ tokens })))).flatMap(each => each.labels!)
    const indices = (all: readonly string[]) => all.map(label => (label === 'LONG' ? 0 : 1))
    assert.equal(scores.macroF1, macroF1(indices(predicted), indices(rows.flatMap(each => each.labels))))
    assert.notEqual(scores.macroF1, scores.microF1)
    const [prediction] = await model.predict(['good film'])
    assert.deepEqual(Object.keys(prediction!), ['tokens', 'labels'])
    model.dispose()
  })

  describe('a batch', () => {
    const set = labelSet(labels)
    const make = async (folder: string, maxLength: number): Promise<[TunableModel, readonly TokenRow[]]> => {
      const { settings } = modelSettings({ ...common, method: 'full', dtype: 'float64', maxLength })
      const tuning = tuningOf(settings)
      const tokenizer = await Tokenizer.fromDir(folder)
      manualSeed(3)
      const classifier = loadModel(folder, { task: 'token-classification', head: 'new', labels, dtype: 'float64' })
      prepareModel(classifier, tuning)
      const made = new TunableModel({ classifier, tokenizer, settings, tuning, labels: set })
      const context = { tokenizer, maxLength, stride: made.stride, shouldStop: () => false }
      return [made, (await tokenClassification.encode(examples, set, 'examples', context)) as TokenRow[]]
    }
    let model: TunableModel
    let rows: readonly TokenRow[]
    before(async () => {
      ;[model, rows] = await make(here.base, 7)
    })
    after(() => model.dispose())

    it('has each word once, however long its sentence', () => {
      assert.equal(model.stride, 1)
      assert.ok(rows.some(({ encoded }) => encoded.windows.length > 1))
      scope(() => {
        const { targets } = model.batchOf(rows)
        const counted = (targets.tolist() as number[]).filter(label => label !== -100)
        assert.deepEqual(
          counted,
          rows.flatMap(({ target }) => target),
        )
      })
    })

    it('has the loss that an evaluation has, and gradients that are those of its parts', async () => {
      const { loss } = await evaluateRows(model, rows, { batchSize: 5 })
      scope(() => {
        const parameters = model.trainable.map(([, parameter]) => parameter)
        const whole = model.loss(model.batchOf(rows))
        assert.ok(Math.abs(Number(whole.item()) - loss!) < 1e-12)
        const expected = grad(whole, parameters, { allowUnused: true })
        const sums = parameters.map(() => 0)
        const parts = [rows.slice(0, 5), rows.slice(5, 30), rows.slice(30)]
        const weights = parts.map(part => model.lossWeight(part) / model.lossWeight(rows))
        assert.ok(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1) < 1e-12)
        assert.notEqual(weights[0], 5 / rows.length)
        for (const [index, part] of parts.entries()) {
          for (const [at, gradient] of grad(model.loss(model.batchOf(part)), parameters, {
            allowUnused: true,
          }).entries())
            if (gradient) sums[at]! += weights[index]! * Number(gradient.sum().item())
        }
        for (const [at, gradient] of expected.entries())
          if (gradient) assert.ok(Math.abs(Number(gradient.sum().item()) - sums[at]!) < 1e-10)
      })
    })

    it('may be padded in front', async () => {
      const folder = join(here.folder, 'left')
      cpSync(here.base, folder, { recursive: true })
      const file = join(folder, 'tokenizer_config.json')
      const config = JSON.parse(readFileSync(file, 'utf8')) as object
      writeFileSync(file, JSON.stringify({ ...config, padding_side: 'left' }))
      const [left, all] = await make(folder, 32)
      const few = all.slice(0, 12)
      const batch = left.batchOf(few)
      assert.deepEqual([batch.inputs.layout, batch.inputs.hasPadding], ['padded', true])
      const { loss } = await evaluateRows(left, few, { batchSize: 12 })
      assert.ok(Math.abs(scope(() => noGrad(() => Number(left.loss(batch).item()))) - loss!) < 1e-12)
      // Without padding there is no difference.
      const [right, same] = await make(here.base, 32)
      const [one, other] = [
        await evaluateRows(left, few.slice(0, 1), { batchSize: 1 }),
        await evaluateRows(right, same.slice(0, 1), { batchSize: 1 }),
      ]
      assert.deepEqual(one, other)
      for (const each of [left, right]) each.dispose()
    })

    it('is weighed by its words where classes have weights', async () => {
      const fit = { ...model.settings, classWeights: 'balanced', labelSmoothing: 0 } as unknown as Parameters<
        typeof objectiveOf
      >[0]
      const objective = objectiveOf(fit, rows, set)
      const all = rows.flatMap(({ target }) => target)
      const counts = labels.map((_, label) => all.filter(each => each === label).length)
      assert.deepEqual(
        objective.weights,
        counts.map(count => (count === 0 ? 1 : all.length / (labels.length * count))),
      )
      const weightOf = (label: number) => objective.weights![label]!
      assert.ok(Math.abs(objective.weightOf(rows) - all.reduce((sum, label) => sum + weightOf(label), 0)) < 1e-9)
      const logits = (
        await wordLogits(
          model,
          rows.map(({ encoded }) => encoded),
          { batchSize: 7 },
        )
      ).flat()
      let [loss, sum] = [0, 0]
      for (const [index, label] of all.entries()) {
        loss += weightOf(label) * (logSumExp(logits[index]!) - logits[index]![label]!)
        sum += weightOf(label)
      }
      const plain = model.objective
      model.objective = objective
      const weighted = scope(() => noGrad(() => Number(model.loss(model.batchOf(rows)).item())))
      model.objective = plain
      assert.ok(Math.abs(weighted - loss / sum) < 1e-12)
      objective.dispose()
    })
  })

  it('reads sentences longer than the model in windows, and answers for every word', async () => {
    const model = await TunedModel.create(here.base, { ...common, method: 'full', seed: 1, maxLength: 12, stride: 4 })
    await model.fit(examples, { batchSize: 8, retrainSteps: 120, learningRate: 0.01, schedule: 'constant' })
    const long = sentences(40).flatMap(({ tokens }) => tokens)
    const [prediction] = await model.predict([{ tokens: long }])
    assert.equal(prediction!.labels!.length, long.length)
    assert.equal(prediction!.truncated, undefined)
    const right = long.filter((token, at) => prediction!.labels![at] === (tags[token] ?? 'O')).length
    assert.ok(right / long.length > 0.9, `${right} of ${long.length}`)
    const text = long.join(' ')
    const [same] = await model.predict([text])
    assert.deepEqual(same!.labels, prediction!.labels)
    for (const { text: part, start, end } of same!.entities!) assert.equal(text.slice(start, end), part)
    model.dispose()
  })

  it('keeps the stride of its windows, a quarter of what the model reads unless it is told', async () => {
    const strideIn = (name: string) =>
      JSON.parse(readFileSync(join(here.folder, name, 'adapter_config.json'), 'utf8')).bidora
    const task = { task: 'token-classification', device: 'cpu', method: 'head', labels } as const
    for (const [name, given, expected] of [
      ['stride-default', {}, { maxLength: 64, stride: 16 }],
      ['stride-given', { maxLength: 12, stride: 4 }, { maxLength: 12, stride: 4 }],
    ] as const) {
      const model = await TunedModel.create(here.base, { ...task, ...given })
      await model.save(join(here.folder, name))
      const loaded = await TunedModel.load(join(here.folder, name), { device: 'cpu' })
      await loaded.save(join(here.folder, `${name}-again`))
      for (const each of [name, `${name}-again`]) {
        const { maxLength, stride } = strideIn(each) as Record<string, number>
        assert.deepEqual({ maxLength, stride }, expected, each)
      }
      for (const each of [model, loaded]) each.dispose()
    }
  })

  it('says where a single word is longer than a window', async () => {
    const model = await TunedModel.create(here.base, { ...common, method: 'head', labels, maxLength: 8 })
    const [long, short] = await model.predict([{ tokens: ['free', '!'.repeat(30)] }, { tokens: ['free'] }])
    assert.deepEqual([long!.truncated, short!.truncated], [true, undefined])
    model.dispose()
  })

  it('scores a word without tokens as one outside, and has no loss for it', async () => {
    // `O` is not the first label, so that a word without tokens is told from one of class 0.
    const model = await TunedModel.create(here.base, { ...common, method: 'head', labels: ['B-SPAM', 'I-SPAM', 'O'] })
    const seen = { tokens: ['free', 'lunch', 'prize'], labels: ['B-SPAM', 'O', 'I-SPAM'] }
    const blank = { tokens: [...seen.tokens, '\u200b'], labels: [...seen.labels, 'O'] }
    const [less, more] = [await model.evaluate([seen]), await model.evaluate([blank])]
    assert.ok(Math.abs(less.loss! - more.loss!) < 1e-6, `${less.loss} ${more.loss}`)
    assert.ok(Math.abs(more.accuracy! - (3 * less.accuracy! + 1) / 4) < 1e-12)
    model.dispose()
  })

  it('refuses what it cannot learn from or tag', async () => {
    const model = await TunedModel.create(here.base, { ...common, labels })
    await assert.rejects(model.fit([{ text: 'a', label: 'b' }]), DataError)
    await assert.rejects(
      model.fit([...examples, { tokens: ['\u200b'], labels: ['O'] }], short),
      /examples\[48\]: expected a word of which the tokenizer/,
    )
    await assert.rejects(
      model.fit([...examples, { tokens: ['now'], labels: ['B-ORG'] }], short),
      /examples\[48\]\.labels\[0\].*'B-ORG'/,
    )
    await assert.rejects(model.predict([{ text: 'a', pair: 'b' }]), /one text, got a pair/)
    assert.deepEqual(await model.predict([{ tokens: ['\u200b'] }]), [
      { tokens: ['\u200b'], labels: ['O'], entities: [] },
    ])
    model.dispose()
  })

  it('works from the command line: conll in, JSON Lines out', async () => {
    const conll = (rows: readonly TokenExample[]) =>
      rows
        .map(({ tokens, labels: own }) => `${tokens.map((token, at) => `${token}\tX\t${own[at]}\n`).join('')}\n`)
        .join('')
    const file = (name: string) => join(here.folder, name)
    writeFileSync(file('train.conll'), conll(examples))
    writeFileSync(file('dev.conll'), conll(examples.slice(0, 12)))
    writeFileSync(file('in.jsonl'), '{"tokens":["free","prize"]}\n{"text":"lunch at noon"}\n')
    const output = file('cli-run')
    const task = [
      '--task',
      'token-classification',
      '--method',
      'lora',
      '--rank',
      '2',
      '--device',
      'cpu',
      '--threads',
      '1',
    ]
    const parts = [
      '--train',
      file('train.conll'),
      '--validation',
      file('dev.conll'),
      '--retrain-steps',
      '8',
      '--batch-size',
      '8',
    ]
    const trained = await runCli(['train', '--model', here.base, ...task, ...parts, '--output', output, '--json'])
    assert.equal(trained.status, 0, trained.stderr)
    const report = JSON.parse(trained.stdout) as { task: string; metrics: { validation: Record<string, number> } }
    assert.equal(report.task, 'token-classification')
    assert.ok('f1.TIME' in report.metrics.validation)
    const scored = await runCli(['evaluate', file('dev.conll'), '--model', output, '--device', 'cpu', '--json'])
    assert.equal(scored.status, 0, scored.stderr)
    assert.deepEqual((JSON.parse(scored.stdout) as { metrics: object }).metrics, report.metrics.validation)
    const told = await runCli(['predict', file('in.jsonl'), '--model', output, '--device', 'cpu'])
    assert.equal(told.status, 0, told.stderr)
    const lines = told.stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { tokens: string[]; labels: string[] })
    assert.deepEqual(
      lines.map(({ tokens }) => tokens),
      [
        ['free', 'prize'],
        ['lunch', 'at', 'noon'],
      ],
    )
    assert.ok(lines.every(({ tokens, labels: own }) => own.length === tokens.length))
  }).timeout(60_000)
})
