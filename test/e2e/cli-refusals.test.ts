import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CliResult, runCli } from './run-cli.ts'
import { scratch } from './scratch.ts'
import { tinyExamples } from './tiny-model.ts'

const noStack = /^\s+at .*\(?(file:|node:|\/).*:\d+:\d+\)?$/m

describe('cli: what it refuses', function () {
  this.timeout(60_000)
  const here = scratch('cli-refusals')
  let folder: string
  let model: string
  let train: string
  before(() => {
    ;({ folder, base: model } = here)
    train = write(
      'train.jsonl',
      tinyExamples(40)
        .map(row => JSON.stringify(row))
        .join('\n'),
    )
  })

  function write(name: string, text: string): string {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }

  function assertRefused(result: CliResult, status: number, sentence: RegExp): void {
    assert.equal(result.status, status, result.stderr)
    assert.match(result.stderr, sentence)
    assert.doesNotMatch(result.stderr, noStack)
  }

  const refusals: readonly [string, () => readonly string[], number, RegExp][] = [
    ['an unknown command, with the nearest', () => ['trian'], 2, /unknown command 'trian'[\s\S]*Did you mean train/],
    ['an unknown flag, with the nearest', () => ['train', '--rnak', '4'], 2, /unknown option '--rnak'[\s\S]*--rank/],
    ['no model', () => ['train', '--train', train], 2, /--model DIR/],
    ['no data', () => ['train', '--model', model], 2, /--dataset NAME or --train FILE/],
    [
      'a model that is not there',
      () => ['train', '--model', '/nowhere', '--train', train],
      1,
      /'\/nowhere', which is no folder/,
    ],
    [
      'a hub id that is in no cache',
      () => ['train', '--model', 'some/model', '--train', train],
      1,
      /hf download some\/model/,
    ],
    [
      'a data set and files',
      () => ['train', '--model', model, '--train', train, '--dataset', 'sst2'],
      2,
      /--dataset or files/,
    ],
    ['a data set with no folder', () => ['train', '--model', model, '--dataset', 'sst2'], 2, /--data DIR/],
    [
      'an unknown data set',
      () => ['train', '--model', model, '--dataset', 'sst3', '--data', folder],
      2,
      /'sst3'.*sst2/,
    ],
    [
      'a number that is none',
      () => ['train', '--model', model, '--train', train, '--rank', 'abc'],
      2,
      /--rank must be an integer.*'abc'/,
    ],
    [
      'a number out of range',
      () => ['train', '--model', model, '--train', train, '--lower-fraction', '1.5'],
      2,
      /--lower-fraction must be/,
    ],
    [
      'a choice that comes later',
      () => ['train', '--model', model, '--train', train, '--dtype', 'bfloat16'],
      2,
      /later version/,
    ],
    [
      'a choice that is none',
      () => ['train', '--model', model, '--train', train, '--method', 'bidoar'],
      2,
      /did you mean 'bidora'/,
    ],
    [
      'a setting that the method does not read',
      () => ['train', '--model', model, '--train', train, '--method', 'full', '--rank', '4'],
      2,
      /does not read/,
    ],
    [
      'a setting given twice',
      () => ['train', '--model', model, '--train', train, '--epochs', '1', '--retrain-epochs', '1'],
      2,
      /given twice/,
    ],
    ['resume with no output', () => ['train', '--model', model, '--train', train, '--resume'], 2, /output/],
    ['a training file that is not there', () => ['train', '--model', model, '--train', '/no.csv'], 1, /\/no\.csv/],
    ['a config that is no JSON', () => ['train', '--model', model, '--config', write('bad.json', '{')], 2, /bad\.json/],
    [
      'an unknown key of the config',
      () => ['train', '--model', model, '--config', write('key.json', '{"rnak": 4}')],
      2,
      /'rnak'; did you mean 'rank'/,
    ],
    [
      'a bad row, with its line',
      () => [
        'train',
        '--model',
        model,
        '--train',
        write('row.jsonl', '{"text":"a","label":"x"}\n{"text":"","label":"y"}'),
      ],
      1,
      /row\.jsonl:2/,
    ],
    [
      'one class only',
      () => [
        'train',
        '--model',
        model,
        '--train',
        write('one.jsonl', '{"text":"a","label":"x"}\n{"text":"b","label":"x"}'),
      ],
      1,
      /label|class/,
    ],
    ['a saved model that is none', () => ['predict', '--model', folder], 1, /adapter_config\.json or config\.json/],
    ['evaluate with nothing to evaluate', () => ['evaluate', '--model', model], 2, /either a file or --dataset/],
    [
      'a limit that is no number',
      () => ['evaluate', '--model', model, '--limit-eval', 'x', train],
      2,
      /--limit-eval: expected/,
    ],
    ['a dtype that is none', () => ['predict', '--model', model, '--dtype', 'float8'], 2, /--dtype/],
    ['compare with no model', () => ['compare', '--methods', 'lora,dora'], 2, /pretrained model; give it with --model/],
    [
      'compare with a variant that says nothing',
      () => ['compare', '--model', model, '--train', train, '--seeds', '0', '--output', folder, '--variant', 'x'],
      2,
      /NAME:KEY=VALUE/,
    ],
    ['report', () => ['report', 'run'], 2, /later version/],
  ]
  for (const [what, args, status, sentence] of refusals) {
    it(what, async () => assertRefused(await runCli(args()), status, sentence))
  }

  it('an addon that is not built, with the command that builds it', async () => {
    const env = {
      BIDORA_TORCH_CACHE: join(folder, 'empty'),
      LIBTORCH: '',
      LIBTORCH_USE_PYTORCH: '',
      BIDORA_TORCH_ADDON: '',
    }
    assertRefused(await runCli(['train', '--model', model, '--train', train], { env }), 1, /npx bidora-torch setup/)
  })

  it('with --json says it in one object on stdout too', async () => {
    const { status, stdout } = await runCli(['train', '--model', model, '--train', train, '--rank', '0', '--json'])
    assert.equal(status, 2)
    const { error } = JSON.parse(stdout) as {
      error: { name: string; code: string; message: string; details: { key: string } }
    }
    assert.equal(error.name, 'ConfigError')
    assert.equal(error.details.key, 'rank')
  })

  it('nothing to do prints help and is wrong usage', async () => {
    const { status, stderr } = await runCli([])
    assert.equal(status, 2)
    assert.match(stderr, /Usage: bidora-torch/)
  })

  for (const command of [
    '',
    'setup',
    'doctor',
    'demo',
    'train',
    'evaluate',
    'predict',
    'merge',
    'analyze',
    'compare',
    'report',
  ]) {
    it(`--help of ${command || 'the whole'} is no refusal`, async () => {
      const { status, stdout, stderr } = await runCli([...(command ? [command] : []), '--help'])
      assert.equal(status, 0)
      assert.match(stdout, /Usage: bidora-torch/)
      assert.equal(stderr, '')
    })
  }
})
