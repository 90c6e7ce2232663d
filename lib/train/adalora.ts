import { adaloraLayers, type AllocationSchedule, factorOrthogonality, RankAllocator } from '../adapters/index.ts'
import { ConfigError } from '../errors.ts'
import * as ops from '../ops/index.ts'
import { trainOneLevel } from './one-level.ts'
import type { Training } from './training.ts'
import type { LevelBatch } from './tunable-model.ts'

/**
 * AdaLoRA: one level, whose loss keeps the factors orthogonal; after each step the least important ranks of all layers
 * are taken away, by a budget that falls to `rank` a layer (PEFT's `update_and_allocate`, steps counted from 1). At the
 * end, what is zero is left out.
 *
 * @throws ConfigError where the steps leave no room for an allocation
 */
export async function trainAdalora(training: Training): Promise<void> {
  const { settings, model } = training
  const layers = [...adaloraLayers(model.classifier).values()]
  const schedule = scheduleOf(training)
  const { orthRegWeight } = settings
  if (model.tuning.method === 'adalora') model.tuning = { ...model.tuning, allocation: { ...schedule, orthRegWeight } }

  const allocator = new RankAllocator(layers, settings.rank, schedule)
  const loss = (batch: LevelBatch) => {
    const task = training.loss(batch)
    return orthRegWeight > 0 ? ops.add(task, ops.mul(factorOrthogonality(layers), orthRegWeight)) : task
  }
  try {
    await trainOneLevel(training, {
      phase: 'train',
      parameters: training.parametersOf('lower'),
      loss,
      afterStep: (step, gradientOf) => allocator.update(step, gradientOf),
      memory: allocator,
    })
  } finally {
    allocator.dispose()
  }
  if (!allocator.isNeeded) return
  for (const layer of layers) layer.reduce()
  model.listTrainable()
}

function scheduleOf({ settings, retrainSteps: totalSteps }: Training): AllocationSchedule {
  const { tinit, tfinal, deltaT, importanceBeta1: beta1, importanceBeta2: beta2 } = settings
  const last = totalSteps - tfinal
  const takesNone = settings.initialRank <= settings.rank
  if (!takesNone && (last < 2 || tinit >= last)) {
    throw new ConfigError(
      'CONFIG_TOGETHER',
      `fit: expected steps between tinit (${tinit}) and the last ${tfinal} (tfinal) of ${totalSteps} to take ranks in, got none; train longer, or lower tinit or tfinal`,
      { key: tinit >= last ? 'tinit' : 'tfinal' },
    )
  }
  return { totalSteps, tinit, tfinal, deltaT, beta1, beta2 }
}
