import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  adaloraLayers,
  adaptedLayers,
  loadAdapter,
  mergeAdapters,
  prepareModel,
  saveAdapter,
  trainableParameters,
  type TuningSettings,
} from '../../lib/adapters/index.ts'
import { noGrad } from '../../lib/autograd/index.ts'
import {
  type Batch,
  type CausalLanguageModel,
  type HeadTask,
  loadLanguageModel,
  loadModel,
  saveModel,
  type SequenceClassifier,
  type TokenClassifier,
  tuningDefaults,
} from '../../lib/models/index.ts'
import type { Module } from '../../lib/nn/index.ts'
import { add_, maskedFill_, randn } from '../../lib/ops/index.ts'
import { manualSeed, scope, tensor } from '../../lib/tensor/index.ts'
import { root } from '../parity/golden.ts'

const python = process.env.BIDORA_PEER_PYTHON ?? ''
const inputs = {
  inputIds: [
    [3, 7, 5, 9, 4],
    [8, 6, 11, 1, 1],
  ],
  attentionMask: [
    [1, 1, 1, 1, 1],
    [1, 1, 1, 0, 0],
  ],
}

interface Answer {
  /** [batch, labels], of tokens [batch, seq, labels] */
  logits: number[][] | number[][][]
  merged: number[][] | number[][][]
  warnings: string[]
}

/** Runs one of the peer scripts; its answer is one JSON object. */
function ask(script: string, ...parameters: string[]): { status: number; answer: Answer; errors: string } {
  const { status, stdout, stderr } = spawnSync(python, [join(root, 'test/peers', script), ...parameters], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  })
  return {
    status: status ?? -1,
    answer: JSON.parse(stdout.trim().split('\n').at(-1) || 'null') as Answer,
    errors: stderr,
  }
}

function logitsOf(model: CausalLanguageModel | SequenceClassifier | TokenClassifier): number[][] | number[][][] {
  return scope(() => {
    const batch: Batch = {
      layout: 'padded',
      inputIds: tensor(inputs.inputIds, { dtype: 'int64' }),
      attentionMask: tensor(inputs.attentionMask, { dtype: 'int64' }),
    }
    return noGrad(() => model.forward(batch).logits.tolist() as number[][])
  })
}

function assertNear(got: Answer['logits'], expected: Answer['logits'], tolerance: number): void {
  const [found, wanted] = [got.flat(2) as number[], expected.flat(2) as number[]]
  const largest = Math.max(...wanted.map(Math.abs))
  assert.equal(got.length, expected.length)
  wanted.forEach((value, i) =>
    assert.ok(Math.abs(found[i]! - value) <= tolerance * largest, `${found[i]} instead of ${value}`),
  )
}

