import type { PlainError } from '../host/plain-error.ts'
import type { Progress } from '../train/types.ts'
import type { PreparedDataset } from './dataset.ts'
import type { PrepareTask } from './prepare.ts'
import type { StoredRun } from './runs.ts'
import type { TrainTask } from './train-run.ts'

/** What a child process can be asked to do, and what it then answers with. */
export type Work = {
  prepare: { task: PrepareTask; result: PreparedDataset }
  train: { task: TrainTask; result: StoredRun }
}

export type WorkName = keyof Work

/** Parent to child: one piece of work, and maybe the request to stop at the next step. */
export type ToChild = { [N in WorkName]: { kind: N; task: Work[N]['task'] } }[WorkName] | { kind: 'stop' }

/** Child to parent: any number of `progress` and then one of the others. */
export type FromChild =
  | { kind: 'progress'; value: Progress }
  | { kind: 'result'; value: PreparedDataset | StoredRun }
  | { kind: 'error'; error: PlainError }
