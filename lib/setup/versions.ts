import { SetupError } from '../errors.ts'
import { environment } from './locate.ts'

/** The libtorch that set-up fetches where none is found or asked for. */
export const defaultTorch = '2.15.0'

/** The oldest and newest minor versions that the tests ran on. */
export const testedTorch = { oldest: [2, 11], newest: [2, 15] } as const

/** `2.15.0` of `2.15.0+cu132`. */
export function release(version: string): string {
  return version.split('+')[0] ?? version
}

/** Orders versions by their numbers, so that 2.9 comes before 2.11. */
export function compareVersions(a: string, b: string): number {
  const left = release(a).split('.').map(Number)
  const right = release(b).split('.').map(Number)
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Whether a libtorch version is one that the tests ran on; other patch releases of a tested minor version count. */
export function isTested(version: string): boolean {
  const match = /^(\d+)\.(\d+)\.\d+(\+\w+)?$/.exec(version)
  if (match === null) return false
  const [major, minor] = [Number(match[1]), Number(match[2])]
  return major === testedTorch.oldest[0] && minor >= testedTorch.oldest[1] && minor <= testedTorch.newest[1]
}

/**
 * Refuses a libtorch version that was never tested.
 *
 * @throws SetupError unless the version is tested or BIDORA_TORCH_ALLOW_UNTESTED=1 is set.
 */
export function assertTested(version: string, where: string): void {
  if (isTested(version) || environment('BIDORA_TORCH_ALLOW_UNTESTED') === '1') return
  const range = `${testedTorch.oldest.join('.')} to ${testedTorch.newest.join('.')}`
  throw new SetupError(
    'LIBTORCH_UNTESTED',
    `${where}: expected libtorch ${range}, got ${version}; ` +
      'use a version in that range, or set BIDORA_TORCH_ALLOW_UNTESTED=1 to try this one',
    { version, range },
  )
}