describe('real PEFT and transformers', function () {
  this.timeout(180_000)
  let folder: string
  let inputsFile: string
  before(function () {
    if (python === '' || !existsSync(python)) {
      console.log('      skipped: BIDORA_PEER_PYTHON names no Python with torch, transformers and peft')
      this.skip()
    }
    folder = mkdtempSync(join(tmpdir(), 'bidora-peers-'))
    inputsFile = join(folder, 'inputs.json')
    writeFileSync(inputsFile, JSON.stringify(inputs))
  })
  after(() => {
    if (folder) rmSync(folder, { recursive: true })
  })

  const trained = (base: string, settings: TuningSettings, task: HeadTask = 'text-classification') => {
    const model = loadModel(base, { task })
    randomise(model, settings)
    return model
  }
  const randomise = (model: Module, settings: TuningSettings): void => {
    prepareModel(model, settings)
    manualSeed(5)
    const { lower, upper } = trainableParameters(model)
    noGrad(() =>
      scope(() =>
        [...lower, ...upper].forEach(([, parameter]) => void add_(parameter, randn(parameter.shape), { alpha: 0.2 })),
      ),
    )
  }
  const shared = { targetModules: ['query', 'value', 'intermediate.dense'] }
  const adapter = { rank: 3, loraAlpha: 5, ...shared }
  const takeRanks = (model: SequenceClassifier) =>
    [...adaloraLayers(model).values()].forEach((layer, index) => {
      const taken = tensor([[index % 2 === 0], [false], [index % 3 > 0], [index === 0]], { dtype: 'bool' })
      noGrad(() => void maskedFill_(layer.loraE, taken, 0))
      layer.reduce()
    })
  const loadable: [string, TuningSettings, ((model: SequenceClassifier) => void)?][] = [
    ['lora', { method: 'lora', ...adapter }],
    ['rslora', { method: 'rslora', ...adapter }],
    ['dora', { method: 'dora', ...adapter }],
    ['adalora', { ...adapter, method: 'adalora', rank: 2, initialRank: 4 }],
    ['adalora with ranks taken away', { ...adapter, method: 'adalora', rank: 2, initialRank: 4 }, takeRanks],
    ['vera', { ...shared, method: 'vera', rank: 7, projectionPrngKey: 3 }],
    ['fourierft', { ...shared, method: 'fourierft', nFrequency: 30, scaling: 20, randomLocSeed: 4 }],
    ['vera without its projections', { ...shared, method: 'vera', rank: 7, saveProjection: false, dInitial: 0.5 }],
    ['bidora, axis out', { method: 'bidora', ...adapter }],
    ['bidora, every linear layer', { method: 'bidora', ...adapter, targetModules: 'all-linear' }],
    ['bidora, by expression', { method: 'bidora', ...adapter, targetModules: String.raw`.*\.(query|key)` }],
  ]

  for (const kind of ['bert-gelu', 'roberta-gelu']) {
    const base = join(root, 'test/golden/models', kind, 'model')
    for (const [name, settings, change] of loadable) {
      it(`${kind}: PEFT loads our ${name} and gives the same logits, merged too`, () => {
        const model = trained(base, settings)
        const where = join(folder, 'adapter')
        change?.(model)
        try {
          saveAdapter(where, model, { settings, base })
          const { status, answer, errors } = ask('load_adapter.py', where, inputsFile)
          assert.equal(status, 0, errors)
          assertNear(answer.logits, logitsOf(model), 1e-5)
          assertNear(answer.merged, logitsOf(model), 1e-5)
        } finally {
          for (const layer of adaptedLayers(model).values()) layer.dispose()
          model.dispose()
          rmSync(where, { recursive: true, force: true })
        }
      })
    }

    it(`${kind}: PEFT refuses an in-axis adapter, on square layers too`, () => {
      const settings: TuningSettings = {
        method: 'bidora',
        ...adapter,
        targetModules: ['query', 'value'],
        magnitudeAxis: 'in',
      }
      const model = trained(base, settings)
      const where = join(folder, 'in-axis')
      saveAdapter(where, model, { settings, base })
      const { status, answer, errors } = ask('refuses_adapter.py', where, '--base', base)
      assert.equal(status, 0, `${errors} ${JSON.stringify(answer)}`)
      assert.match(JSON.stringify(answer), /BIDORA/)
      model.dispose()
    })

    it(`${kind}: PEFT refuses bottleneck adapters`, () => {
      const settings: TuningSettings = { method: 'adapter' }
      const model = trained(base, settings)
      const where = join(folder, 'bottlenecks')
      saveAdapter(where, model, { settings, base })
      const { status, answer, errors } = ask('refuses_adapter.py', where, '--base', base)
      assert.equal(status, 0, `${errors} ${JSON.stringify(answer)}`)
      model.dispose()
    })

    for (const magnitudeAxis of ['out', 'in'] as const) {
      it(`${kind}: plain transformers loads our merged model, axis ${magnitudeAxis}`, () => {
        const settings: TuningSettings = { method: 'bidora', ...adapter, magnitudeAxis }
        const model = trained(base, settings)
        const adapted = logitsOf(model)
        const merge = mergeAdapters(model)
        const where = join(folder, `merged-${magnitudeAxis}`)
        saveModel(model, where)
        const { status, answer, errors } = ask('load_merged.py', where, inputsFile)
        assert.equal(status, 0, errors)
        assertNear(answer.logits, adapted, 1e-5)
        merge.finish()
        model.dispose()
      })
    }
  }

  for (const kind of ['bert', 'roberta']) {
    const base = join(root, 'test/golden/token_models', kind)
    for (const [name, settings] of loadable.slice(0, 3)) {
      it(`${kind}, a head for every token: PEFT and transformers load our ${name}, adapter and merged`, () => {
        const model = trained(base, settings, 'token-classification')
        const [where, merged] = [join(folder, 'token-adapter'), join(folder, 'token-merged')]
        try {
          const logits = logitsOf(model)
          saveAdapter(where, model, { settings, base, taskType: 'TOKEN_CLS' })
          const adapted = ask('load_adapter.py', where, inputsFile)
          assert.equal(adapted.status, 0, adapted.errors)
          assertNear(adapted.answer.logits, logits, 1e-5)
          assertNear(adapted.answer.merged, logits, 1e-5)
          const merge = mergeAdapters(model)
          saveModel(model, merged)
          merge.finish()
          const plain = ask('load_merged.py', merged, inputsFile)
          assert.equal(plain.status, 0, plain.errors)
          assertNear(plain.answer.logits, logits, 1e-5)
        } finally {
          model.dispose()
          for (const each of [where, merged]) rmSync(each, { recursive: true, force: true })
        }
      })
    }
  }

  for (const kind of ['distilbert-gelu', 'esm-2', 'deberta-v3']) {
    it(`${kind}: PEFT loads our bidora on the default targets and gives the same logits, merged too`, () => {
      const base = join(root, 'test/golden/encoders', kind, 'model')
      const modelType = kind.startsWith('deberta') ? 'deberta-v2' : kind.replace(/-.*/, '')
      const { targetModules, head } = tuningDefaults(modelType)
      const settings: TuningSettings = { method: 'bidora', ...adapter, targetModules, ...(head ? { head } : {}) }
      const model = trained(base, settings)
      const where = join(folder, 'adapter')
      saveAdapter(where, model, { settings, base })
      const { status, answer, errors } = ask('load_adapter.py', where, inputsFile)
      assert.equal(status, 0, errors)
      assertNear(answer.logits, logitsOf(model), 1e-5)
      assertNear(answer.merged, logitsOf(model), 1e-5)
      model.dispose()
      rmSync(where, { recursive: true })
    })
  }

  const patterns = { rankPattern: { 'h.0.attn.c_attn': 2 }, alphaPattern: { wte: 3, 'mlp.c_proj': 7 } }
  const fused = { rank: 3, loraAlpha: 5, targetModules: ['c_attn', 'mlp.c_proj', 'wte'], ...patterns }
  const gpt2: [string, TuningSettings, string][] = [
    ['several', { method: 'bidora', ...fused }, 'SEQ_CLS'],
    ['several', { method: 'lora', ...fused }, 'SEQ_CLS'],
    ['lm-untied', { method: 'dora', ...fused, head: [] }, 'CAUSAL_LM'],
  ]
  for (const [name, settings, taskType] of gpt2) {
    it(`gpt2 ${name}: PEFT loads our ${settings.method} on Conv1D and Embedding, with patterns`, () => {
      const base = join(root, 'test/golden/gpt2', name)
      const model = taskType === 'CAUSAL_LM' ? loadLanguageModel(base) : loadModel(base)
      randomise(model, settings)
      const where = join(folder, 'adapter')
      saveAdapter(where, model, { settings, base, taskType })
      const { status, answer, errors } = ask('load_adapter.py', where, inputsFile)
      assert.equal(status, 0, errors)
      // The first text has no padding, of whose places transformers thinks otherwise.
      const first = (logits: unknown[]) => [(logits[0] as number[]).flat(1) as number[]]
      assertNear(first(answer.logits), first(logitsOf(model)), 1e-5)
      assertNear(first(answer.merged), first(logitsOf(model)), 1e-5)
      for (const layer of adaptedLayers(model).values()) layer.dispose()
      model.dispose()
      rmSync(where, { recursive: true, force: true })
    })
  }

  it('PEFT and we agree on an adapter that PEFT saved', () => {
    for (const name of [
      'peft/bert-dora',
      'peft/roberta-lora',
      'baselines/bert-rslora',
      'baselines/roberta-vera',
      'baselines/bert-fourierft',
    ]) {
      const base = join(root, 'test/golden/models', name.replace(/.*\/(.*)-.*/, '$1-gelu'), 'model')
      const where = join(root, 'test/golden', name)
      const { status, answer, errors } = ask('load_adapter.py', where, inputsFile, '--base', base)
      assert.equal(status, 0, errors)
      const model = loadModel(base)
      loadAdapter(where, model)
      assertNear(logitsOf(model), answer.logits, 1e-5)
      model.dispose()
    }
  })
})
