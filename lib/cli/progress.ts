import type { WriteStream } from 'node:tty'
import type { Metrics, Progress } from '../train/types.ts'

/** Where progress goes: a terminal gets one line that is drawn again and again, anything else plain lines. */
export type ProgressView = {
  update(progress: Progress): void
  /** A line that stays. */
  note(text: string): void
  /** Takes the drawn line away. */
  end(): void
}

const barWidth = 20
const redrawMilliseconds = 100
const lineMilliseconds = 5000

/** The view that suits the stream. Neither says more than can be read: steps are left out, events never. */
export function progressView(stream: NodeJS.WriteStream = process.stderr): ProgressView {
  return stream.isTTY ? terminalView(stream) : plainView(stream)
}

function plainView(stream: NodeJS.WritableStream): ProgressView {
  let written = Number.NEGATIVE_INFINITY
  let phase: string | undefined
  const note = (text: string) => void stream.write(`${text}\n`)
  return {
    update: progress => {
      const now = performance.now()
      if (progress.phase !== phase || progress.step === progress.steps || now - written >= lineMilliseconds) {
        note(`${progress.phase} ${progress.step}/${progress.steps}: ${facts(progress).join(', ')}`)
        phase = progress.phase
        written = now
      }
      for (const text of events(progress)) note(text)
    },
    note,
    end: () => {},
  }
}

function terminalView(stream: WriteStream): ProgressView {
  const clear = '\r\x1b[2K'
  let drawn = Number.NEGATIVE_INFINITY
  const note = (text: string) => void stream.write(`${clear}${text}\n`)
  return {
    update: progress => {
      for (const text of events(progress)) note(text)
      const now = performance.now()
      if (now - drawn < redrawMilliseconds && progress.step < progress.steps) return
      drawn = now
      const filled = Math.round((barWidth * progress.step) / progress.steps)
      const bar = '='.repeat(filled) + ' '.repeat(barWidth - filled)
      const line = `${progress.phase} [${bar}] ${progress.step}/${progress.steps}  ${facts(progress).join('  ')}`
      stream.write(clear + line.slice(0, Math.max(20, stream.columns - 1)))
    },
    note,
    end: () => void stream.write(clear),
  }
}

function facts(progress: Progress): string[] {
  const { lowerLoss, upperLoss, phase } = progress
  const twoLevels = phase === 'search'
  const parts = [
    lowerLoss === undefined ? '' : `${twoLevels ? 'lower ' : ''}loss ${lowerLoss.toFixed(4)}`,
    upperLoss === undefined ? '' : `upper loss ${upperLoss.toFixed(4)}`,
    `${progress.examplesPerSecond.toFixed(1)} examples/s`,
    `${formatSeconds(progress.secondsLeft)} left`,
    `peak memory ${formatBytes(progress.peakBytes)}`,
  ]
  return parts.filter(part => part !== '')
}

function events(progress: Progress): string[] {
  const at = `${progress.phase} ${progress.step}/${progress.steps}`
  const texts: string[] = []
  if (progress.evaluation) texts.push(`${at}: validation ${formatMetrics(progress.evaluation)}`)
  if (progress.checkpoint) texts.push(`${at}: checkpoint in ${progress.checkpoint}`)
  return texts
}

/** `accuracy 0.9123, f1 0.8712`. */
export function formatMetrics(metrics: Metrics): string {
  return Object.entries(metrics)
    .map(([name, value]) => `${name} ${value.toFixed(4)}`)
    .join(', ')
}

/** `1.21 GB`, `830 MB`. */
export function formatBytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${Math.round(bytes / 1e6)} MB`
}

/** `42 s`, `3:05`, `2:03:05`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  const two = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}
