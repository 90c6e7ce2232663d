import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import type { WriteStream } from 'node:tty'
import { formatBytes, formatMetrics, formatSeconds, progressView } from '../../../lib/cli/progress.ts'
import type { Progress } from '../../../lib/train/types.ts'

const progress: Progress = {
  phase: 'search',
  step: 10,
  steps: 40,
  lowerLoss: 0.53214,
  upperLoss: 0.61,
  learningRate: 1e-3,
  examplesPerSecond: 34.21,
  secondsLeft: 83,
  peakBytes: 1.206e9,
  truncated: 0,
}

function capture(columns?: number): { stream: WriteStream; text: () => string } {
  const stream = new PassThrough()
  const parts: string[] = []
  stream.on('data', part => parts.push(String(part)))
  Object.assign(stream, columns === undefined ? { isTTY: false } : { isTTY: true, columns })
  return { stream: stream as unknown as WriteStream, text: () => parts.join('') }
}

describe('cli/progress', () => {
  it('writes plain lines where there is no terminal', () => {
    const { stream, text } = capture()
    const view = progressView(stream)
    view.update(progress)
    view.end()
    const line = 'search 10/40: lower loss 0.5321, upper loss 0.6100, 34.2 examples/s, 1:23 left, peak memory 1.21 GB\n'
    assert.equal(text(), line)
  })

  it('leaves steps out that follow at once, but not the first and the last of a phase', () => {
    const { stream, text } = capture()
    const view = progressView(stream)
    for (let step = 1; step <= 40; step++) view.update({ ...progress, step })
    view.update({ ...progress, phase: 'retrain', step: 1 })
    view.update({ ...progress, phase: 'retrain', step: 2, evaluation: { f1: 1 } })
    const heads = text()
      .trim()
      .split('\n')
      .map(line => line.split(' ').slice(0, 3).join(' '))
    assert.deepEqual(heads, [
      'search 1/40: lower',
      'search 40/40: lower',
      'retrain 1/40: loss',
      'retrain 2/40: validation',
    ])
  })

  it('tells of evaluations and checkpoints in lines of their own', () => {
    const { stream, text } = capture()
    progressView(stream).update({
      ...progress,
      phase: 'retrain',
      evaluation: { accuracy: 0.5 },
      checkpoint: 'run/step-10',
    })
    assert.match(text(), /^retrain 10\/40: loss 0\.5321/)
    assert.match(text(), /retrain 10\/40: validation accuracy 0\.5000\n/)
    assert.match(text(), /retrain 10\/40: checkpoint in run\/step-10\n/)
  })

  it('draws one line on a terminal, no wider than it, and takes it away', () => {
    const { stream, text } = capture(50)
    const view = progressView(stream)
    view.update(progress)
    view.end()
    assert.ok(!text().includes('\n'))
    const [, drawn] = text().split('\r\x1b[2K')
    assert.match(drawn!, /^search \[=====\s+\] 10\/40/)
    assert.ok(drawn!.length < 50)
    assert.ok(text().endsWith('\r\x1b[2K'))
  })

  it('draws at most ten times a second, but always the last step', () => {
    const { stream, text } = capture(80)
    const view = progressView(stream)
    for (let step = 1; step <= 40; step++) view.update({ ...progress, step })
    const drawn = text().split('\r\x1b[2K').slice(1)
    assert.ok(drawn.length < 10)
    assert.match(drawn.at(-1)!, /40\/40/)
  })

  it('formats times, sizes and scores', () => {
    assert.deepEqual([0.4, 59.4, 60, 185, 3600, 7385].map(formatSeconds), [
      '0 s',
      '59 s',
      '1:00',
      '3:05',
      '1:00:00',
      '2:03:05',
    ])
    assert.deepEqual([8.3e8, 1e9, 2.345e9].map(formatBytes), ['830 MB', '1.00 GB', '2.35 GB'])
    assert.equal(formatMetrics({ accuracy: 0.91234, f1: 1 }), 'accuracy 0.9123, f1 1.0000')
  })
})
