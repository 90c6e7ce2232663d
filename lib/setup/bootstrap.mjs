// What every npm script runs: brings a fresh clone to the point where the script can do its work, then does it.
// Only Node's own modules here: it must work before `npm ci` and before the first compile.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const checkout = existsSync(join(root, 'package-lock.json')) && existsSync(join(root, 'test', 'tsconfig.json'))
const [verb, ...args] = process.argv.slice(2)

const verbs = {
  demo: async () => {
    await prepare({ assets: 'required' })
    return node('dist/lib/cli/main.js', 'demo', ...args)
  },
  setup: async () => {
    compile()
    return node('dist/lib/cli/main.js', 'setup', ...args)
  },
  test: async () => {
    await prepare({ assets: 'required' })
    return report(mocha(['unit', 'house', 'parity', 'gradient', 'examples', 'e2e']))
  },
  'test:gpu': async () => {
    await prepare({ assets: 'required' })
    return report(mocha(['gpu']))
  },
  'test:real': async () => {
    await prepare({ assets: 'required' })
    return report(mocha(['real']))
  },
  'test:peers': async () => {
    await prepare({ assets: 'required' })
    const { peerPython } = await import(pathToFileURL(join(root, 'test', 'peers', 'venv.mjs')).href)
    return report(mocha(['peers'], { BIDORA_PEER_PYTHON: await peerPython() }))
  },
  build: () => build({ always: true }, { assets: 'none', verbose: true }),
  // What binding.gyp calls; it must not fetch anything.
  addon: () => build({}, { assets: 'none', verbose: true, fetch: false }),
  check: async () => {
    await prepare({ assets: 'none' })
    return check()
  },
  bench: async () => {
    await prepare({ assets: 'required' })
    return node('dist/test/bench/runner.js', ...args)
  },
}

/** A type error somewhere must not keep the addon from being built: TypeScript is emitted all the same. */
async function build(compiling, options) {
  const types = attempt(() => compile(compiling))
  await setUp(options)
  if (types !== undefined) throw types
  return 0
}

function attempt(work) {
  try {
    work()
  } catch (error) {
    return error
  }
}

/** Dependencies, compiled TypeScript, libtorch, addon and, where asked for, the model and the mails. */
async function prepare(options) {
  compile()
  await setUp(options)
}

async function setUp(options) {
  const { runSetup } = await import(pathToFileURL(join(root, 'dist', 'lib', 'cli', 'setup.js')).href)
  await runSetup(options)
}

/** An installed package comes compiled and with its dependencies; a checkout gets both here. */
function compile({ always = false } = {}) {
  if (!checkout) return
  if (!dependenciesFit()) {
    say('installing the npm packages')
    must(run('npm', ['ci', '--no-audit', '--no-fund']), 'npm ci failed: its reason is above')
  }
  const sources = sourceFiles()
  const stamp = join(root, 'dist', '.sources')
  const state = sources.map(path => `${path} ${statSync(path).mtimeMs} ${statSync(path).size}`).join('\n')
  if (!always && existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return
  say('compiling TypeScript')
  removeOrphans()
  rmSync(stamp, { force: true })
  must(
    run(process.execPath, [bin('typescript', 'tsc'), '-p', 'test/tsconfig.json']),
    'TypeScript found errors, see above',
  )
  writeFileSync(stamp, state)
}

/** Compares what npm installed (its own note in node_modules) with the lock file, so that no run of npm is needed. */
function dependenciesFit() {
  const note = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(note)) return false
  const installed = JSON.parse(readFileSync(note, 'utf8')).packages
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(locked).every(
    ([path, entry]) => path === '' || (installed[path] ? installed[path].version === entry.version : entry.optional),
  )
}

function sourceFiles() {
  const files = ['lib', 'test'].flatMap(folder =>
    readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
      .filter(entry => entry.isFile() && /(\.ts|tsconfig\.json)$/.test(entry.name))
      .map(entry => join(entry.parentPath ?? entry.path, entry.name)),
  )
  return [...files, join(root, 'package.json'), join(root, 'package-lock.json')].sort()
}

