import type { Analysis, AnalyzeOptions } from './types.ts'

/**
 * The weight decomposition analysis of DoRA and BiDoRA: how far each layer's magnitudes and directions moved between two
 * models, at every checkpoint that there is, and for each kind of layer the line of the one change on the other.
 *
 * Weights are read one layer at a time from the mapped files and measured in float64 on the CPU.
 *
 * @example
 * const { layers, fits } = await analyze({ model: './all-MiniLM-L6-v2', adapter: './run' })
 * @throws ConfigError where the pretrained model, or a layer that is asked for, cannot be found; FormatError where a folder
 *   or file is not what it should be; AbortError where `signal` stopped it
 */
export async function analyze(options: AnalyzeOptions): Promise<Analysis> {
  // Loaded when it is wanted: whoever imports the package to train or predict does without tensors on this thread.
  const { measure } = await import('./measure.ts')
  return measure(options)
}
