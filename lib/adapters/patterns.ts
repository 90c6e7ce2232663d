import { ArgumentError } from '../errors.ts'
import { toDiskName } from '../io/index.ts'
import type { AdapterSettings } from './adapter.ts'

/**
 * Other ranks and alphas for some layers, as PEFT's `rank_pattern` and `alpha_pattern`: each key is a regular expression
 * for the end of a layer's path in checkpoints (`h.0.attn.c_attn`), from a dot on; the first that matches counts.
 */
export interface Patterns {
  rankPattern?: Readonly<Record<string, number>> | undefined
  alphaPattern?: Readonly<Record<string, number>> | undefined
}

type Targets = readonly (readonly [path: string, layer: unknown])[]

/** The settings of the layer at a path. */
export function patterned(settings: AdapterSettings & Patterns, path: string): AdapterSettings {
  const { rankPattern, alphaPattern, ...common } = settings
  const rank = valueAt(rankPattern, path) ?? common.rank
  return { ...common, rank, loraAlpha: valueAt(alphaPattern, path) ?? common.loraAlpha }
}

/** @throws ArgumentError for a pattern that matches none of the layers, or that is no regular expression. */
export function requireMatches(patterns: Patterns, targets: Targets): void {
  for (const name of ['rankPattern', 'alphaPattern'] as const) {
    for (const key of Object.keys(patterns[name] ?? {})) {
      if (targets.some(([path]) => isMatch(key, path))) continue
      throw new ArgumentError(
        'ADAPTER_PATTERN',
        `${name}: expected the end of an adapted layer's path, got '${key}', which matches none of ${targets
          .slice(0, 4)
          .map(([path]) => toDiskName(path))
          .join(', ')}${targets.length > 4 ? ' and more' : ''}`,
        { name, key },
      )
    }
  }
}

/** The patterns that match a layer. */
export function livePatterns({ rankPattern, alphaPattern }: Patterns, targets: Targets): Patterns {
  const live = (pattern: Patterns['rankPattern']) => {
    const kept = Object.entries(pattern ?? {}).filter(([key]) => targets.some(([path]) => isMatch(key, path)))
    return kept.length === 0 ? undefined : Object.fromEntries(kept)
  }
  return { rankPattern: live(rankPattern), alphaPattern: live(alphaPattern) }
}

function valueAt(pattern: Patterns['rankPattern'], path: string): number | undefined {
  return Object.entries(pattern ?? {}).find(([key]) => isMatch(key, path))?.[1]
}

function isMatch(key: string, path: string): boolean {
  try {
    return new RegExp(`^(.*\\.)?(${key})$`).test(toDiskName(path))
  } catch (error) {
    throw new ArgumentError(
      'ADAPTER_PATTERN',
      `patterns: expected a regular expression for the end of a path, got '${key}' (${(error as Error).message})`,
      { key },
      { cause: error },
    )
  }
}
