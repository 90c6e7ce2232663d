import { setImmediate } from 'node:timers/promises'
import {
  collectTaggingInputs,
  collectTokenExamples,
  encodeTags,
  marksEntities,
  prepareTags,
} from '../data/token-examples.ts'
import type { TokenExample } from '../data/examples.ts'
import type { LabelSet } from '../data/labels.ts'
import { AbortError, DataError } from '../errors.ts'
import { packBatch, toBatch } from '../models/index.ts'
import { toTagging } from '../predict/index.ts'
import { tensor } from '../tensor/index.ts'
import {
  type EncodedWords,
  ignoredLabel,
  joinWords,
  labelTokens,
  padBatch,
  splitWords,
  type WordWindow,
  wordsWithTokens,
} from '../text/index.ts'
import type { EncodeContext, Row } from './rows.ts'
import type { Task } from './task.ts'
import { wordLogits } from './word-logits.ts'

/** A sentence as numbers: the target has a class for each word. */
export interface TokenRow extends Row {
  readonly encoded: EncodedWords
  readonly target: readonly number[]
  readonly classes: readonly number[]
}

/** Sentences between two looks at `shouldStop`. */
const CHUNK = 256

/** One row of logits a token; a word is labelled by its first one. */
export const tokenClassification: Task = {
  head: 'token-classification',
  peftType: 'TOKEN_CLS',
  title: 'Token classification',
  autoModel: 'AutoModelForTokenClassification',
  collect: collectTokenExamples,
  prepareLabels: prepareTags,

  async encode(examples: readonly TokenExample[], labels: LabelSet, where, context): Promise<TokenRow[]> {
    const targets = encodeTags(examples, labels, where)
    const sentences = examples.map(({ tokens }) => tokens)
    const encoded = await encodeSentences(sentences, context)
    return encoded.map((item, index) => {
      const target = targets[index]!
      return { encoded: item, target, classes: wordsWithTokens(item).map(word => target[word]!) }
    })
  },

  batch(rows: readonly TokenRow[], { tokenizer, device }) {
    const labelled = rows.flatMap(({ encoded, target }) =>
      encoded.windows.map((window): [WordWindow, number[]] => [window, labelTokens(window, target)]),
    )
    const padding = tokenizer.padding()
    const padded = padBatch(
      labelled.map(([window]) => window),
      padding,
    )
    const isPacked = padding.side === 'right'
    const [, seq] = padded.shape
    const targets = labelled.flatMap(([, labels]) =>
      isPacked ? labels : [...new Array<number>(seq - labels.length).fill(ignoredLabel), ...labels],
    )
    return {
      inputs: isPacked ? packBatch(padded, device) : toBatch(padded, device),
      targets: tensor(targets, { dtype: 'int64', device }), // [tokens]
    }
  },

  scores: async () => (await import('./token-scores.ts')).tokenScores,

  async predict(model, inputs, { context, ...options }) {
    const sentences = (await collectTaggingInputs(inputs)).map(input =>
      'tokens' in input ? joinWords(input.tokens) : { text: input.text, words: splitWords(input.text) },
    )
    const encoded = await encodeSentences(
      sentences.map(({ words }) => words.map(({ text }) => text)),
      context,
    )
    const logits = await wordLogits(model, encoded, options)
    const labels = model.labels!
    return sentences.map((sentence, index) => {
      const entities = marksEntities(labels)
      const prediction = toTagging(logits[index]!, { ...sentence, labels: labels.labels, entities })
      return encoded[index]!.truncated ? { ...prediction, truncated: true } : prediction
    })
  },
}

/**
 * Sentences as tokens, long ones in windows.
 *
 * @throws AbortError when stopped.
 */
async function encodeSentences(
  sentences: readonly (readonly string[])[],
  { tokenizer, maxLength, stride, shouldStop }: EncodeContext,
): Promise<EncodedWords[]> {
  const memo = new Map<string, number[]>()
  const encoded: EncodedWords[] = []
  for (let start = 0; start < sentences.length; start += CHUNK) {
    if (shouldStop()) throw new AbortError('STOPPED', 'the work was stopped while sentences were turned into tokens')
    const chunk = sentences.slice(start, start + CHUNK)
    for (const item of await tokenizer.encodeWords(chunk, { maxLength, stride, memo })) encoded.push(item)
    await setImmediate()
  }
  return encoded
}

/**
 * Sentences without a single token cannot be learned from: their loss would be no number.
 *
 * @throws DataError naming the first one.
 */
export function refuseWithoutTokens(rows: readonly Row[], where: string): void {
  const at = rows.findIndex(({ classes }) => classes?.length === 0)
  if (at < 0) return
  throw new DataError(
    'DATA_TOKENS',
    `${where}[${at}]: expected a word of which the tokenizer makes a token, got none; remove the sentence`,
    { where, index: at },
  )
}
