import { ConfigError } from '../errors.ts'
import type { FieldName, Settings } from './config.ts'

// Apart from rounds.ts: settings are checked on the caller's side, which has no use for tensors.

/**
 * Refuses what a kind of round does not do.
 *
 * @throws ConfigError naming the setting to change
 */
export function refuseRounds(where: string, settings: Settings): void {
  const { method, search, round, hypergradient, unrollSteps, rollBack } = settings
  if (method !== 'bidora' || !search || round !== 'shared') return
  const refuse = (key: FieldName, sentence: string): never => {
    throw new ConfigError('CONFIG_TOGETHER', `${where}: ${sentence}`, { key })
  }
  if (hypergradient !== 'finite-difference')
    refuse(
      'hypergradient',
      `round 'shared' makes the lower step's gradient one end of a difference, which hypergradient '${hypergradient}' has not; take hypergradient 'finite-difference' or round 'faithful'`,
    )
  if (unrollSteps > 1)
    refuse(
      'unrollSteps',
      `round 'shared' has one lower step, at the point of the upper one, got unrollSteps ${unrollSteps}; take unrollSteps 1 or round 'faithful'`,
    )
  if (rollBack)
    refuse(
      'rollBack',
      "round 'shared' moves both levels at once and has nothing to roll back; take rollBack false or round 'faithful'",
    )
}
