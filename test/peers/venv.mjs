// The Python that the peer tests compare with: a virtual environment in the cache, made from pip at its first use
// (2.5 GB, since torch for Python imports only with its CUDA wheels) and kept under a name that its packages decide.
// As a command it prints the path of that Python: `node test/peers/venv.mjs`.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { assertDiskSpace, folderBytes, makeOnce } from '../../dist/lib/setup/cache.js'
import { cacheRoot } from '../../dist/lib/setup/locate.js'
import { stderrProgress, step } from '../../dist/lib/setup/progress.js'
import { findProgram, run, tail } from '../../dist/lib/setup/run.js'

const packages = [
  'torch==2.15.0',
  'transformers==5.23.0',
  'peft==0.21.2',
  'scikit-learn==1.9.1',
  'scipy==1.17.1',
  'numpy==2.4.6',
]

// Its declared Python range ends at 3.10; without the flag pip takes 0.1.1, which does not restore the weights.
const betty = { requirement: 'betty-ml==0.2.1', flags: ['--no-deps', '--ignore-requires-python'], version: '0.2.1' }

/** The path of the peers' Python; makes the environment where it is not there. */
export async function peerPython() {
  const key = createHash('sha256')
    .update(JSON.stringify([packages, betty]))
    .digest('hex')
    .slice(0, 12)
  const target = join(cacheRoot(), 'peers', key)
  const python = join(target, 'bin', 'python')
  await makeOnce(target, stderrProgress, async (folder, scratch) => {
    assertDiskSpace(1.2e10, 'the peers in Python')
    await step(
      stderrProgress,
      'installing the peers in Python (about 3 GB)',
      async () => {
        const base = findProgram('python3')
        if (base === undefined)
          throw new Error('peers: expected python3 on PATH, got none; install Python 3.11 or later')
        await must(base, ['-m', 'venv', folder], scratch)
        const own = join(folder, 'bin', 'python')
        const pip = [
          '-m',
          'pip',
          'install',
          '--no-input',
          '--no-cache-dir',
          '--no-compile',
          '--disable-pip-version-check',
          '--quiet',
        ]
        await must(own, [...pip, '--only-binary=:all:', ...packages], scratch)
        await must(own, [...pip, ...betty.flags, betty.requirement], scratch)
      },
      () => `${(folderBytes(folder) / 1e9).toFixed(1)} GB`,
    )
  })
  await assertBetty(python)
  return python
}

async function assertBetty(python) {
  const { stdout } = await run(python, ['-c', 'import importlib.metadata as m; print(m.version("betty-ml"))'])
  if (stdout.trim() === betty.version) return
  throw new Error(
    `peers: expected betty-ml ${betty.version} in ${python}, got ${stdout.trim() || 'none'}; remove its folder`,
  )
}

async function must(command, args, scratch) {
  const finished = await run(command, args, { env: { ...process.env, TMPDIR: scratch } })
  if (finished.status !== 0) throw new Error(`peers: ${command} ${args.join(' ')} failed: ${tail(finished.stderr)}`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  peerPython().then(
    path => console.log(path),
    error => {
      console.error(error.message)
      process.exitCode = 1
    },
  )
}
