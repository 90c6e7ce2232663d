import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepareModel, saveAdapter, trainableParameters } from '../../../lib/adapters/index.ts'
import { BiDoRA } from '../../../lib/index.ts'
import { loadDataset } from '../../../lib/data/index.ts'
import { loadModel } from '../../../lib/models/index.ts'
import { findDataset, findModel } from '../../../lib/setup/assets.ts'
import { makeOnce } from '../../../lib/setup/cache.ts'
import { cacheRoot } from '../../../lib/setup/locate.ts'
import { stderrProgress } from '../../../lib/setup/progress.ts'
import { findProgram, run, tail } from '../../../lib/setup/run.ts'
import { manualSeed, noGrad, randn, scope } from '../../../lib/torch.ts'
import { root } from '../../parity/golden.ts'

// Fetched into the cache at the first use, without scripts and without what they name besides.
const transformersJs = '@huggingface/transformers@4.3.1'
const onnxPackages = [
  'onnx==1.23.2',
  'onnxscript==0.7.2',
  'onnx-ir==1.1.0',
  'onnxruntime==1.32.0',
  'ml_dtypes==0.6.0',
  'protobuf==7.36.2',
  'flatbuffers==25.12.19',
]

/** Texts of one or two sentences: SST-2's, else the demo's mails. */
export async function predictionTexts(
  count: number,
  data: string | undefined,
): Promise<{ texts: string[]; of: string }> {
  const folder = data ?? join(root, '../shared/data')
  const official = existsSync(join(folder, 'sst2'))
  const { train } = official
    ? await loadDataset('sst2', folder)
    : await loadDataset('spamassassin', join(findDataset('spamassassin'), '..'))
  const texts = (train ?? []).slice(0, count).map(({ text }) => String(text))
  return { texts, of: official ? 'SST-2' : 'mails' }
}

/** A BiDoRA adapter that changes something, and the same merged into a plain checkpoint; both go with the process. */
export async function predictionModels(): Promise<{ adapter: string; merged: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'bidora-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const [adapter, merged] = [join(folder, 'adapter'), join(folder, 'merged')]
  manualSeed(0)
  const model = loadModel(findModel(), { head: 'new', labels: ['negative', 'positive'] })
  const settings = { method: 'bidora', rank: 8, loraAlpha: 16, targetModules: ['query', 'value'] } as const
  prepareModel(model, { ...settings, targetModules: [...settings.targetModules] })
  const { lower, upper } = trainableParameters(model)
  noGrad(() =>
    scope(() => {
      for (const [name, parameter] of [...lower, ...upper]) {
        if (/classifier.*weight/.test(name)) parameter.mul_(20)
        else parameter.add_(randn(parameter.shape).mul(0.02))
      }
    }),
  )
  saveAdapter(adapter, model, {
    settings: { ...settings, targetModules: [...settings.targetModules] },
    base: findModel(),
  })
  model.dispose()
  await using loaded = await BiDoRA.load(adapter, { threads: 1 })
  await loaded.merge(merged)
  return { adapter, merged }
}

/** The folder with transformers.js; undefined, with the reason told, where it cannot be had. */
export async function transformersJsHome(): Promise<string | undefined> {
  const target = join(cacheRoot(), 'bench', transformersJs.replaceAll('/', '-'))
  return made(target, 'transformers.js', async folder => {
    const npm = findProgram('npm') ?? 'npm'
    // Its binaries come with the package; the scripts would fetch those for GPUs.
    const flags = ['--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save']
    await must(npm, ['install', ...flags, transformersJs])
  })
}

/** Writes the ONNX files beside a checkpoint; false, with the reason told, where that cannot be done. */
export async function exportOnnx(python: string, folder: string): Promise<boolean> {
  const target = join(
    cacheRoot(),
    'bench',
    `onnx-${onnxPackages[0]?.split('==')[1]}-${onnxPackages[3]?.split('==')[1]}`,
  )
  const packages = await made(target, 'onnx', into =>
    must(python, [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--target',
      into,
      '--no-deps',
      '--only-binary=:all:',
      ...onnxPackages,
    ]),
  )
  if (packages === undefined) return false
  const finished = await run(python, [join(root, 'test/bench/peers/predict_onnx.py'), folder], {
    env: { ...process.env, PYTHONPATH: packages },
  })
  if (finished.status === 0) return true
  console.error(`prediction: transformers.js is left out, its ONNX file could not be made: ${tail(finished.stderr, 3)}`)
  return false
}

async function made(
  target: string,
  what: string,
  fill: (folder: string) => Promise<void>,
): Promise<string | undefined> {
  try {
    await makeOnce(target, stderrProgress, fill)
    return target
  } catch (error) {
    console.error(`prediction: transformers.js is left out, ${what} could not be had: ${(error as Error).message}`)
    return undefined
  }
}

async function must(command: string, args: readonly string[]): Promise<void> {
  const finished = await run(command, args)
  if (finished.status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${tail(finished.stderr, 3)}`)
}
