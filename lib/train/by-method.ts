import { trainAdalora } from './adalora.ts'
import { trainBidora } from './bidora.ts'
import { trainOneLevel } from './one-level.ts'
import type { Training } from './training.ts'

/** Trains by the method that the settings name. */
export async function trainByMethod(training: Training): Promise<void> {
  const { method } = training.settings
  if (method === 'bidora') return trainBidora(training)
  if (method === 'adalora') return trainAdalora(training)
  return trainOneLevel(training, { phase: 'train', parameters: training.parametersOf('lower') })
}
