// bidora-torch as somebody else's dependency: the packed tarball in an empty TypeScript project. Run as a program
// (`node test/package-consumer/run.mjs`) after `npm test`, whose libtorch, model and mails it shares; the addon is
// built anew by the installed package.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheRoot } from '../../dist/lib/setup/locate.js'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const scratch = mkdtempSync(join(tmpdir(), 'bidora-consumer-'))
const project = join(scratch, 'project')
const installed = join(project, 'node_modules', 'bidora-torch')
const emptyCache = join(scratch, 'empty')
const cache = join(scratch, 'cache')
const counts = { passed: 0, failed: 0 }

function prepareFolders() {
  for (const folder of [project, emptyCache, cache]) mkdirSync(folder, { recursive: true })
  for (const name of ['libtorch', 'models', 'datasets']) symlinkSync(join(cacheRoot(), name), join(cache, name))
  symlinkSync(join(cacheRoot(), 'models', 'all-MiniLM-L6-v2'), join(project, 'all-MiniLM-L6-v2'))
  const dev = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies
  const devDependencies = { typescript: dev.typescript, '@types/node': dev['@types/node'] }
  write('package.json', JSON.stringify({ name: 'consumer', private: true, type: 'module', devDependencies }))
  const compilerOptions = { target: 'es2023', module: 'nodenext', strict: true, types: ['node'], noEmitOnError: true }
  write(
    'tsconfig.json',
    JSON.stringify({ compilerOptions: { ...compilerOptions, lib: ['es2023', 'esnext.disposable'] } }),
  )
}

const tests = {
  'npm pack holds what is needed and nothing else': () => {
    const packed = JSON.parse(command('npm', ['pack', '--json', '--pack-destination', scratch], { cwd: root }).stdout)
    const files = packed[0].files.map(file => file.path)
    for (const needed of [
      'dist/lib/index.js',
      'dist/lib/index.d.ts',
      'dist/lib/cli/main.js',
      'native/preload.cc',
      'CMakeLists.txt',
    ]) {
      expect(files.includes(needed), `the tarball lacks ${needed}`)
    }
    const stray = files.filter(path => /^(test|dist\/test|build|node_modules|\.ci)\//.test(path))
    expect(stray.length === 0, `the tarball holds ${stray.slice(0, 5).join(', ')}`)
  },

  'npm install runs no script and builds nothing': () => {
    const tarball = readdirSync(scratch).find(name => name.endsWith('.tgz'))
    command('npm', ['install', join(scratch, tarball), '--prefer-offline', '--no-audit', '--no-fund'], {
      cache: emptyCache,
    })
    const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'))
    expect(!lock.packages['node_modules/bidora-torch'].hasInstallScript, 'npm sees an install script')
    expect(!existsSync(join(installed, 'build')), 'npm install built something')
    expect(readdirSync(emptyCache).length === 0, 'npm install wrote to the cache')
  },

  'doctor works with no addon and names the remedy': () => {
    const doctor = command('npx', ['--no-install', 'bidora-torch', 'doctor'], { cache: emptyCache, status: 1 })
    expect(doctor.stdout.includes('npx bidora-torch setup'), `doctor says: ${doctor.stdout}`)
    expect(readdirSync(emptyCache).length === 0, 'doctor wrote to the cache')
  },

  'import works with no addon; the first tensor names the remedy': () => {
    write('early.mjs', "import { tensor } from 'bidora-torch/torch'\nimport 'bidora-torch'\ntensor([1])\n")
    const early = command('node', ['early.mjs'], { cache: emptyCache, status: 1 })
    expect(early.stderr.includes('npx bidora-torch setup'), `the error is: ${early.stderr}`)
  },

  'the README example passes the type check': () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8')
    const example = /^```ts\n([\s\S]*?)^```/m.exec(readme)?.[1]
    expect(example !== undefined, 'README.md has no ```ts block')
    write('example.ts', example)
    command('npx', ['--no-install', 'tsc', '-p', '.'])
  },

  'npx bidora-torch setup builds in the installed package': () => {
    command('npx', ['--no-install', 'bidora-torch', 'setup', '--device', 'cpu'])
    expect(readdirSync(join(cache, 'addon')).length === 1, 'there is no addon in the cache')
    expect(!existsSync(join(installed, 'build')), 'setup wrote into the package')
  },

  'a second setup takes less than 2 s': () => {
    const start = performance.now()
    command('npx', ['--no-install', 'bidora-torch', 'setup', '--device', 'cpu'])
    const seconds = (performance.now() - start) / 1000
    expect(seconds < 2, `it took ${seconds.toFixed(1)} s`)
  },

  'doctor finds everything in order': () => {
    const report = JSON.parse(command('npx', ['--no-install', 'bidora-torch', 'doctor', '--json']).stdout)
    expect(report.ok === true, `doctor says: ${JSON.stringify(report)}`)
  },

  'the README example runs': () => {
    command('node', ['example.js'])
  },

  'a CommonJS file loads it with require': () => {
    const lines = [
      "const { tensor, grad, sum, mul } = require('bidora-torch/torch')",
      "const { BiDoRA, version } = require('bidora-torch')",
      'const x = tensor([3], { requiresGrad: true })',
      'console.log(typeof BiDoRA, version, grad(sum(mul(x, x)), [x])[0].tolist()[0])',
    ]
    write('load.cjs', lines.join('\n'))
    const { stdout } = command('node', ['load.cjs'])
    expect(/^function \d+\.\d+\.\d+ 6$/m.test(stdout), `it printed ${stdout}`)
  },

  'every subpath loads by import and by require': () => {
    const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
    const names = Object.keys(exports)
      .filter(path => path !== './package.json')
      .map(path => `bidora-torch${path.slice(1)}`)
    write('all.mjs', names.map(name => `import ${JSON.stringify(name)}`).join('\n'))
    write('all.cjs', names.map(name => `require(${JSON.stringify(name)})`).join('\n'))
    command('node', ['all.mjs'])
    command('node', ['all.cjs'])
  },

  'a finished cache is enough: no tools on PATH, nothing written': () => {
    const before = listing(cache)
    command('node', ['load.cjs'], { path: dirname(process.execPath) })
    expect(listing(cache) === before, 'the cache changed')
  },
}

