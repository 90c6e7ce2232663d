import assert from 'node:assert/strict'
import { prepareModel, type TuningSettings, trainableParameters } from '../../../lib/adapters/index.ts'
import { noGrad } from '../../../lib/autograd/index.ts'
import { AbortError } from '../../../lib/errors.ts'
import { createModel, type SequenceClassifier, toBatch } from '../../../lib/models/index.ts'
import { randn } from '../../../lib/ops/index.ts'
import { Linear } from '../../../lib/nn/index.ts'
import { logitsOf, PackedLayers } from '../../../lib/predict/index.ts'
import { batchesOf } from '../../../lib/predict/logits.ts'
import { memoryStats, scope } from '../../../lib/tensor/index.ts'
import { type EncodedIds, type PadOptions, padBatch } from '../../../lib/text/index.ts'
import { tinyConfig, tinyModel } from '../models/tiny.ts'

/** Wide enough for its weights to be packed. */
const wide = { hidden_size: 64, intermediate_size: 96, max_position_embeddings: 40, initializer_range: 0.2 }
const padding: PadOptions = { side: 'right', padId: 0 }

const textOf = (length: number, seed = length): EncodedIds => ({
  ids: Array.from({ length }, (_, i) => 1 + ((seed * 7 + i * 5) % 19)),
  typeIds: Array.from({ length }, (_, i) => (i > 2 ? 1 : 0)),
  length,
  truncated: false,
})
const texts = [3, 17, 1, 40, 8, 17, 2, 25, 9].map((length, i) => textOf(length, i))

/** One text after the other in padded batches with the model's own layers: what must come out. */
const wanted = (model: SequenceClassifier, encoded: readonly EncodedIds[]) =>
  encoded.map(text =>
    scope(() => noGrad(() => Array.from(model.forward(toBatch(padBatch([text], padding))).logits.data(), Number))),
  )

function assertNear(got: readonly Float64Array[], expected: readonly number[][], tolerance: number): void {
  assert.equal(got.length, expected.length)
  const scale = Math.max(...expected.flat().map(Math.abs))
  for (const [i, row] of expected.entries()) {
    const distance = Math.max(...row.map((value, j) => Math.abs(value - got[i]![j]!)))
    assert.ok(distance <= tolerance * scale, `text ${i}: ${distance} of ${scale}`)
  }
}

/** A model whose adapters do something. */
function adapted(tuning: TuningSettings, changes: Record<string, unknown> = {}): SequenceClassifier {
  const model = tinyModel({ ...wide, ...changes })
  prepareModel(model, tuning)
  const { lower, upper } = trainableParameters(model)
  noGrad(() => scope(() => [...lower, ...upper].forEach(([, tensor]) => tensor.add_(randn(tensor.shape).mul(0.1)))))
  return model
}

const settings = { rank: 4, loraAlpha: 8, targetModules: ['query', 'value', 'dense'] }
const tunings: Record<string, TuningSettings> = {
  full: { method: 'full' },
  lora: { method: 'lora', ...settings },
  dora: { method: 'dora', ...settings },
  adalora: { method: 'adalora', initialRank: 6, ...settings },
  'adapter, houlsby': { method: 'adapter' },
  'adapter, pfeiffer': { method: 'adapter', adapterKind: 'pfeiffer' },
  vera: { method: 'vera', rank: 20, targetModules: settings.targetModules },
  fourierft: { method: 'fourierft', nFrequency: 60, targetModules: settings.targetModules },
  'bidora, axis out': { method: 'bidora', magnitudeAxis: 'out', ...settings },
  'bidora, axis in': { method: 'bidora', magnitudeAxis: 'in', ...settings },
}

