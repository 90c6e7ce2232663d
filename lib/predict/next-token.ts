import type { Generation } from './generation-options.ts'

// Scores of the next token, float32 as in transformers: what its logits processors do to them, in its order.

/** What has been read and said so far. */
export interface History {
  /** Prompt and answer, without padding. */
  readonly tokens: readonly number[]
  /** Tokens so far, padding too. */
  readonly length: number
  /** Tokens of the answer. */
  readonly answered: number
}

/** Applies repetition penalty, the ban of repeated n-grams and the least lengths to the scores, in place. */
export function constrain(scores: Float32Array, history: History, options: Generation): Float32Array {
  const { repetitionPenalty, noRepeatNgramSize, minLength, minNewTokens, eosTokens } = options
  const ban = (token: number) => void (scores[token] = Number.NEGATIVE_INFINITY)
  if (repetitionPenalty !== 1) {
    const penalty = Math.fround(repetitionPenalty)
    for (const token of new Set(history.tokens)) {
      const score = scores[token]!
      scores[token] = score < 0 ? score * penalty : score / penalty
    }
  }
  if (noRepeatNgramSize > 0) for (const token of repeating(history.tokens, noRepeatNgramSize)) ban(token)
  if (history.length < minLength || history.answered < minNewTokens) eosTokens.forEach(ban)
  return scores
}

/** Tokens that would end a sequence of `size` tokens that is there already. */
function repeating(tokens: readonly number[], size: number): number[] {
  const end = tokens.slice(tokens.length - (size - 1), tokens.length)
  if (tokens.length < size) return []
  const found: number[] = []
  for (let start = 0; start + size <= tokens.length; start++)
    if (end.every((token, i) => tokens[start + i] === token)) found.push(tokens[start + size - 1]!)
  return found
}

/** Logarithms of the probabilities, in place. */
export function logProbabilities(scores: Float32Array): Float32Array {
  const shift = largestOf(scores)
  let sum = 0
  for (const score of scores) sum += Math.exp(score - shift)
  const logSum = shift + Math.log(sum)
  for (let token = 0; token < scores.length; token++) scores[token]! -= logSum
  return scores
}

/**
 * The probabilities that tokens are drawn by: temperature, then the likeliest `topK`, then those that together have
 * `topP`, in float64. Of equal scores at the edge of `topK` all are kept.
 */
export function samplingProbabilities(scores: Float32Array, { temperature, topK, topP }: Generation): Float64Array {
  const scaled = scores.map(score => score / Math.fround(temperature))
  if (topK > 0 && topK < scaled.length) {
    const least = [...scaled].sort((a, b) => b - a)[topK - 1]!
    scaled.forEach((score, token) => {
      if (score < least) scaled[token] = Number.NEGATIVE_INFINITY
    })
  }
  const probabilities = softmax(scaled)
  if (topP === 1) return probabilities
  // From the unlikeliest on, as long as what is left out is no more than 1 - topP; the likeliest always stays.
  const order = [...probabilities.keys()].sort((a, b) => probabilities[a]! - probabilities[b]!)
  let left = 0
  for (const token of order.slice(0, -1)) {
    left += probabilities[token]!
    if (left > 1 - topP) break
    probabilities[token] = 0
  }
  const kept = probabilities.reduce((sum, value) => sum + value, 0)
  return probabilities.map(value => value / kept)
}

/** The token at a number from 0 to below 1, when tokens lie side by side as wide as they are likely. */
export function tokenAt(probabilities: Float64Array, place: number): number {
  let end = 0
  let last = 0
  for (const [token, probability] of probabilities.entries()) {
    if (probability === 0) continue
    end += probability
    last = token
    if (place < end) return token
  }
  return last // rounding left the sum below 1
}

/** The first token with the largest score. */
export function likeliest(scores: Float32Array): number {
  let best = 0
  for (let token = 1; token < scores.length; token++) if (scores[token]! > scores[best]!) best = token
  return best
}

function softmax(scores: Float32Array): Float64Array {
  const shift = largestOf(scores)
  const weights = Float64Array.from(scores, score => Math.exp(score - shift))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map(weight => weight / sum)
}

function largestOf(scores: Float32Array): number {
  return scores.reduce((largest, score) => Math.max(largest, score), Number.NEGATIVE_INFINITY)
}
