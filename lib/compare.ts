import { BidoraError } from './errors.ts'

/** What a comparison of methods will be asked for. */
export type CompareOptions = { methods: readonly string[]; seeds: readonly number[] }

/**
 * Compares methods over seeds on one data set. Not there yet.
 *
 * @throws BidoraError always, until a later version brings it.
 */
export async function compare(_options: CompareOptions): Promise<never> {
  throw new BidoraError('NOT_YET', compareSentence)
}

/** Said by the function and by the command. */
export const compareSentence =
  'compare: comparing methods over seeds comes in a later version; until then run `train` once for each method and seed.'