describe('predict/logits', () => {
  for (const family of ['bert', 'roberta']) {
    for (const [name, tuning] of Object.entries(tunings)) {
      it(`gives the padded batch's logits in order, with packed layers and without: ${family}, ${name}`, async () => {
        const model = adapted(tuning, { model_type: family, pad_token_id: 0, max_position_embeddings: 44 })
        const expected = wanted(model, texts)
        const layers = new PackedLayers(model)
        assert.ok(layers.active && layers.fresh)
        assertNear(await logitsOf(model, texts, { batchSize: 4, padding }), expected, 1e-5)
        assertNear(await logitsOf(model, texts, { batchSize: 4, padding, layers }), expected, 1e-5)
        assertNear(
          await logitsOf(model, texts.slice(3, 4), { batchSize: 4, padding, layers }),
          expected.slice(3, 4),
          1e-5,
        )
        assert.deepEqual(wanted(model, texts), expected) // its own layers are back
        layers.dispose()
        model.dispose()
      })
    }
  }

  it('gives them to 1e-12 in float64, whose weights are not packed, and with padding in front', async () => {
    const model = tinyModel(wide, { dtype: 'float64' })
    const layers = new PackedLayers(model)
    assert.equal(layers.active, false)
    const expected = wanted(model, texts)
    assertNear(await logitsOf(model, texts, { batchSize: 4, padding, layers }), expected, 1e-12)
    const even = texts.map((_, i) => textOf(5, i)) // in front, positions and first token of a shorter text would be others
    const left: PadOptions = { side: 'left', padId: 0 }
    assertNear(await logitsOf(model, even, { batchSize: 4, padding: left }), wanted(model, even), 1e-12)
    model.dispose()
  })

  it('gives the rows of the tokens of each text, wherever its padding is', async () => {
    const model = createModel({ ...tinyConfig, ...wide }, { task: 'token-classification', dtype: 'float64' })
    const three = [textOf(5), textOf(3), textOf(1)]
    for (const side of ['left', 'right'] as const) {
      const { logits } = scope(() => noGrad(() => model.forward(toBatch(padBatch(three, { side, padId: 0 })))))
      const rows = logits.tolist() as number[][][]
      logits.dispose()
      const expected = three.map(({ length }, text) =>
        (side === 'left' ? rows[text]!.slice(5 - length) : rows[text]!.slice(0, length)).flat(),
      )
      assertNear(await logitsOf(model, three, { batchSize: 4, padding: { side, padId: 0 } }), expected, 1e-12)
    }
    model.dispose()
  })

  it('packs for a long list and leaves nothing behind', async () => {
    const model = tinyModel(wide)
    const many = Array.from({ length: 80 }, (_, i) => textOf(1 + (i % 12), i))
    const before = memoryStats().liveTensors
    assertNear(
      await logitsOf(model.train(true), many, { batchSize: 16, padding }),
      wanted(model.train(false), many),
      1e-5,
    )
    assert.equal(memoryStats().liveTensors, before)
    let asked = 0
    await assert.rejects(
      logitsOf(model.train(true), many, { batchSize: 16, padding, shouldStop: () => ++asked > 2 }),
      (error: Error) => error instanceof AbortError && /after 32 of 80 texts/.test(error.message),
    )
    assert.deepEqual([memoryStats().liveTensors, model.training], [before, true])
    model.dispose()
  })

  it('knows when packed layers no longer hold', () => {
    const own = { full: 'query.weight', 'bidora, axis out': 'query.loraA query.loraB value.magnitude' }
    for (const [name, fields] of Object.entries(own)) {
      const model = adapted(tunings[name]!)
      for (const field of fields.split(' ')) {
        const layers = new PackedLayers(model)
        assert.ok(layers.fresh)
        const [, parameter] = model.namedParameters().find(([path]) => path.endsWith(field))!
        noGrad(() => parameter.mul_(1.5))
        assert.equal(layers.fresh, false, field)
        layers.dispose()
      }
      const layers = new PackedLayers(model)
      model.setModule('bert.pooler.dense', new Linear(64, 64))
      assert.equal(layers.fresh, false)
      layers.dispose()
      model.dispose()
    }
  })

  it('fills batches, longest first, up to a number of texts and of tokens', () => {
    const of = (lengths: readonly number[], size: number) =>
      [
        ...batchesOf(
          lengths.map(length => textOf(length)),
          size,
        ),
      ].map(batch => batch.map(place => lengths[place]))
    assert.deepEqual(of([3, 9, 9, 1, 5], 2), [[9, 9], [5, 3], [1]])
    assert.deepEqual(of([200, 300, 100, 600, 212], 64), [[600], [300, 212], [200, 100]])
    assert.deepEqual([...batchesOf([], 4)], [])
    assert.deepEqual([...batchesOf([textOf(4), textOf(4), textOf(4)], 2)], [[0, 1], [2]])
  })
})
