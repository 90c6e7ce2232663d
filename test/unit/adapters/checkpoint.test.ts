import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  adaptedLayers,
  loadAdapter,
  prepareModel,
  readAdapterConfig,
  saveAdapter,
  trainableParameters,
  type TuningSettings,
} from '../../../lib/adapters/index.ts'
import { noGrad } from '../../../lib/autograd/index.ts'
import { ArgumentError, FormatError } from '../../../lib/errors.ts'
import { readSafetensors, SafetensorsFile, writeSafetensors } from '../../../lib/io/index.ts'
import type { SequenceClassifier } from '../../../lib/models/index.ts'
import { add_, randn } from '../../../lib/ops/index.ts'
import { manualSeed, memoryStats, scope, type Tensor } from '../../../lib/tensor/index.ts'
import { tinyLogits, tinyModel } from './tiny-model.ts'

const adapter = { rank: 2, loraAlpha: 3, targetModules: ['query', 'value'] }

/** Makes a model ready and moves all that trains, as training would. */
function trained(model: SequenceClassifier, settings: TuningSettings): void {
  prepareModel(model, settings)
  manualSeed(9)
  const { lower, upper } = trainableParameters(model)
  noGrad(() =>
    scope(() =>
      [...lower, ...upper].forEach(
        ([, tensor]) => void add_(tensor, randn(tensor.shape, { dtype: tensor.dtype }), { alpha: 0.3 }),
      ),
    ),
  )
}

