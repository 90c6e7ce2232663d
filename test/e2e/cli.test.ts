import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type CliRun, runCli, startCli } from './run-cli.ts'
import { scratch } from './scratch.ts'
import { tinyExamples } from './tiny-model.ts'

const jsonl = (rows: readonly object[]) => rows.map(row => `${JSON.stringify(row)}\n`).join('')
const settings = ['--rank', '2', '--batch-size', '8', '--device', 'cpu', '--threads', '1']

type Results = {
  task: string
  method: string
  metrics: { validation: Record<string, number>; test: Record<string, number> }
  parameters: { trainable: number; total: number }
  steps: { search: number; retrain: number }
}

describe('cli', function () {
  this.timeout(120_000)
  const here = scratch('cli')
  let folder: string
  let model: string
  let run: string
  before(() => {
    ;({ folder, base: model } = here)
    run = join(folder, 'run')
    const rows = tinyExamples(120)
    writeFileSync(join(folder, 'train.jsonl'), jsonl(rows.slice(0, 80)))
    writeFileSync(join(folder, 'dev.jsonl'), jsonl(rows.slice(80, 100)))
    writeFileSync(
      join(folder, 'test.csv'),
      `text,label\n${rows
        .slice(100)
        .map(row => `"${row.text}",${row.label}\n`)
        .join('')}`,
    )
  })
  const file = (name: string) => join(folder, name)
  const trainArgs = (...more: string[]) => [
    'train',
    '--model',
    model,
    '--train',
    file('train.jsonl'),
    ...settings,
    ...more,
  ]

  describe('train, then the other commands', () => {
    let results: Results
    before(async () => {
      const parts = [
        '--validation',
        file('dev.jsonl'),
        '--test',
        file('test.csv'),
        '--output',
        run,
        '--json',
        '--log-every',
        '1',
      ]
      const { status, stdout, stderr } = await runCli(
        trainArgs('--search-steps', '5', '--epochs', '10', '--learning-rate', '3e-2', ...parts),
      )
      assert.equal(status, 0, stderr)
      assert.equal(stdout.trim().split('\n').length, 1, 'one object on stdout')
      results = JSON.parse(stdout) as Results
      assert.match(stderr, /search \d+\/\d+: lower loss \d.*upper loss \d.*examples\/s.*left, peak memory/)
      assert.match(stderr, /retrain \d+\/\d+: loss \d/)
    })

    it('writes every file of a run', () => {
      for (const name of ['adapter_config.json', 'adapter_model.safetensors', 'tokenizer.json', 'README.md']) {
        assert.ok(existsSync(join(run, name)), name)
      }
      for (const name of ['config.json', 'metrics.jsonl', 'results.json'])
        assert.ok(existsSync(join(run, 'run', name)), name)
      const saved = JSON.parse(readFileSync(join(run, 'run', 'results.json'), 'utf8')) as Results
      assert.deepEqual(saved.metrics, results.metrics)
      assert.equal(saved.method, 'bidora')
    })

    it('has learned what can be learned', () => {
      assert.ok(results.metrics.test.accuracy! > 0.7, `accuracy ${results.metrics.test.accuracy}`)
      assert.ok(results.steps.search > 0 && results.steps.retrain > 0)
      assert.ok(results.parameters.trainable < results.parameters.total)
    })

    it('evaluate gives the scores of the end of the training, from a file and from stdin', async () => {
      const fromFile = await runCli(['evaluate', '--model', run, '--device', 'cpu', '--json', file('test.csv')])
      assert.equal(fromFile.status, 0, fromFile.stderr)
      const { metrics, examples } = JSON.parse(fromFile.stdout) as { metrics: Record<string, number>; examples: number }
      assert.equal(examples, 20)
      assert.equal(metrics.accuracy, results.metrics.test.accuracy)
      const input = readFileSync(file('dev.jsonl'), 'utf8')
      const fromStdin = await runCli(['evaluate', '--model', run, '--device', 'cpu', '--json', '-'], { input })
      const again = JSON.parse(fromStdin.stdout) as { metrics: Record<string, number> }
      assert.equal(again.metrics.accuracy, results.metrics.validation.accuracy)
    })

    it('evaluate refuses a label that the model does not know, with its line', async () => {
      const input = jsonl([
        { text: 'good', label: 'ham' },
        { text: 'bad', label: 'soup' },
      ])
      const { status, stderr } = await runCli(['evaluate', '--model', run, '--device', 'cpu', '-'], { input })
      assert.equal(status, 1)
      assert.match(stderr, /stdin:2.*'?soup'?/)
    })

    const predict = async (args: readonly string[], input = '') => {
      const { status, stdout, stderr } = await runCli(['predict', '--model', run, '--device', 'cpu', ...args], {
        input,
      })
      assert.equal(status, 0, stderr)
      return stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as { label: string; score: number; scores: object })
    }

    it('predict keeps the order and reads texts, jsonl and csv alike', async () => {
      const rows = tinyExamples(60)
      const texts = await predict([], rows.map(row => `${row.text}\n`).join(''))
      assert.equal(texts.length, 60)
      const objects = await predict(['-'], jsonl(rows.map(({ text }) => ({ text }))))
      assert.deepEqual(
        objects.map(answer => answer.label),
        texts.map(answer => answer.label),
      )
      writeFileSync(file('in.csv'), `sentence\n${rows.map(row => `${row.text}\n`).join('')}`)
      const table = await predict([file('in.csv')])
      assert.deepEqual(
        table.map(answer => answer.label),
        texts.map(answer => answer.label),
      )
      assert.deepEqual(Object.keys(texts[0]!.scores), ['ham', 'spam'])
    })

    it('predict gives an answer before its input ends', async () => {
      const cli = startCli(['predict', '--model', run, '--device', 'cpu'], { keepOpen: true })
      cli.child.stdin?.write('the prize is free\n')
      for (let waited = 0; cli.stdout() === '' && waited < 30_000; waited += 20) await delay(20)
      assert.match(cli.stdout(), /"label"/)
      cli.child.stdin?.end('lunch now\n')
      const { status, stdout } = await cli.result
      assert.equal(status, 0)
      assert.equal(stdout.trim().split('\n').length, 2)
    })

    it('predict names the line that is bad, after the answers to those before', async () => {
      const { status, stdout, stderr } = await runCli(['predict', '--model', run, '--device', 'cpu'], {
        input: 'good\n\nbad\n',
      })
      assert.equal(status, 1)
      assert.match(stderr, /stdin:2.*empty line/)
      assert.ok(stdout.split('\n').length <= 2)
    })

    it('predict ends quietly when its reader goes away', () => {
      const main = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url))
      const script = `yes 'the film is good' | head -20000 | '${process.execPath}' '${main}' predict --model '${run}' --device cpu | head -1`
      const { stdout, stderr, status } = spawnSync(
        'bash',
        ['-o', 'pipefail', '-c', `${script}; exit "\${PIPESTATUS[2]}"`],
        { encoding: 'utf8' },
      )
      assert.equal(stdout.trim().split('\n').length, 1)
      assert.equal(stderr, '')
      assert.equal(status, 0)
    })

    it('merge writes a plain checkpoint that predicts the same', async () => {
      const output = file('merged')
      const { status, stdout, stderr } = await runCli([
        'merge',
        '--model',
        run,
        '--device',
        'cpu',
        '--output',
        output,
        '--json',
      ])
      assert.equal(status, 0, stderr)
      assert.ok((JSON.parse(stdout) as { maxRelativeError: number }).maxRelativeError < 1e-4)
      assert.ok(existsSync(join(output, 'model.safetensors')) && !existsSync(join(output, 'adapter_config.json')))
      const input = tinyExamples(20)
        .map(row => `${row.text}\n`)
        .join('')
      const [adapted, merged] = [
        await predict([], input),
        await runCli(['predict', '--model', output, '--device', 'cpu'], { input }),
      ]
      const labels = merged.stdout
        .trim()
        .split('\n')
        .map(line => (JSON.parse(line) as { label: string }).label)
      assert.deepEqual(
        labels,
        adapted.map(answer => answer.label),
      )
    })
  })

  it('reads settings from a file; the command line outweighs it', async () => {
    const config = {
      model,
      train: file('train.jsonl'),
      method: 'lora',
      rank: 2,
      epochs: 9,
      batchSize: 8,
      seed: 3,
      device: 'cpu',
    }
    writeFileSync(file('config.json'), JSON.stringify(config))
    const { status, stdout, stderr } = await runCli([
      'train',
      '--config',
      file('config.json'),
      '--retrain-steps',
      '2',
      '--json',
    ])
    assert.equal(status, 0, stderr)
    const results = JSON.parse(stdout) as Results & { seed: number }
    assert.equal(results.method, 'lora')
    assert.equal(results.seed, 3)
    assert.equal(results.steps.retrain, 2)
    assert.match(stderr, /no --output is given/)
  })

  describe('Ctrl-C', () => {
    const slow = (output: string, ...more: string[]) =>
      trainArgs('--search-steps', '60', '--retrain-steps', '60', '--log-every', '1', '--output', output, ...more)

    async function waitForStep(cli: CliRun, step: RegExp): Promise<void> {
      for (let waited = 0; !step.test(cli.stderr()); waited += 5) {
        assert.ok(waited < 60_000 && cli.child.exitCode === null, cli.stderr())
        await delay(5)
      }
    }

    for (const [phase, step] of [
      ['search', /search \d+\//],
      ['retraining', /retrain \d+\//],
    ] as const) {
      it(`in the ${phase} writes a checkpoint and exits 130; resumed, it ends as if nothing had been`, async () => {
        const [whole, stopped] = [file(`whole-${phase}`), file(`stopped-${phase}`)]
        const cli = startCli(slow(stopped))
        await waitForStep(cli, step)
        cli.child.kill('SIGINT')
        const { status, stderr } = await cli.result
        assert.equal(status, 130, stderr)
        assert.match(stderr, /checkpoint in .*--resume/)
        assert.ok(readdirSync(join(stopped, 'run', 'checkpoints')).length > 0)
        assert.ok(!existsSync(join(stopped, 'adapter_config.json')))
        const resumed = await runCli(slow(stopped, '--resume'))
        assert.equal(resumed.status, 0, resumed.stderr)
        assert.doesNotMatch(resumed.stderr, /search 1\/60/)
        assert.equal((await runCli(slow(whole))).status, 0)
        const weights = (path: string) => readFileSync(join(path, 'adapter_model.safetensors'))
        assert.ok(weights(stopped).equals(weights(whole)), 'the same bytes')
      })
    }

    it('refuses to begin anew over an unfinished run', async () => {
      const output = file('unfinished')
      const cli = startCli(slow(output))
      await waitForStep(cli, /search \d+\//)
      cli.child.kill('SIGTERM')
      assert.equal((await cli.result).status, 130)
      const { status, stderr } = await runCli(slow(output))
      assert.equal(status, 2)
      assert.match(stderr, /unfinished run.*resume/)
    })

    it('handed on by npm at once, is still one Ctrl-C', async () => {
      const output = file('twice')
      const cli = startCli(slow(output))
      await waitForStep(cli, /search \d+\//)
      cli.child.kill('SIGINT')
      await delay(1)
      cli.child.kill('SIGINT')
      const { status, stderr } = await cli.result
      assert.equal(status, 130)
      assert.match(stderr, /checkpoint in/)
    })
  })
})
