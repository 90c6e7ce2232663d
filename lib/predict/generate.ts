import { setImmediate } from 'node:timers/promises'
import { Random } from '../data/random.ts'
import { AbortError } from '../errors.ts'
import type { CausalLanguageModel } from '../models/index.ts'
import { searchBeams } from './beam-search.ts'
import { checkGeneration, type Generation, type GenerationOptions } from './generation-options.ts'
import { constrain, likeliest, samplingProbabilities, tokenAt } from './next-token.ts'
import { TokenReader } from './token-reader.ts'

/** Why an answer ended: at one of the model's ending tokens, at a stop text, or because it was long enough. */
export type Finish = 'eos' | 'stop' | 'length'

/** One more token of an answer. */
export interface Step {
  /** Of which prompt. */
  readonly prompt: number
  readonly token: number
  /** Given with the last one. */
  readonly finish?: Finish
}

/** An answer as tokens, an ending token included. */
export interface Answer {
  readonly tokens: readonly number[]
  readonly finish: Finish
}

export interface GenerationHooks {
  /** Numbers of the prompts among all, which draws go by; their places in the batch unless said otherwise. */
  readonly places?: readonly number[]
  /** Ends the work with an AbortError at its next step. */
  readonly signal?: AbortSignal | undefined
  /** The same by asking: true ends it. */
  readonly shouldStop?: (() => boolean) | undefined
  /** Whether an answer has come to one of its stop texts. */
  readonly isStopped?: ((tokens: readonly number[]) => Promise<boolean>) | undefined
}

/**
 * Answers to prompts of one batch, token by token as they are found: greedily, or drawn where `doSample` says so. Answers
 * are those of transformers' `generate`. Beams have no steps.
 *
 * @throws ArgumentError for options or prompts that cannot be meant; AbortError when stopped; BidoraError where
 * the model's scores are no numbers.
 */
export async function* generateSteps(
  model: CausalLanguageModel,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions = {},
  hooks: GenerationHooks = {},
): AsyncGenerator<Step, void, undefined> {
  const generation = checkGeneration(options, model.config)
  const reader = new TokenReader(model, prompts)
  const end = endOf(reader, model, generation)
  const draws = prompts.map((_, prompt) => new Random(generation.seed, 'generate', hooks.places?.[prompt] ?? prompt))
  const histories = prompts.map(prompt => [...prompt])
  let open = [...prompts.keys()] // prompts whose answers go on, in the order of the reader's rows
  const wasTraining = model.training
  model.train(false)
  try {
    await pause(hooks) // stopped already: nothing is read
    let scores = reader.readPrompts()
    for (let length = reader.width; ; ) {
      const answered = length - reader.width
      const tokens = open.map((prompt, row) => {
        const history = { tokens: histories[prompt]!, length, answered }
        const allowed = constrain(scores[row]!, history, generation)
        if (!generation.doSample) return likeliest(allowed)
        return tokenAt(samplingProbabilities(allowed, generation), unit(draws[prompt]!))
      })
      length++
      const going: number[] = [] // rows
      for (const [row, prompt] of open.entries()) {
        const token = tokens[row]!
        histories[prompt]!.push(token)
        const answer = histories[prompt]!.slice(prompts[prompt]!.length)
        const finish = await finishOf(answer, length >= end, generation, hooks)
        yield { prompt, token, ...(finish ? { finish } : {}) }
        if (!finish) going.push(row)
      }
      if (going.length === 0) return
      if (going.length < open.length) reader.select(going)
      open = going.map(row => open[row]!)
      await pause(hooks)
      scores = reader.readNext(going.map(row => tokens[row]!))
    }
  } finally {
    reader.dispose()
    model.train(wasTraining)
  }
}

/**
 * Answers to prompts of one batch, as tokens: those of transformers' `generate`, token for token where nothing is drawn.
 *
 * @throws ArgumentError for options or prompts that cannot be meant; AbortError when stopped; BidoraError where
 * the model's scores are no numbers.
 */
export async function generateTokens(
  model: CausalLanguageModel,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions = {},
  hooks: GenerationHooks = {},
): Promise<Answer[]> {
  const generation = checkGeneration(options, model.config)
  if (generation.numBeams > 1) {
    const reader = new TokenReader(model, prompts)
    const wasTraining = model.training
    model.train(false)
    try {
      return await searchBeams(reader, prompts, {
        generation,
        end: endOf(reader, model, generation),
        finishOf: (answer, isLong) => finishOf(answer, isLong, generation, hooks),
        pause: () => pause(hooks),
      })
    } finally {
      reader.dispose()
      model.train(wasTraining)
    }
  }
  const tokens = prompts.map((): number[] => [])
  const ends = new Array<Finish>(prompts.length)
  for await (const { prompt, token, finish } of generateSteps(model, prompts, options, hooks)) {
    tokens[prompt]!.push(token)
    if (finish) ends[prompt] = finish
  }
  return tokens.map((answer, prompt) => ({ tokens: answer, finish: ends[prompt]! }))
}

/** Length of prompt and answer at which every answer ends. */
function endOf(reader: TokenReader, model: CausalLanguageModel, { maxNewTokens }: Generation): number {
  return Math.min(reader.width + maxNewTokens, model.maxLength)
}

/** Whether an answer is at its end with its last token. */
async function finishOf(
  answer: readonly number[],
  isLong: boolean,
  { eosTokens }: Generation,
  { isStopped }: GenerationHooks,
): Promise<Finish | undefined> {
  if (eosTokens.includes(answer.at(-1)!)) return 'eos'
  if (await isStopped?.(answer)) return 'stop'
  return isLong ? 'length' : undefined
}

/** A number from 0 to below 1, of 53 bits. */
function unit(random: Random): number {
  return ((random.uint32() >>> 5) * 2 ** 26 + (random.uint32() >>> 6)) / 2 ** 53
}

async function pause({ signal, shouldStop = () => false }: GenerationHooks): Promise<void> {
  await setImmediate()
  if (signal?.aborted || shouldStop())
    throw new AbortError('STOPPED', 'the work was stopped while an answer was generated', {}, { cause: signal?.reason })
}
