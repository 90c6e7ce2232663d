import { ArgumentError } from '../errors.ts'

/**
 * Perplexity of a language model: e to the power of its mean loss a token, in nats (the mean negative log-likelihood
 * over all tokens that count, not the mean of the texts' means). Infinity where that leaves the range of a double.
 *
 * @example perplexity(Math.log(50)) // 50: as unsure as among 50 tokens that are all equally likely
 * @throws ArgumentError on a loss that is negative or no number.
 */
export function perplexity(meanTokenLoss: number): number {
  if (meanTokenLoss >= 0) return Math.exp(meanTokenLoss)
  throw new ArgumentError(
    'METRIC_LOSS',
    `perplexity: expected a mean loss of at least 0, got ${String(meanTokenLoss)}; pass the mean of the tokens' cross-entropies in nats`,
    { meanTokenLoss },
  )
}
