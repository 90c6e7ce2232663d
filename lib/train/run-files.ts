import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigError } from '../errors.ts'
import { writeJson } from '../io/index.ts'
import { CheckpointStore } from './checkpoint.ts'
import type { Settings } from './config.ts'
import { checkFingerprint, type Fingerprint } from './fingerprint.ts'
import { writing } from './writing.ts'
import type { RunFiles, RunState } from './run-state.ts'

/** Where a run's own files lie under its output folder. */
export const runFolder = (output: string): string => join(output, 'run')

/**
 * Opens the folder of a run: finds the checkpoint to go on from, or begins anew.
 *
 * @param onDamaged Told about checkpoints that had to be passed over.
 * @throws ConfigError where the run would go on with other settings or data, or from damaged checkpoints, or would end
 *   one that is not finished
 */
export function openRunFiles(
  output: string,
  settings: Settings,
  fingerprint: Fingerprint,
  onDamaged: (path: string, reason: string) => void,
): RunFiles {
  const folder = runFolder(output)
  const checkpoints = new CheckpointStore<RunState>(join(folder, 'checkpoints'), settings.keepCheckpoints)
  const metrics = join(folder, 'metrics.jsonl')
  const saved = settings.resume ? checkpoints.latest(onDamaged) : undefined
  if (saved) {
    try {
      checkFingerprint(saved.state.fingerprint, fingerprint, saved.path)
    } catch (error) {
      for (const tensor of saved.tensors.values()) tensor.dispose()
      throw error
    }
    return { checkpoints, fingerprint, metrics, saved }
  }
  if (settings.resume && checkpoints.steps().length > 0) {
    throw new ConfigError(
      'RUN_DAMAGED',
      `fit: expected a whole checkpoint in ${folder}, got damaged ones only; remove that folder to begin anew`,
      { output },
    )
  }
  if (!settings.resume && checkpoints.steps().length > 0 && !existsSync(join(folder, 'results.json'))) {
    throw new ConfigError(
      'RUN_UNFINISHED',
      `fit: expected an output folder without an unfinished run, got ${output}; go on with resume, or remove ${folder} to begin anew`,
      { output },
    )
  }
  writing('the run', folder, () => {
    rmSync(folder, { recursive: true, force: true })
    writeJson(join(folder, 'config.json'), fingerprint)
  })
  return { checkpoints, fingerprint, metrics }
}