/** Outputs whose source is gone would still be imported or run as tests. */
function removeOrphans() {
  const dist = join(root, 'dist')
  if (!existsSync(dist)) return
  for (const entry of readdirSync(dist, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name)
    const source = /^(.*)\.(?:d\.ts|js|js\.map)$/.exec(relative(dist, path))?.[1]
    if (source !== undefined && !existsSync(join(root, `${source}.ts`))) rmSync(path)
  }
}

/** Runs test folders that are there; counts come from the reporter through a file. */
function mocha(folders, environment = {}) {
  const files = folders.map(name => `dist/test/${name}`).filter(path => existsSync(join(root, path)))
  const scratch = mkdtempSync(join(tmpdir(), 'bidora-test-'))
  const counts = join(scratch, 'counts.json')
  try {
    const patterns = files.map(path => `${path}/**/*.test.js`)
    const command = [bin('mocha', 'mocha'), '--reporter', 'test/reporter.cjs', ...args, ...patterns]
    const status = run(process.execPath, command, { ...environment, BIDORA_TEST_COUNTS: counts })
    // A run that died before its end is a failure, whatever it had counted.
    const ended = existsSync(counts) ? JSON.parse(readFileSync(counts, 'utf8')) : { passed: 0, failed: 0, skipped: 0 }
    if (status !== 0 && ended.failed === 0) ended.failed = 1
    return ended
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** The last line of every run of tests. */
function report({ passed, failed, skipped }) {
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  return failed > 0 || passed + skipped === 0 ? 1 : 0
}

function check() {
  const steps = [
    ['types', () => run(process.execPath, [bin('typescript', 'tsc'), '-p', 'test/tsconfig.json', '--noEmit'])],
    ['lint', () => biome('lint')],
    ['format', () => biome('format')],
    ['C++ format', clangFormat],
    ['house rules', () => (mocha(['house']).failed > 0 ? 1 : 0)],
  ]
  const failed = steps.filter(([name, work]) => {
    const status = work()
    say(`${name}: ${status === 0 ? 'ok' : status === undefined ? 'skipped' : 'FAILED'}`)
    return status !== 0 && status !== undefined
  })
  return failed.length > 0 ? 1 : 0
}

function biome(command) {
  return run(process.execPath, [
    bin('@biomejs/biome', 'biome'),
    command,
    '--config-path',
    'test/house/style.json',
    'lib',
    'test',
  ])
}

function clangFormat() {
  if (spawnSync('clang-format', ['--version']).status !== 0) {
    say('C++ format: clang-format is not on PATH')
    return undefined
  }
  const native = join(root, 'native')
  const files = readdirSync(native).filter(name => /\.(cc|h)$/.test(name))
  return run('clang-format', ['--dry-run', '--Werror', ...files.map(name => join(native, name))])
}

/** The script behind a package's command, so that no PATH is needed. */
function bin(name, command) {
  const folder = join(root, 'node_modules', name)
  const entry = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).bin
  return join(folder, typeof entry === 'string' ? entry : entry[command])
}

function node(...command) {
  return run(process.execPath, ['--enable-source-maps', ...command])
}

function run(command, commandArgs, environment = {}) {
  const child = spawnSync(command, commandArgs, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  })
  if (child.error) say(`${command} could not be started: ${child.error.message}`)
  return child.status ?? 1
}

function must(status, sentence) {
  if (status !== 0) throw Object.assign(new Error(sentence), { code: 'BOOTSTRAP' })
}

function say(text) {
  process.stderr.write(`bidora-torch: ${text}\n`)
}

async function main() {
  const work = verbs[verb]
  if (work === undefined) {
    say(`expected one of ${Object.keys(verbs).join(', ')}, got ${verb ?? 'nothing'}`)
    return 2
  }
  try {
    return await work()
  } catch (error) {
    // Errors of set-up are sentences; anything else is a defect and keeps its stack.
    say(error?.code ? error.message : (error?.stack ?? String(error)))
    if (verb.startsWith('test')) report({ passed: 0, failed: 1, skipped: 0 })
    return 1
  }
}

main().then(status => {
  process.exitCode = status
})
