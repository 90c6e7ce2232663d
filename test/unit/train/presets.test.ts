import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { contendersOf, resolveSettings } from '../../../lib/compare/settings.ts'
import type { GivenFitSettings, GivenModelSettings } from '../../../lib/train/config.ts'
import type { Method } from '../../../lib/train/field.ts'
import { PRESET_NAMES, PRESETS } from '../../../lib/train/presets.ts'
import { fitSettings, modelSettings } from '../../../lib/train/settings.ts'
import { presetName, scriptRows, settingsOfRow } from './published-scripts.ts'

// A copy of the figures of the sixteen scripts: length, batch, rates and decays of directions and magnitudes, steps of
// the search, whether it retrains, and rate, steps and decay of that.
const FIGURES = `
| base CoLA | 512 | 32 | 5e-5 | 5e-5 | 0.1 | 0.1 | 20,000 | yes | 3e-5 | 30,000 | (0.1) |
| base MNLI | 512 | 32 | 5e-5 | 5e-5 | 0.1 | 0.1 | 30,000 | yes | 7e-5 | 40,000 | (0.1) |
| base MRPC | 512 | 32 | 2e-5 | 2e-5 | 0.1 | 0.1 | 28,000 | no | - | - | - |
| base QNLI | 512 | 32 | 2e-5 | 2e-5 | 0.1 | 0.0 | 20,000 | no | - | - | - |
| base QQP | 512 | 32 | 5e-5 | 5e-5 | 0.1 | 0.1 | 30,000 | yes | 5e-5 | 30,000 | (0.1) |
| base RTE | 512 | 32 | 1e-5 | 1e-5 | 0.1 | 0.1 | 15,000 | yes | 3e-5 | 15,000 | (0.1) |
| base SST-2 | 512 | 32 | 1e-5 | 1e-5 | 0.12 | 0.0 | 12,000 | no | - | - | - |
| base STS-B | 512 | 32 | 1e-5 | 1e-5 | 0.1 | 0.01 | 12,000 | no | - | - | - |
| large CoLA | 128 | 32 | 1e-5 | 1e-5 | 1 | 1 | 20,000 | yes | 1e-5 | 40,000 | 1 |
| large MNLI | 128 | 32 | 1e-5 | 1e-5 | 0.5 | 0.5 | 55,000 | no | 3e-5 | 50,000 | (0.5) |
| large MRPC | 128 | 32 | 1e-5 | 1e-5 | 0.0 | 0.0 | 40,000 | no | 1e-5 | 30,000 | 0.2 |
| large QNLI | 128 | 64 | 1e-5 | 1e-5 | 0.5 | 0.5 | 60,000 | no | 2e-5 | 60,000 | 0.3 |
| large QQP | 128 | 32 | 1e-5 | 1e-5 | 0.5 | 0.5 | 50,000 | no | 2e-5 | 60,000 | (0.5) |
| large RTE | 128 | 32 | 1e-5 | 1e-5 | 0.5 | 0.5 | 15,000 | yes | 1e-5 | 30,000 | 0.3 |
| large SST-2 | 128 | 32 | 1e-5 | 1e-5 | 0.5 | 0.5 | 20,000 | no | 3e-5 | 20,000 | 1 |
| large STS-B | 128 | 32 | 1e-5 | 1e-5 | 0.5 | 0.5 | 14,000 | no | 3e-5 | 30,000 | (0.5) |
`

const fit = (model: GivenModelSettings, options: GivenFitSettings) => fitSettings(modelSettings(model), options)
const given = (settings: object) =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))

const short = (rate = 0) => rate.toExponential().replace('e-0', 'e-')

