import { BidoraError } from '../errors.ts'
import { toPlainError } from '../host/plain-error.ts'
import type { FromChild, ToChild } from './messages.ts'
import { prepareDataset } from './prepare.ts'
import { trainRun } from './train-run.ts'

/* The program of a child process: reads one data set or makes one run, and ends. */

if (process.send === undefined) {
  throw new BidoraError('NO_PARENT', 'compare/child: expected to be started by a comparison, got no channel to one')
}

let stopping = false
let begun = false

/** Tells the parent; one that is gone is told nothing. */
function tell(message: FromChild, then: () => void = () => {}): void {
  if (process.connected) process.send?.(message, undefined, {}, then)
  else then()
}

async function work(message: Exclude<ToChild, { kind: 'stop' }>): Promise<void> {
  try {
    const value = await (message.kind === 'prepare'
      ? prepareDataset(message.task)
      : trainRun(message.task, {
          onProgress: progress => tell({ kind: 'progress', value: progress }),
          shouldStop: () => stopping,
        }))
    tell({ kind: 'result', value }, () => process.exit(0))
  } catch (error) {
    tell({ kind: 'error', error: toPlainError(error) }, () => process.exit(0))
  }
}

process.on('message', (message: ToChild) => {
  if (message.kind === 'stop') stopping = true
  else {
    begun = true
    void work(message)
  }
})
// A parent that was killed: the run ends at its next step, with a checkpoint.
process.on('disconnect', () => {
  stopping = true
  if (!begun) process.exit(0)
})
// Ctrl-C reaches the whole group of processes; the parent asks its children to stop.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {
  stopping = true
  if (!begun) process.exit(0)
})
