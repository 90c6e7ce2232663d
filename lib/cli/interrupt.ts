import { EXIT } from './outcome.ts'

/** Work that Ctrl-C ends in order: the first one asks, a second one does not wait. */
export type Interruptible = { readonly signal: AbortSignal; readonly release: () => void }

/** Listens to Ctrl-C and to the polite kill until released. */
export function interruptible(announce: (text: string) => void): Interruptible {
  const controller = new AbortController()
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted)
    announce('stopping at the next step; once more to stop at once')
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  const release = () => {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
  return { signal: controller.signal, release }
}
