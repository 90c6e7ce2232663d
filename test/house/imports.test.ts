import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { root } from '../parity/golden.ts'

// Which rooms stand on which floor: a room sees only lower floors, and on its own floor nothing but what is listed.
const floors: Readonly<Record<string, number>> = {
  errors: 0,
  version: 2,
  'native-types': 0,
  setup: 1,
  native: 1,
  tensor: 2,
  ops: 3,
  autograd: 4,
  io: 4,
  nn: 5,
  optim: 5,
  bilevel: 5,
  models: 6,
  adapters: 6,
  text: 1,
  metrics: 1,
  statistics: 2,
  data: 7,
  predict: 8,
  train: 9,
  analyze: 10,
  plot: 1,
  host: 10,
  bidora: 11,
  compare: 11,
  torch: 5,
  generation: 9,
  cli: 12,
  index: 12,
}

// Rooms beside each other that may be seen, and rooms that see less than their floor allows.
const besides: Readonly<Record<string, readonly string[]>> = { native: ['setup'], index: [] }
const only: Readonly<Record<string, readonly string[]>> = {
  text: ['errors'],
  metrics: ['errors'],
  statistics: ['metrics', 'errors'],
  optim: ['autograd', 'ops', 'tensor', 'errors'],
  bilevel: ['autograd', 'ops', 'tensor', 'errors'],
  setup: ['errors'],
}

interface SourceFile {
  path: string
  room: string
  imports: { path: string; type: boolean }[]
}

const lib = join(root, 'lib')
const pattern =
  /^\s*(?:import|export)\s+(type\s+)?(?:[^'"]*?\sfrom\s+)?['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]\s*\)/gm

function roomOf(path: string): string {
  return (relative(lib, path).split('/')[0] as string).replace(/\.ts$/, '')
}

function readSources(): SourceFile[] {
  const paths = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))
  return paths.map(name => {
    const path = join(lib, name)
    const imports = [...readFileSync(path, 'utf8').matchAll(pattern)].map(match => ({
      path: resolve(dirname(path), (match[2] ?? match[3]) as string),
      type: match[1] !== undefined,
    }))
    return { path, room: roomOf(path), imports }
  })
}

describe('imports', () => {
  const sources = readSources()

  it('go only downwards', () => {
    const wrong: string[] = []
    for (const { path, room, imports } of sources) {
      assert.ok(room in floors, `room ${room} (${relative(root, path)}) stands on no floor: add it`)
      for (const target of imports) {
        const other = roomOf(target.path)
        if (other === room) continue
        const lower = (floors[other] ?? 99) < (floors[room] as number)
        const allowed = only[room]?.includes(other) ?? (lower || besides[room]?.includes(other))
        if (!allowed) wrong.push(`${relative(root, path)} imports ${relative(root, target.path)}`)
      }
    }
    assert.deepEqual(wrong, [])
    assert.ok(sources.length > 100, `only ${sources.length} files were read`)
    assert.ok(sources.reduce((count, source) => count + source.imports.length, 0) > 300)
  })

  it('make no cycle', () => {
    // Types are gone at run time, and a type may name what stands above.
    const graph = new Map(sources.map(s => [s.path, s.imports.filter(i => !i.type).map(i => i.path)]))
    const done = new Set<string>()
    const walk = (path: string, trail: readonly string[]): void => {
      const start = trail.indexOf(path)
      assert.equal(start, -1, [...trail.slice(start), path].map(p => relative(root, p)).join(' -> '))
      if (done.has(path)) return
      for (const next of graph.get(path) ?? []) walk(next, [...trail, path])
      done.add(path)
    }
    for (const path of graph.keys()) walk(path, [])
    assert.equal(done.size, sources.length)
  })

  it('name files that exist', () => {
    const known = new Set(sources.map(s => s.path))
    for (const { path, imports } of sources) {
      for (const target of imports) assert.ok(known.has(target.path), `${relative(root, path)}: ${target.path}`)
    }
  })

  it('of the binary are in one file', () => {
    const named = sources
      .filter(s => /bidora\.node|process\.dlopen/.test(readFileSync(s.path, 'utf8')))
      .map(s => relative(root, s.path))
    for (const path of named) assert.match(path, /^lib\/(native\.ts|setup\/)/)
    assert.ok(named.length > 0)
  })
})

describe('files', () => {
  it('have names that say what is in them', () => {
    for (const { path } of readSources()) {
      assert.doesNotMatch(path, /\/(utils?|helpers?|common|misc|manager)\.ts$/)
      assert.match(path, /\/[a-z0-9-]+\.ts$/)
    }
  })

  it('name no package registry and no path of a machine', () => {
    const folders = ['lib', 'test', 'native']
    let count = 0
    // Put together here, so that this file does not name them.
    const banned = new RegExp(
      ['registry' + '\\.npmjs', 'pypi' + '\\.org', 'python' + 'hosted', '(^|[^A-Za-z0-9_.])/(work|farm)/'].join('|'),
    )
    for (const folder of folders) {
      for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
        if (!/\.(ts|mjs|py|cc|h|md|json)$/.test(name)) continue
        count++
        const match = banned.exec(readFileSync(join(root, folder, name), 'utf8'))
        assert.equal(match, null, `${folder}/${name}: ${match?.[0]}`)
      }
    }
    assert.ok(count > 200)
  })
})
