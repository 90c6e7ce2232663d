import { ArgumentError } from '../errors.ts'
import type { CausalLanguageModel } from '../models/index.ts'
import type { Tokenizer } from '../text/index.ts'
import { type Finish, type GenerationHooks, generateSteps, generateTokens } from './generate.ts'
import { checkGeneration, type GenerationOptions } from './generation-options.ts'
import { AnswerText } from './answer-text.ts'

/** An answer to a prompt. */
export interface GeneratedText {
  /** The answer without its prompt, ending token and stop text. */
  readonly text: string
  /** Why it ended. */
  readonly finish: Finish
  /** Tokens of the answer, an ending token included. */
  readonly tokens: number
}

export interface TextGenerationOptions extends GenerationOptions {
  /** Most prompts a forward pass; default 8. */
  readonly batchSize?: number
}

export type TextGenerationHooks = Pick<GenerationHooks, 'shouldStop' | 'signal'>

/**
 * Answers to prompts, in their order. They are worked on in batches of similar length, padded on the left.
 *
 * @example
 * const [{ text }] = await generateTexts(model, tokenizer, ['The'], { maxNewTokens: 20, stop: ['\n'] })
 * @throws ArgumentError for options that cannot be meant, or for an empty prompt where the model has no token to begin with;
 * ShapeError for one that leaves no room for an answer; AbortError when stopped.
 */
export async function generateTexts(
  model: CausalLanguageModel,
  tokenizer: Tokenizer,
  prompts: readonly string[],
  { batchSize = 8, ...options }: TextGenerationOptions = {},
  { shouldStop, signal }: TextGenerationHooks = {},
): Promise<GeneratedText[]> {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1)
    throw new ArgumentError('GENERATION', `generate: batchSize: expected a whole number from 1, got ${batchSize}`)
  const { stop } = checkGeneration(options, model.config)
  const encoded = await encodePrompts(model, tokenizer, prompts)
  const order = [...encoded.keys()].sort((a, b) => encoded[b]!.length - encoded[a]!.length)
  const results = new Array<GeneratedText>(prompts.length)
  for (let start = 0; start < order.length; start += batchSize) {
    const places = order.slice(start, start + batchSize)
    const batch = places.map(place => encoded[place]!)
    const isStopped = stop.length === 0 ? undefined : stopCheck(tokenizer, stop)
    const answers = await generateTokens(model, batch, options, { shouldStop, signal, isStopped, places })
    for (const [row, { tokens, finish }] of answers.entries()) {
      const answer = new AnswerText(tokenizer, stop)
      results[places[row]!] = { text: await answer.whole(tokens), finish, tokens: tokens.length }
    }
  }
  return results
}

/**
 * The answer to one prompt as it is found, in pieces: together they are the text of `generateTexts`. A piece is held back
 * while it may be part of a character or of a stop text. Ending the loop early ends the work.
 *
 * @example
 * for await (const piece of streamText(model, tokenizer, 'The', { maxNewTokens: 20 })) process.stdout.write(piece)
 * @throws as `generateTexts` does; ArgumentError with beams, which have no answer before the end.
 */
export async function* streamText(
  model: CausalLanguageModel,
  tokenizer: Tokenizer,
  prompt: string,
  options: GenerationOptions = {},
  { shouldStop, signal }: TextGenerationHooks = {},
): AsyncGenerator<string, Omit<GeneratedText, 'text'>, undefined> {
  const { stop, numBeams } = checkGeneration(options, model.config)
  if (numBeams > 1) {
    throw new ArgumentError(
      'GENERATION',
      `stream: numBeams: expected 1, as beams have no answer before the end, got ${numBeams}`,
    )
  }
  const [encoded] = await encodePrompts(model, tokenizer, [prompt])
  const answer = new AnswerText(tokenizer, stop)
  const isStopped = stop.length === 0 ? undefined : stopCheck(tokenizer, stop)
  const tokens: number[] = []
  let ended: Finish = 'length'
  for await (const { token, finish } of generateSteps(model, [encoded!], options, { shouldStop, signal, isStopped })) {
    tokens.push(token)
    if (finish) ended = finish
    const piece = await (finish ? answer.rest(tokens) : answer.next(tokens))
    if (piece !== '') yield piece
  }
  return { finish: ended, tokens: tokens.length }
}

async function encodePrompts(
  model: CausalLanguageModel,
  tokenizer: Tokenizer,
  prompts: readonly string[],
): Promise<number[][]> {
  const encoded = await tokenizer.encode(
    prompts.map(text => ({ text })),
    { maxLength: Number.MAX_SAFE_INTEGER, alignment: false, addSpecialTokens: false },
  )
  const { bosTokenId } = model.config
  return encoded.map(({ ids }, place) => {
    if (ids.length > 0) return ids
    if (bosTokenId !== undefined) return [bosTokenId]
    throw new ArgumentError(
      'GENERATION',
      `generate: expected prompts with a token each, got an empty one at ${place}, and the model has no bos_token_id to begin with`,
      { place },
    )
  })
}

function stopCheck(tokenizer: Tokenizer, stop: readonly string[]): (tokens: readonly number[]) => Promise<boolean> {
  return async tokens => {
    const text = await tokenizer.decode(tokens)
    return stop.some(one => text.includes(one))
  }
}