/** The table of the README, from the presets. */
function readmeTable(): string {
  const cells = (name: keyof typeof PRESETS) => {
    const { maxLength, batchSize, searchSteps, retrain, retrainSteps, ...preset } = PRESETS[name]
    const decay = preset.retrainWeightDecay ?? preset.weightDecay
    const retraining =
      retrainSteps === undefined ? '' : `${short(preset.retrainLearningRate)}, ${retrainSteps}, ${decay}`
    return [
      `\`${name}\``,
      ...[maxLength, batchSize, `${short(preset.lowerLearningRate)}, ${short(preset.upperLearningRate)}`],
      ...[`${preset.weightDecay}, ${preset.upperWeightDecay}`, searchSteps, retrain ? 'yes' : 'no', retraining],
    ]
  }
  const head = [
    'preset',
    'maxLength',
    'batchSize',
    'rates V, M',
    'decay V, M',
    'searchSteps',
    'retrain',
    'its rate, steps, decay',
  ]
  const rows = [head, head.map(() => '---'), ...PRESET_NAMES.map(cells)]
  return rows.map(row => `| ${row.join(' | ')} |\n`).join('')
}

describe('presets', () => {
  it('stand in the README of train', () => {
    const file = resolve('lib/train/README.md')
    const readme = readFileSync(file, 'utf8')
    const shown = /<!-- presets:start -->\n([\s\S]*?)<!-- presets:end -->/.exec(readme)?.[1]
    if (process.env.BIDORA_WRITE === '1' && shown !== undefined)
      writeFileSync(file, readme.replace(shown, readmeTable()))
    else assert.equal(shown, readmeTable(), 'BIDORA_WRITE=1 writes it anew')
  })

  it('are the sixteen scripts and the paper', () => {
    const rows = scriptRows(FIGURES)
    assert.equal(rows.length, 16)
    assert.deepEqual(PRESET_NAMES, ['paper', ...rows.map(presetName)])
    assert.deepEqual(Object.keys(PRESETS), [...PRESET_NAMES])
    for (const row of rows) {
      const settings = PRESETS[presetName(row)]
      const expected = given(settingsOfRow(row))
      const shared = given(settings)
      for (const [name, value] of Object.entries(expected)) {
        assert.equal(shared[name], value, `${row[0]}: ${name}`)
        delete shared[name]
      }
      // What is left is the same for all.
      assert.deepEqual(shared, {
        ...{ rank: 4, loraAlpha: 4, loraDropout: 0, magnitudeAxis: 'in', detachNorm: false },
        ...{ hypergradient: 'finite-difference', round: 'faithful', radius: 0.01, unrollSteps: 1, lowerFraction: 0.8 },
        ...{ schedule: 'linear', warmupRatio: 0.1, clip: 0, upperClip: 0, orthogonality: 1e-5 },
        ...{ adamBeta1: 0.9, adamBeta2: 0.98, adamEpsilon: 1e-6 },
      })
    }
    assert.deepEqual(PRESETS.paper, PRESETS['roberta-base-cola'])
  })

  it('become settings, whatever stands beside them winning', () => {
    const rte = fit({ preset: 'roberta-large-rte' }, { upperLearningRate: 0.25 })
    assert.deepEqual(
      [rte.weightDecay, rte.retrainWeightDecay, rte.upperWeightDecay, rte.retrainSteps, rte.upperLearningRate],
      [0.5, 0.3, 0.5, 30_000, 0.25],
    )
    assert.equal(fit({ preset: 'roberta-base-rte' }, {}).retrainWeightDecay, 0.1)
    assert.equal(fit({ preset: 'roberta-base-rte' }, { retrainEpochs: 2 }).retrainSteps, undefined)
    assert.equal(fit({}, {}).retrainWeightDecay, 0.01)
  })

  it('say to methods of one level what the retraining has, and no rank to those that make something else of it', () => {
    const decays = (['mrpc', 'qnli', 'rte', 'sst2'] as const).map(
      task => fit({ preset: `roberta-large-${task}`, method: 'lora' }, {}).weightDecay,
    )
    assert.deepEqual(decays, [0.2, 0.3, 0.3, 1])
    assert.equal(fit({ preset: 'roberta-base-rte', method: 'full' }, {}).weightDecay, 0.1)
    const rankOf = (method: Method) => fit({ preset: 'paper', method }, {}).rank
    assert.deepEqual(
      (['bidora', 'dora', 'lora', 'rslora', 'adalora', 'vera'] as const).map(rankOf),
      [4, 4, 4, 4, 8, 256],
    )
    const compared = contendersOf(['lora', 'vera'], {}, { preset: 'paper' }).map(one =>
      resolveSettings(one, { seed: 0 }),
    )
    assert.deepEqual(
      compared.map(({ settings }) => settings.rank),
      [4, 256],
    )
  })

  it('search alone where the script does; values that it has and does not use serve those who retrain', () => {
    const alone = fit({ preset: 'roberta-large-qnli' }, {})
    assert.deepEqual([alone.retrain, alone.retrainSteps, alone.batchSize], [false, undefined, 64])
    const again = fit({ preset: 'roberta-large-qnli' }, { retrain: true })
    assert.deepEqual(
      [again.retrain, again.retrainSteps, again.retrainLearningRate, again.retrainWeightDecay],
      [true, 60_000, 2e-5, 0.3],
    )
    const lora = fit({ preset: 'roberta-large-qnli', method: 'lora' }, {})
    assert.deepEqual([lora.retrainSteps, lora.retrainLearningRate, lora.magnitudeAxis], [60_000, 2e-5, 'out'])
  })

  it('are not mixed with defaults where the script has nothing for a training on all examples', () => {
    const refused = { code: 'CONFIG_PRESET', message: /'roberta-base-mrpc' has a search alone .* give retrainSteps/ }
    assert.equal(fit({ preset: 'roberta-base-mrpc' }, {}).searchSteps, 28_000)
    assert.throws(() => fit({ preset: 'roberta-base-mrpc' }, { retrain: true }), refused)
    assert.throws(() => fit({ preset: 'roberta-base-mrpc', method: 'dora' }, {}), refused)
    assert.throws(() => fit({ preset: 'roberta-base-mrpc', method: 'dora' }, { retrainSteps: 9 }), refused)
    const told = fit({ preset: 'roberta-base-mrpc', method: 'dora' }, { retrainEpochs: 9, retrainLearningRate: 1e-4 })
    assert.deepEqual([told.retrainEpochs, told.retrainLearningRate, told.batchSize], [9, 1e-4, 32])
  })

  it('serve a comparison: each method takes what it reads', () => {
    const shared = { preset: 'roberta-base-mrpc', retrainEpochs: 9, retrainLearningRate: 1e-4, upperClip: 1 }
    const [bidora, lora] = contendersOf(['bidora', 'lora'], {}, shared)
    // A search alone does not read the length of the retraining. Its rate stands for others and is read all the same.
    assert.deepEqual(bidora!.settings, { preset: 'roberta-base-mrpc', retrainLearningRate: 1e-4, upperClip: 1 })
    assert.deepEqual(lora!.settings, { preset: 'roberta-base-mrpc', retrainEpochs: 9, retrainLearningRate: 1e-4 })
    assert.throws(() => contendersOf(['bidora', 'lora'], {}, { preset: 'roberta-base-mrpc' }), {
      code: 'CONFIG_PRESET',
      message: /^compare: lora: preset 'roberta-base-mrpc'/,
    })
  })

  it('of other names are refused with those that there are', () => {
    for (const preset of ['gpt2-medium-e2e', 'deberta-xxlarge-cola', 'Paper'] as unknown as 'paper'[])
      assert.throws(() => modelSettings({ preset }), {
        code: 'CONFIG_VALUE',
        message:
          /must be 'paper' or 'roberta-base-cola' or .* or 'roberta-large-stsb', got '.*'; the paper's settings for other models and data sets are not published/,
      })
    assert.throws(
      () => modelSettings({ preset: 'roberta-base-sst-2' as 'paper' }),
      /did you mean 'roberta-base-sst2'\?$/,
    )
  })
})
