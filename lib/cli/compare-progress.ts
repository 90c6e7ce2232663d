import type { CompareProgress } from '../compare.ts'
import { formatSeconds } from './progress.ts'

const redrawMilliseconds = 200
const lineMilliseconds = 15_000

/** Where the progress of a comparison goes: a line that stays for each event, and one for the runs at work. */
export interface CompareView {
  update(progress: CompareProgress): void
  note(text: string): void
  end(): void
}

/** On a terminal the line of the runs at work is drawn again and again; elsewhere it is written now and then. */
export function compareView(stream: NodeJS.WriteStream = process.stderr): CompareView {
  const clear = stream.isTTY ? '\r\x1b[2K' : ''
  const working = new Map<string, string>()
  let drawn = performance.now()
  const note = (text: string) => void stream.write(`${clear}${text}\n`)
  const draw = () => {
    const line = [...working].map(([run, at]) => `${run} ${at}`).join('; ')
    if (stream.isTTY) stream.write(clear + line.slice(0, Math.max(20, stream.columns - 1)))
    else if (line !== '') note(line)
    drawn = performance.now()
  }
  return {
    update: progress => {
      const run = nameOf(progress)
      if (progress.kind === 'training') working.set(run, placeOf(progress))
      else {
        if (progress.kind === 'started') working.set(run, 'starting')
        else working.delete(run)
        for (const text of linesOf(progress)) note(text)
      }
      if (performance.now() - drawn >= (stream.isTTY ? redrawMilliseconds : lineMilliseconds)) draw()
    },
    note,
    end: () => void stream.write(clear),
  }
}

function nameOf({ dataset, method, seed }: CompareProgress): string {
  return method === undefined ? dataset : `${dataset} ${method} seed ${seed}`
}

function placeOf({ training }: CompareProgress): string {
  return training === undefined ? '' : `${training.phase} ${training.step}/${training.steps}`
}

function linesOf(progress: CompareProgress): string[] {
  const { kind, finished, total, score = Number.NaN, metric, seconds = 0, error, warnings = [] } = progress
  const name = nameOf(progress)
  const scored = `${metric} ${Number.isNaN(score) ? 'undefined' : score.toFixed(4)}, ${formatSeconds(seconds)}`
  switch (kind) {
    case 'prepared':
      return warnings.map(warning => `compare: ${warning}`)
    case 'kept':
      return [`[${finished}/${total}] ${name}: finished before (${scored})`]
    case 'done':
      return [`[${finished}/${total}] ${name}: ${scored}`, ...warnings.map(warning => `  ${warning}`)]
    case 'failed':
      return [`[${finished}/${total}] ${name}: failed: ${error?.message}`]
    default:
      return []
  }
}
