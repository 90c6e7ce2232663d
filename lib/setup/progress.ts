/** Where set-up tells what it does: one plain line a step. */
export interface Progress {
  line(text: string): void
}

/** Progress on stderr, so that stdout stays for results. */
export const stderrProgress: Progress = {
  line: text => {
    process.stderr.write(`${text}\n`)
  },
}

/** No progress at all. */
export const silent: Progress = { line: () => {} }

/**
 * Runs one step: says that it began, and when it ended how long it took. A step that fails says so by its error.
 *
 * @param measure is asked every ten seconds, so that a slow link or compiler can be told from a stuck one.
 */
export async function step<T>(
  progress: Progress,
  text: string,
  work: () => Promise<T>,
  measure?: () => string,
): Promise<T> {
  const start = performance.now()
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`
  progress.line(`set-up: ${text} ...`)
  const timer =
    measure && setInterval(() => progress.line(`set-up: ${text}: ${measure()} after ${seconds()}`), 10_000).unref()
  try {
    const result = await work()
    progress.line(`set-up: ${text}: done in ${seconds()}`)
    return result
  } finally {
    clearInterval(timer)
  }
}
