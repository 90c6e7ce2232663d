import { ConfigError } from '../errors.ts'
import type { FieldName, Settings } from './config.ts'
import { differentiatesTwice } from './hypergradient.ts'

/**
 * Refuses settings of the controls of a training that mean nothing beside the others.
 *
 * @param values What was given.
 * @param settings All settings, filled in.
 * @throws ConfigError naming the setting to change
 */
export function refuseControls(where: string, values: ReadonlyMap<FieldName, unknown>, settings: Settings): void {
  const refuse = (key: FieldName, sentence: string): never => {
    throw new ConfigError('CONFIG_TOGETHER', `${where}: ${sentence}`, { key })
  }
  const { problemType, dtype, precision, upperPrecision, patience, loadBest } = settings
  if (dtype !== 'float32' && [precision, upperPrecision].some(type => type !== 'float32'))
    refuse(
      'precision',
      `precision ${precision} does nothing for weights of dtype ${dtype}; take dtype float32 or remove it`,
    )
  const narrow = [precision, upperPrecision].includes('bfloat16-frozen')
  if (narrow && (settings.method === 'full' || settings.method === 'fourierft' || settings.compat === 'official'))
    refuse(
      'precision',
      `precision bfloat16-frozen is of products with frozen weights, of which ${settings.compat === 'official' ? "compat 'official'" : `method '${settings.method}'`} has none that it could take; take bfloat16 or remove it`,
    )
  if (settings.gradientCheckpointing && differentiatesTwice(settings))
    refuse(
      'gradientCheckpointing',
      `hypergradient '${settings.hypergradient}' differentiates twice, which what is computed again cannot; take gradientCheckpointing false or another hypergradient`,
    )
  if (problemType === 'regression') {
    if (settings.classWeights !== undefined)
      refuse('classWeights', "problemType 'regression' has no classes; remove classWeights")
    if (settings.labelSmoothing > 0)
      refuse('labelSmoothing', "problemType 'regression' has no classes; remove labelSmoothing")
  }
  const watches = loadBest || patience !== undefined
  if (watches && settings.method === 'adalora')
    refuse(
      loadBest ? 'loadBest' : 'patience',
      'adalora reaches its ranks at the end of its schedule alone, so that an earlier end or point has more of them; remove loadBest and patience',
    )
  if (watches && settings.evalEvery === 0)
    refuse('evalEvery', `${loadBest ? 'loadBest' : 'patience'} needs more than one evaluation; give evalEvery`)
  if (values.has('bestMetric') && !watches)
    refuse('bestMetric', 'bestMetric is read by loadBest and patience; give one of them, or remove it')
  if (values.has('minDelta') && patience === undefined)
    refuse('minDelta', 'minDelta is read by patience; give that too, or remove it')
}
