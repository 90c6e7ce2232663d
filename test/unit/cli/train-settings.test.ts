import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { addSettingsFlags } from '../../../lib/cli/settings-flags.ts'
import { trainRequest } from '../../../lib/cli/train-settings.ts'
import { ALIASES, FIELDS, type FieldName } from '../../../lib/train/config.ts'
import { flagOf } from '../../../lib/train/settings.ts'

describe('cli/train-settings', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'bidora-settings-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  function parse(...args: string[]) {
    const command = addSettingsFlags(new Command('train').option('--model <dir>').option('--config <file>'))
    return trainRequest(command.exitOverride().parse(args, { from: 'user' }).opts())
  }
  function config(value: unknown): string {
    const path = join(folder, 'config.json')
    writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
    return path
  }

  it('has a flag for every setting and every short name', () => {
    const { options } = addSettingsFlags(new Command('train'))
    const flags = options.map(option => option.long)
    for (const name of ['rankPattern', 'alphaPattern'])
      assert.equal(options.find(({ long }) => long === flagOf(name))!.flags, `${flagOf(name)} <pattern>`)
    for (const name of [...Object.keys(FIELDS), ...Object.keys(ALIASES)]) assert.ok(flags.includes(flagOf(name)), name)
  })

  it('gives each setting to the call that reads it, with its type', () => {
    const request = parse(
      '--model',
      'm',
      '--rank',
      '4',
      '--target-modules',
      'query, key',
      '--seed',
      '3',
      '--epochs',
      '2.5',
      '--resume',
    )
    assert.deepEqual(request.places, { model: 'm' })
    assert.deepEqual(request.model, { rank: 4, targetModules: ['query', 'key'], seed: 3 })
    assert.deepEqual(request.fit, { retrainEpochs: 2.5, resume: true })
  })

  it('keeps a text that is no number for the check to name', () => {
    assert.deepEqual(parse('--rank', 'abc').model, { rank: 'abc' })
  })

  it('reads switches with and without a value', () => {
    assert.deepEqual(parse('--detach-norm').model, { detachNorm: true })
    assert.deepEqual(parse('--detach-norm', 'false').model, { detachNorm: false })
  })

  it('lets the command line outweigh the file, also where the other says how long in another way', () => {
    const file = config({ model: 'a', rank: 2, epochs: 9, searchEpochs: 2 })
    const request = parse('--config', file, '--model', 'b', '--retrain-steps', '7')
    assert.deepEqual(request.places, { model: 'b' })
    assert.deepEqual(request.model, { rank: 2 })
    assert.deepEqual(request.fit, { retrainSteps: 7, searchEpochs: 2 })
  })

  const refused: readonly [string, unknown, RegExp][] = [
    ['an unknown key, with the nearest', { rnak: 3 }, /'rnak'; did you mean 'rank'/],
    ['a list', [1], /object of settings/],
    ['no JSON', '{', /can be read/],
    ['a place that is no text', { model: 3 }, /--model: expected a text, got 3/],
    ['a setting under both its names', { epochs: 1, retrainEpochs: 2 }, /--retrain-epochs is given twice/],
  ]
  for (const [what, value, sentence] of refused) {
    it(`refuses ${what} in the file`, () => {
      assert.throws(() => parse('--config', config(value)), { name: 'ConfigError', message: sentence })
    })
  }

  it('refuses a setting under both its names on the command line', () => {
    assert.throws(() => parse('--epochs', '1', '--retrain-epochs', '2'), { name: 'ConfigError' })
  })

  it('knows every setting of a kind that the command line can write', () => {
    for (const name of Object.keys(FIELDS) as FieldName[]) {
      assert.match(FIELDS[name].kind, /^(integer|number|choice|boolean|text|list|weights|pattern)$/)
    }
  })
})
