import { EXIT } from './outcome.ts'

/** Work that Ctrl-C ends in order: the first one asks, a second one does not wait. */
export type Interruptible = { readonly signal: AbortSignal; readonly release: () => void }

/** npm hands the Ctrl-C on that the terminal has already sent: two so close to each other (milliseconds) are one. */
const sameKeystroke = 300

/** Listens to Ctrl-C and to the polite kill until released. */
export function interruptible(announce: (text: string) => void): Interruptible {
  const controller = new AbortController()
  let asked = Number.POSITIVE_INFINITY
  const onSignal = () => {
    const now = performance.now()
    if (now - asked > sameKeystroke) process.exit(EXIT.interrupted)
    if (controller.signal.aborted) return
    asked = now
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