describe('adapter folders', () => {
  let folder: string
  const configPath = () => join(folder, 'adapter_config.json')
  const tensorsPath = () => join(folder, 'adapter_model.safetensors')
  const config = () => JSON.parse(readFileSync(configPath(), 'utf8')) as Record<string, unknown>
  const changeConfig = (change: Record<string, unknown>) =>
    writeFileSync(configPath(), JSON.stringify({ ...config(), ...change }))
  const changeTensors = (change: (tensors: Map<string, Tensor>) => void) =>
    scope(() => {
      const tensors = readSafetensors(tensorsPath(), { copy: true })
      change(tensors)
      writeSafetensors(tensorsPath(), tensors)
    })
  const save = (settings: TuningSettings, kind: 'bert' | 'roberta' = 'bert') => {
    const model = tinyModel(kind)
    trained(model, settings)
    saveAdapter(folder, model, { settings, base: '/models/base', extra: { id2label: { 0: 'no' } } })
    const logits = scope(() => tinyLogits(model).tolist())
    model.dispose()
    return logits
  }
  const refused = (expected: RegExp) => {
    const model = tinyModel()
    const live = memoryStats().liveTensors
    assert.throws(
      () => loadAdapter(folder, model),
      (error: Error) => error instanceof FormatError && expected.test(error.message),
    )
    assert.equal(adaptedLayers(model).size, 0)
    assert.equal(memoryStats().liveTensors, live)
    model.dispose()
  }
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-adapter-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const kinds: [string, TuningSettings, string][] = [
    ['lora', { method: 'lora', ...adapter }, 'LORA'],
    ['rslora', { method: 'rslora', ...adapter }, 'LORA'],
    ['dora', { method: 'dora', ...adapter }, 'LORA'],
    ['bidora', { method: 'bidora', ...adapter }, 'LORA'],
    [
      'bidora, norm detached, all linear layers',
      { method: 'bidora', ...adapter, targetModules: 'all-linear', detachNorm: true, loraDropout: 0.1 },
      'LORA',
    ],
    ['bidora, axis in', { method: 'bidora', ...adapter, magnitudeAxis: 'in' }, 'BIDORA'],
    [
      'dora, axis in, by expression',
      { method: 'dora', ...adapter, magnitudeAxis: 'in', targetModules: '.*(query|dense)' },
      'BIDORA',
    ],
    [
      'bidora, compat official',
      { method: 'bidora', compat: 'official', rank: 2, targetModules: ['query', 'value'], loraDropout: 0.1 },
      'BIDORA_OFFICIAL',
    ],
    ['head', { method: 'head' }, 'HEAD'],
    [
      'adapter',
      { method: 'adapter', adapterKind: 'houlsby', reductionFactor: 3, adapterActivation: 'gelu' },
      'ADAPTER',
    ],
    [
      'adapter, pfeiffer',
      { method: 'adapter', adapterKind: 'pfeiffer', reductionFactor: 2, adapterActivation: 'relu' },
      'ADAPTER',
    ],
    [
      'adapter, with the activation of its kind',
      { method: 'adapter', adapterKind: 'pfeiffer', reductionFactor: 1 },
      'ADAPTER',
    ],
    ['bitfit', { method: 'bitfit', head: ['classifier'] }, 'BITFIT'],
  ]
  it('hold each tensor once, also where everything is trained', () => {
    save({ method: 'bidora', compat: 'official', rank: 2, targetModules: ['query', 'value'] })
    const file = new SafetensorsFile(join(folder, 'adapter_model.safetensors'))
    const plain = tinyModel()
    const added = 4 * ['loraA', 'loraB', 'magnitude'].length
    assert.equal(file.entries.size, plain.namedParameters().length + added)
    plain.dispose()
  })

  it('say whether the norm is held, as the method has it where the settings do not say', () => {
    const held = (settings: TuningSettings) => {
      save(settings)
      return (config().bidora as Record<string, unknown>).detachNorm
    }
    const [dora, bidora] = (['dora', 'bidora'] as const).map(method => ({ method, ...adapter }))
    assert.deepEqual([held(dora!), held(bidora!)], [true, false])
    assert.deepEqual([held({ ...dora!, detachNorm: false }), held({ ...bidora!, detachNorm: true })], [false, true])
  })

  for (const [name, settings, peftType] of kinds) {
    for (const kind of ['bert', 'roberta'] as const) {
      it(`${name} (${kind}): come back with bit-equal logits`, () => {
        const logits = save(settings, kind)
        assert.equal(config().peft_type, peftType)
        const model = tinyModel(kind)
        const read = loadAdapter(folder, model)
        assert.deepEqual(
          scope(() => tinyLogits(model).tolist()),
          logits,
        )
        assert.equal(read.base, '/models/base')
        assert.equal(read.taskType, 'SEQ_CLS')
        assert.deepEqual(read.extra, { id2label: { 0: 'no' } })
        for (const [key, value] of Object.entries(settings)) {
          if (key !== 'targetModules') assert.deepEqual(read.settings[key as 'method'], value, key)
        }
        model.dispose()
      })
    }
  }

  it("are in PEFT's words", () => {
    save({ method: 'bidora', ...adapter })
    const prefix = 'base_model.model.bert.encoder.layer.1.attention.self.value'
    const tensors = readSafetensors(tensorsPath())
    assert.deepEqual(tensors.get(`${prefix}.lora_A.weight`)!.shape, [2, 8])
    assert.deepEqual(tensors.get(`${prefix}.lora_B.weight`)!.shape, [8, 2])
    assert.deepEqual(tensors.get(`${prefix}.lora_magnitude_vector`)!.shape, [8])
    assert.deepEqual(tensors.get('base_model.model.classifier.weight')!.shape, [3, 8])
    assert.equal(tensors.size, 4 * 3 + 2)
    for (const tensor of tensors.values()) tensor.dispose()
    const { bidora, ...fields } = config()
    assert.deepEqual(bidora, { method: 'bidora', magnitudeAxis: 'out', detachNorm: false, id2label: { 0: 'no' } })
    const expected = {
      r: 2,
      lora_alpha: 3,
      use_dora: true,
      target_modules: ['query', 'value'],
      modules_to_save: ['classifier'],
      task_type: 'SEQ_CLS',
      inference_mode: true,
      bias: 'none',
      fan_in_fan_out: false,
    }
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(fields[key], value)
  })

  it('in-axis magnitudes have a name of their own', () => {
    save({ method: 'bidora', ...adapter, magnitudeAxis: 'in' })
    const names = [...new SafetensorsFile(tensorsPath()).entries.keys()]
    assert.ok(
      names.some(name => name.endsWith('.lora_magnitude_vector_in')) &&
        !names.some(name => name.endsWith('.lora_magnitude_vector')),
    )
  })

  it('names in camelCase and all-linear are written so that PEFT finds them', () => {
    save({ method: 'lora', ...adapter, targetModules: ['intermediate.dense'] })
    save({ method: 'lora', ...adapter, targetModules: 'all-linear' })
    const targets = config().target_modules as string[]
    assert.ok(targets.includes('bert.pooler.dense') && targets.length === 13)
  })

  it('are not for the method full, nor for a model that is not ready', () => {
    const model = tinyModel()
    assert.throws(() => saveAdapter(folder, model, { settings: { method: 'full' }, base: '' }), ArgumentError)
    assert.throws(
      () => saveAdapter(folder, model, { settings: { method: 'lora', ...adapter }, base: '' }),
      /expected a model with adapters/,
    )
    model.dispose()
  })

  describe('reading', () => {
    it('takes both spellings of the magnitude', () => {
      const logits = save({ method: 'bidora', ...adapter })
      changeTensors(tensors => {
        for (const [name, tensor] of [...tensors]) {
          if (!name.endsWith('lora_magnitude_vector')) continue
          tensors.delete(name)
          tensors.set(name + '.weight', tensor)
        }
      })
      const model = tinyModel()
      loadAdapter(folder, model)
      assert.deepEqual(
        scope(() => tinyLogits(model).tolist()),
        logits,
      )
      model.dispose()
    })

    it('lists all that is missing, unexpected and of another shape together', () => {
      save({ method: 'lora', ...adapter })
      const prefix = 'base_model.model.bert.encoder.layer.0.attention.self'
      changeTensors(tensors => {
        tensors.delete(`${prefix}.query.lora_A.weight`)
        tensors.set(`${prefix}.key.lora_A.weight`, randn([2, 8]))
        tensors.set(`${prefix}.value.lora_B.weight`, randn([2, 8]))
      })
      refused(
        /1 missing: .*query\.lora_A\.weight; 1 unexpected: .*key\.lora_A\.weight; 1 of another shape: .*value\.lora_B\.weight \(expected \[8, 2\], got \[2, 8\]\)/,
      )
    })

    it('refuses a folder without the head, and says so first', () => {
      save({ method: 'lora', ...adapter })
      changeTensors(tensors =>
        ['weight', 'bias'].forEach(name => void tensors.delete(`base_model.model.classifier.${name}`)),
      )
      refused(/got no head: nothing of classifier/)
    })

    it('refuses a magnitude that the method has not, and a method without its magnitude', () => {
      save({ method: 'bidora', ...adapter })
      changeConfig({ use_dora: false, bidora: {} })
      refused(/unexpected: .*lora_magnitude_vector/)
      save({ method: 'lora', ...adapter })
      changeConfig({ use_dora: true, bidora: {} })
      refused(/missing: .*lora_magnitude_vector/)
    })

    it('refuses a base of another size', () => {
      save({ method: 'lora', ...adapter, targetModules: ['query'] })
      changeTensors(tensors => tensors.set('base_model.model.classifier.weight', randn([2, 8])))
      refused(/classifier\.weight \(expected \[3, 8\], got \[2, 8\]\)/)
    })

    const unsupported: Record<string, unknown> = {
      bias: 'all',
      layers_to_transform: [0],
      layers_pattern: 'layer',
      exclude_modules: ['key'],
      init_lora_weights: 'pissa',
      layer_replication: [[0, 1]],
      lora_bias: true,
      use_qalora: true,
      trainable_token_indices: [1],
      target_parameters: ['x'],
      megatron_config: { a: 1 },
      loftq_config: { loftq_bits: 4 },
      alora_invocation_tokens: [1],
      something_of_tomorrow: 7,
    }
    for (const [key, value] of Object.entries(unsupported)) {
      it(`refuses ${key} = ${JSON.stringify(value)} by name`, () => {
        save({ method: 'lora', ...adapter })
        changeConfig({ [key]: value })
        refused(new RegExp(`got ${key} = `))
      })
    }

    it('refuses patterns that are none, or whose meaning with rsLoRA it does not carry out', () => {
      save({ method: 'lora', ...adapter })
      changeConfig({ rank_pattern: { query: 0 } })
      refused(/expected rank_pattern to be layers with whole numbers above 0, got \{"query":0\}/)
      changeConfig({ rank_pattern: {}, alpha_pattern: [3] })
      refused(/expected alpha_pattern to be layers with numbers above 0, got \[3\]/)
      changeConfig({ alpha_pattern: { query: 3 }, use_rslora: true })
      refused(/alpha_pattern .*without use_rslora/)
    })

    it('names every unsupported field at once', () => {
      save({ method: 'lora', ...adapter })
      changeConfig({ bias: 'all', lora_bias: true })
      refused(/got (bias|lora_bias) = .*, (bias|lora_bias) = /)
    })

    it('passes over fields that say nothing, and takes other ways of filling a new adapter', () => {
      const logits = save({ method: 'lora', ...adapter })
      changeConfig({
        corda_config: null,
        peft_version: '0.99.0',
        revision: 'main',
        tomorrow: null,
        another: {},
        init_lora_weights: 'gaussian',
        qalora_group_size: 8,
      })
      const model = tinyModel()
      loadAdapter(folder, model)
      assert.deepEqual(
        scope(() => tinyLogits(model).tolist()),
        logits,
      )
      model.dispose()
    })

    it('carries out use_rslora: alpha / sqrt(r)', () => {
      save({ method: 'lora', ...adapter })
      changeConfig({ use_rslora: true })
      const model = tinyModel()
      loadAdapter(folder, model)
      for (const layer of adaptedLayers(model).values()) assert.ok(Math.abs(layer.scaling - 3 / Math.sqrt(2)) < 1e-15)
      model.dispose()
    })

    it('takes use_rslora of PEFT for the method rslora, and refuses ours without it', () => {
      save({ method: 'rslora', ...adapter })
      assert.equal(config().use_rslora, true)
      assert.equal(config().lora_alpha, 3)
      changeConfig({ use_rslora: false })
      refused(/expected use_rslora true for method 'rslora'/)
      changeConfig({ use_rslora: true, bidora: {} })
      const model = tinyModel()
      const { settings } = loadAdapter(folder, model)
      assert.deepEqual([settings.method, 'loraAlpha' in settings && settings.loraAlpha], ['rslora', 3])
      for (const layer of adaptedLayers(model).values()) assert.equal(layer.scaling, 3 / Math.sqrt(2))
      model.dispose()
    })

    it('refuses what is no adapter', () => {
      save({ method: 'lora', ...adapter })
      for (const [change, expected] of [
        [{ peft_type: 'IA3' }, /expected peft_type LORA .*got "IA3"/],
        [{ peft_type: 'HEAD' }, /peft_type/],
        [{ peft_type: 'toString' }, /peft_type/],
        [{ r: '2' }, /expected r to be a whole number above 0, got "2"/],
        [{ r: 0 }, /expected r to be/],
        [{ lora_alpha: null }, /expected lora_alpha to be a number above 0, got null/],
        [{ lora_dropout: 1 }, /expected lora_dropout/],
        [{ target_modules: null }, /expected target_modules/],
        [{ target_modules: [] }, /expected target_modules to be names or a regular expression, got \[\]/],
        [{ target_modules: '' }, /expected target_modules/],
        [{ target_modules: [1] }, /expected target_modules/],
        [{ use_dora: true }, /expected use_dora false for method 'lora'/],
      ] as const) {
        const before = config()
        changeConfig(change)
        refused(expected)
        writeFileSync(configPath(), JSON.stringify(before))
      }
      assert.throws(() => readAdapterConfig(join(folder, 'nowhere')), FormatError)
    })

    it('refuses wrong fields of the other methods too', () => {
      const targetModules = ['query']
      const vera: TuningSettings = { method: 'vera', rank: 2, targetModules }
      const adalora: TuningSettings = { method: 'adalora', rank: 2, initialRank: 3, loraAlpha: 4, targetModules }
      for (const [settings, changes] of [
        [
          vera,
          [
            [{ save_projection: 1 }, /expected save_projection to be true or false, got 1/],
            [{ projection_prng_key: -1 }, /expected projection_prng_key to be a whole number of at least 0, got -1/],
            [{ d_initial: '0.1' }, /expected d_initial to be a number/],
            [{ vera_dropout: 1 }, /expected vera_dropout to be a probability/],
            [{ layers_to_transform: [0] }, /layers_to_transform = \[0\]/],
            [{ fan_in_fan_out: true }, /fan_in_fan_out = true/],
          ],
        ],
        [
          adalora,
          [
            [{ target_r: 0 }, /expected target_r to be a whole number of at least 1, got 0/],
            [{ beta1: 1 }, /expected beta1 to be a number between 0 and 1, got 1/],
            [{ beta2: 0 }, /expected beta2 to be/],
            [{ orth_reg_weight: -1 }, /expected orth_reg_weight/],
            [{ deltaT: 0 }, /expected deltaT/],
            [{ rank_pattern: { 'x.lora_E': [true] } }, /expected rank_pattern to be null or 3 times true or false/],
            [{ rank_pattern: { 'x.lora_E': [true, false, true] } }, /layers that are adapted, got x.lora_E/],
            [{ bias: 'all' }, /bias = "all"/],
          ],
        ],
        [
          { method: 'fourierft', nFrequency: 4, targetModules },
          [
            [{ n_frequency: 0 }, /expected n_frequency to be a whole number of at least 1/],
            [{ n_frequency_pattern: { query: 3 } }, /n_frequency_pattern/],
            [{ scaling: null }, /expected scaling to be a number, got null/],
            [{ random_loc_seed: 0.5 }, /expected random_loc_seed/],
          ],
        ],
        [
          { method: 'adapter' },
          [
            [{ adapter_kind: 'parallel' }, /expected adapter_kind to be houlsby or pfeiffer, got "parallel"/],
            [{ reduction_factor: 0.5 }, /expected reduction_factor to be a number of at least 1, got 0.5/],
            [{ non_linearity: 'swish' }, /expected non_linearity/],
            [{ ln_before: true }, /ln_before = true/],
          ],
        ],
        [
          { method: 'bidora', compat: 'official', rank: 2, targetModules },
          [
            [{ r: 0 }, /expected r to be/],
            [{ lora_alpha: 8 }, /lora_alpha = 8/],
          ],
        ],
      ] as [TuningSettings, [Record<string, unknown>, RegExp][]][]) {
        save(settings)
        for (const [change, expected] of changes) {
          const before = config()
          changeConfig(change)
          refused(expected)
          writeFileSync(configPath(), JSON.stringify(before))
        }
      }
    })

    it('refuses an axis that the type does not have', () => {
      save({ method: 'bidora', ...adapter })
      changeConfig({ bidora: { method: 'bidora', magnitudeAxis: 'in' } })
      refused(/expected magnitudeAxis 'out' with peft_type LORA/)
      save({ method: 'bidora', ...adapter, magnitudeAxis: 'in' })
      changeConfig({ bidora: { method: 'bidora', magnitudeAxis: 'out' } })
      refused(/expected magnitudeAxis 'in' with peft_type BIDORA/)
    })
  })
})
