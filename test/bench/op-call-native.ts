import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { requireLibtorch } from '../../lib/setup/find-libtorch.ts'
import { root } from '../parity/golden.ts'

const source = join(root, 'test/bench/peers/op_call.cc')

/** Microseconds of a call from C++, by operator; undefined where there is no compiler, or no headers beside libtorch. */
export function nativeCalls(calls: number, repetitions: number): Map<string, number[]> | undefined {
  const program = compiled()
  if (program === undefined) return undefined
  const { status, stdout, stderr } = spawnSync(program, [String(calls), String(repetitions)], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`op-call: expected ${program} to run, got status ${status}: ${stderr}`)
  const times = new Map<string, number[]>()
  for (const line of stdout.trim().split('\n')) {
    const [name, nanoseconds] = line.split(' ') as [string, string]
    times.set(name, [...(times.get(name) ?? []), Number(nanoseconds) / 1e3])
  }
  return times
}

/** The program for this libtorch, made where it is not there. */
function compiled(): string | undefined {
  const { root: libtorch, version, hasHeaders } = requireLibtorch()
  if (!hasHeaders) return undefined
  const key = createHash('sha256').update(version).update(readFileSync(source)).digest('hex').slice(0, 12)
  const folder = join(root, 'build/bench')
  const program = join(folder, `op-call-${key}`)
  if (existsSync(program)) return program
  mkdirSync(folder, { recursive: true })
  const made = `${program}.${process.pid}`
  const libraries = join(libtorch, 'lib')
  const paths = [`-I${join(libtorch, 'include')}`, `-L${libraries}`, `-Wl,-rpath,${libraries}`]
  const flags = ['-std=c++20', '-O2', '-w', ...paths, source, '-o', made, '-Wl,--no-as-needed', '-ltorch_cpu', '-lc10']
  const { status, stderr } = spawnSync(process.env.CXX ?? 'c++', flags, { encoding: 'utf8' })
  if (status !== 0) {
    console.error(`op-call: no figure from C++: the compiler gave ${status ?? 'nothing'}\n${stderr ?? ''}`)
    return undefined
  }
  renameSync(made, program)
  return program
}
