import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { PRESETS } from '../../lib/train/presets.ts'
import { presetName, scriptRows, settingsOfRow } from '../unit/train/published-scripts.ts'

const file = resolve('../shared/design/method.md')

describe('presets against the table of the published scripts', () => {
  let text = ''

  before(function () {
    if (!existsSync(file)) {
      console.log(`      skipped: ${file} is not there`)
      return this.skip()
    }
    const [, section = ''] = readFileSync(file, 'utf8').split('## 3. Hyper-parameters')
    text = section.split('\n## ')[0]!
  })

  it('every row is a preset', () => {
    const rows = scriptRows(text)
    assert.equal(rows.length, 16)
    assert.deepEqual(['paper', ...rows.map(presetName)], Object.keys(PRESETS))
    for (const row of rows) {
      const preset = PRESETS[presetName(row)] as Readonly<Record<string, unknown>>
      for (const [name, value] of Object.entries(settingsOfRow(row)))
        assert.equal(preset[name], value, `${row[0]}: ${name}`)
    }
  })

  it('and so is what is common to all', () => {
    const common = text.split('|')[0]!
    const figure = (pattern: RegExp) => common.replace(/\s+/g, ' ').match(pattern)?.[1]
    for (const preset of Object.values(PRESETS)) {
      assert.equal(String(preset.rank), figure(/common: r (\d+),/))
      assert.equal(String(preset.unrollSteps), figure(/unroll_step (\d+),/))
      assert.equal(preset.orthogonality, Number(figure(/reg_loss_d (\S+),/)))
      assert.equal(preset.schedule, figure(/scheduler (\w+),/))
      assert.equal(preset.warmupRatio, Number(figure(/warm-up (\d+) %/)) / 100)
      assert.equal(`${preset.adamBeta1}/${preset.adamBeta2}`, figure(/betas ([\d./]+),/))
      assert.equal(preset.adamEpsilon, Number(figure(/eps (\S+),/)))
      assert.equal(preset.loraDropout, Number(figure(/lora_dropout (\d+),/)))
      assert.equal(preset.lowerFraction, Number(text.match(/inner_training_portion ([\d.]+),/)?.[1]))
    }
  })
})