/** Runs a program of the consumer's and fails with its output unless it ends as expected. */
function command(name, args, { cwd = project, cache: own = cache, status = 0, path = process.env.PATH } = {}) {
  const program = name === 'node' ? process.execPath : name
  const { LIBTORCH: _, LIBTORCH_USE_PYTORCH: __, BIDORA_TORCH_ADDON: ___, ...rest } = process.env
  const env = { ...rest, BIDORA_TORCH_CACHE: own, PATH: [join(project, 'node_modules', '.bin'), path].join(delimiter) }
  const child = spawnSync(program, args, { cwd, env, encoding: 'utf8', maxBuffer: 1e8 })
  const output = `${child.stdout ?? ''}${child.stderr ?? ''}`
  expect(
    child.status === status,
    `${name} ${args.join(' ')}: expected status ${status}, got ${child.status}:\n${output}`,
  )
  return child
}

function listing(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map(entry => join(entry.parentPath ?? entry.path, entry.name))
    .map(path => `${path} ${statSync(path).mtimeMs}`)
    .sort()
    .join('\n')
}

function write(name, text) {
  writeFileSync(join(project, name), text)
}

function expect(condition, sentence) {
  if (!condition) throw new Error(sentence)
}

try {
  prepareFolders()
  for (const [name, test] of Object.entries(tests)) {
    const start = performance.now()
    try {
      test()
      counts.passed++
      console.log(`  ok ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
    } catch (error) {
      counts.failed++
      console.log(`  FAILED ${name}\n${error.message.replace(/^/gm, '    ')}`)
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = counts.failed > 0 ? 1 : 0
