import type { Answer, Finish } from './generate.ts'
import type { Generation } from './generation-options.ts'
import { constrain, logProbabilities } from './next-token.ts'
import type { TokenReader } from './token-reader.ts'

// Beam search as transformers' `_beam_search` does it, step for step and in its float32, so that answers are equal.

/** An answer that goes on, or one that has ended, with its score. */
interface Beam {
  readonly tokens: readonly number[]
  /** Sum of log probabilities; of a finished one divided by its length to the power of `lengthPenalty`. */
  readonly score: number
}

/** A beam that may have ended. */
interface Finished extends Beam {
  readonly isFinished: boolean
  readonly finish: Finish
}

/** A way on from a beam. */
interface Candidate extends Beam {
  /** The beam that it goes on from. */
  readonly from: number
  readonly finish: Finish | undefined
}

/** What one prompt has. */
interface Search {
  readonly prompt: readonly number[]
  running: readonly Beam[]
  finished: readonly Finished[]
  /** Whether a running beam may still get better than the finished ones. */
  isOpen: boolean
}

export interface SearchOptions {
  readonly generation: Generation
  /** Length of prompt and answer at which every answer ends. */
  readonly end: number
  finishOf(answer: readonly number[], isLong: boolean): Promise<Finish | undefined>
  /** Before each step. */
  pause(): Promise<void>
}

/** Further down than any score. */
const never = -1e9

/** The best answer to each prompt. */
export async function searchBeams(
  reader: TokenReader,
  prompts: readonly (readonly number[])[],
  { generation, end, finishOf, pause }: SearchOptions,
): Promise<Answer[]> {
  const { numBeams, eosTokens, earlyStopping } = generation
  const places = Array.from({ length: numBeams }, (_, i) => i)
  // So many that enough are left when all ending tokens are among them.
  const kept = Math.max(2, 1 + eosTokens.length) * numBeams
  const searches = prompts.map(
    (prompt): Search => ({
      prompt,
      running: places.map(place => ({ tokens: [], score: place === 0 ? 0 : never })),
      finished: places.map(() => ({ tokens: [], score: never, isFinished: false, finish: 'length' })),
      isOpen: true,
    }),
  )
  await pause() // stopped already: nothing is read
  const first = reader.readPrompts()
  reader.select(prompts.flatMap((_, row) => places.map(() => row)))
  let scores: Float32Array[] = first.flatMap(row => places.map(() => row.slice()))

  for (let length = reader.width; ; ) {
    const before = { length, answered: length - reader.width }
    length++
    let allEnded = true
    const from: number[] = []
    for (const [text, search] of searches.entries()) {
      const rows = scores.slice(text * numBeams, (text + 1) * numBeams)
      const found = waysOn(search, rows, before, generation, kept)
      const candidates: Candidate[] = []
      for (const one of found) candidates.push({ ...one, finish: await finishOf(one.tokens, length >= end) })
      allEnded &&= candidates.every(({ finish }) => finish !== undefined)
      const going = best(
        candidates.map(one => ({ ...one, score: one.finish ? Math.fround(one.score + never) : one.score })),
        numBeams,
      )
      search.running = going
      search.finished = withEnded(search, candidates, length - reader.width, generation)
      search.isOpen &&= mayImprove(search, length - reader.width, end - reader.width, generation)
      for (const one of going) from.push(text * numBeams + one.from)
    }
    const isFull = searches.every(({ finished }) => finished.every(one => one.isFinished))
    if (allEnded || !searches.some(({ isOpen }) => isOpen) || (isFull && earlyStopping === true)) break
    reader.select(from)
    await pause()
    scores = reader.readNext(searches.flatMap(({ running }) => running.map(({ tokens }) => tokens.at(-1)!)))
  }
  return searches.map(({ finished: [one] }) => ({ tokens: one!.tokens, finish: one!.finish }))
}

/** The likeliest ways on from all beams of a prompt together. */
function waysOn(
  { prompt, running }: Search,
  rows: readonly Float32Array[],
  before: { length: number; answered: number },
  generation: Generation,
  count: number,
): Omit<Candidate, 'finish'>[] {
  const found: { from: number; token: number; score: number }[] = []
  for (const [from, { tokens, score: sum }] of running.entries()) {
    const history = { tokens: [...prompt, ...tokens], ...before }
    const scores = constrain(logProbabilities(rows[from]!), history, generation)
    for (const [token, one] of scores.entries()) {
      const score = Math.fround(one + sum)
      if (found.length === count && !(score > found.at(-1)!.score)) continue
      let place = found.length
      while (place > 0 && found[place - 1]!.score < score) place--
      found.splice(place, 0, { from, token, score })
      if (found.length > count) found.pop()
    }
  }
  return found.map(({ from, token, score }) => ({ from, score, tokens: [...running[from]!.tokens, token] }))
}

/** The finished answers, with those of the first candidates that have ended now, if they are better. */
function withEnded(
  { finished, isOpen }: Search,
  candidates: readonly Candidate[],
  answered: number,
  { numBeams, lengthPenalty, earlyStopping }: Generation,
): Finished[] {
  const isFull = earlyStopping === true && finished.every(one => one.isFinished)
  const divisor = Math.fround(answered ** lengthPenalty)
  const ended = candidates.map(({ tokens, score, finish }, place): Finished => {
    const isFinished = finish !== undefined && place < numBeams
    let own = Math.fround(score / divisor)
    for (const isLate of [isFull, !isOpen, !isFinished]) if (isLate) own = Math.fround(own + never)
    return { tokens, score: own, isFinished, finish: finish ?? 'length' }
  })
  return best([...finished, ...ended], numBeams)
}

/** Whether the best running beam may get better than the worst finished answer, by transformers' rule. */
function mayImprove(
  { running, finished }: Search,
  answered: number,
  longest: number,
  { earlyStopping, lengthPenalty }: Generation,
): boolean {
  const length = earlyStopping === 'never' && lengthPenalty > 0 ? longest : answered
  const possible = Math.fround(running[0]!.score / Math.fround(length ** lengthPenalty))
  const worst = Math.min(...finished.map(({ score }) => score))
  return finished.some(({ isFinished }) => possible > (isFinished ? worst : never))
}

/** The `count` with the largest scores, in order. */
function best<B extends Beam>(beams: readonly B[], count: number): B[] {
  return [...beams].sort((a, b) => b.score - a.score).slice(0, count)
}
