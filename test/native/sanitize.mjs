// Builds native/ with the address and undefined-behaviour sanitizers and runs test files on it:
//   node test/native/sanitize.mjs [dist/test/unit/tensor/scope.test.js ...]
// libtorch and Node stay as they are, so what is found is what our own code does. Needs g++ and a built checkout.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const dist = name => import(pathToFileURL(join(root, 'dist', 'lib', name)).href)
const { requireLibtorch } = await dist('setup/find-libtorch.js')
const { builtFor, manifestFor } = await dist('setup/addon-key.js')
const { findAddon } = await dist('setup/find-addon.js')

function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  if (error) throw error
  return status
}

function build(folder) {
  const libtorch = requireLibtorch()
  const manifest = manifestFor(libtorch)
  const include = [join(libtorch.root, 'include'), join(libtorch.root, 'include/torch/csrc/api/include')]
  for (const name of ['node-api-headers/include', 'node-addon-api']) include.push(join(root, 'node_modules', name))
  const sanitize = ['-fsanitize=address,undefined', '-fno-sanitize=vptr']
  const flags = ['-O1', '-g', '-fno-omit-frame-pointer', '-fPIC', '-std=c++20', '-fvisibility=hidden', ...sanitize]
  flags.push('-DNAPI_VERSION=8', '-DNAPI_CPP_EXCEPTIONS', '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS')
  flags.push(`-D_GLIBCXX_USE_CXX11_ABI=${manifest.cxx11Abi}`, ...include.flatMap(path => ['-isystem', path]))
  const note = join(folder, 'built_for.cc')
  writeFileSync(
    note,
    `extern "C" __attribute__((used, visibility("default"))) const char bidora_built_for[] = "${builtFor(libtorch.version)}";\n`,
  )
  const native = readdirSync(join(root, 'native')).filter(name => name.endsWith('.cc') && name !== 'preload.cc')
  const objects = [...native.map(name => join(root, 'native', name)), note].map(source => {
    const object = join(folder, `${basename(source)}.o`)
    console.log(`compiling ${basename(source)}`)
    if (run('g++', [...flags, '-c', source, '-o', object]) !== 0) process.exit(1)
    return object
  })
  const link = ['-Wl,--as-needed', '-Wl,--allow-shlib-undefined', '-Wl,-z,nodelete']
  const libraries = ['libc10.so', 'libtorch_cpu.so'].map(name => join(libtorch.root, 'lib', name))
  if (run('g++', ['-shared', ...sanitize, '-o', join(folder, 'bidora.node'), ...objects, ...link, ...libraries]) !== 0)
    process.exit(1)
  copyFileSync(join(findAddon(libtorch), 'preload.node'), join(folder, 'preload.node'))
}

const library = name => spawnSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout.trim()
const folder = mkdtempSync(join(tmpdir(), 'bidora-sanitize-'))
try {
  build(folder)
  const given = process.argv.slice(2)
  const files =
    given.length > 0
      ? given
      : ['dist/test/unit/tensor/*.test.js', 'dist/test/unit/autograd/*.test.js', 'dist/test/parity/ops.test.js']
  // handle_segv: V8 uses the signal itself. Leaks: V8 leaves much at the end of a process, ours drown in it.
  process.exitCode = run(
    process.execPath,
    ['--expose-gc', join('node_modules', 'mocha', 'bin', 'mocha.js'), '--timeout', '600000', ...files],
    {
      LD_PRELOAD: ['libasan.so', 'libubsan.so', 'libstdc++.so.6'].map(library).join(':'),
      ASAN_OPTIONS: 'detect_leaks=0:handle_segv=0:allocator_may_return_null=1',
      UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
      BIDORA_TORCH_ADDON: folder,
    },
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
