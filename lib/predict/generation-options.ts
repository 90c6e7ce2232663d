import { ArgumentError } from '../errors.ts'
import type { CausalConfig } from '../models/index.ts'

/** How an answer is generated. Names, meanings and defaults are those of transformers, but for `maxNewTokens`. */
export interface GenerationOptions {
  /** Most tokens of an answer; it ends earlier where the model can read no more. Default 128. */
  maxNewTokens?: number
  /** An answer ends no earlier. Default 0. */
  minNewTokens?: number
  /** The same, counted with the prompt, which is as long as the longest of its batch. Default 0. */
  minLength?: number
  /** How many ways on are followed at once (beam search); 1 takes the likeliest token each time. Default 1. */
  numBeams?: number
  /** With beams: sums of log probabilities are divided by length to this power; above 0 favours long answers. Default 1. */
  lengthPenalty?: number
  /** With beams: end at `numBeams` finished answers (true), when none can be expected to get better (false, default), or when none can ('never'). */
  earlyStopping?: boolean | 'never'
  /** No sequence of so many tokens occurs twice, prompt included; 0: any may. Default 0. */
  noRepeatNgramSize?: number
  /** Scores of tokens that have occurred are divided by it (multiplied where below zero). Default 1. */
  repetitionPenalty?: number
  /** Draw tokens by their probability. Default false. */
  doSample?: boolean
  /** With doSample: scores are divided by it. Default 1. */
  temperature?: number
  /** With doSample: only the likeliest so many tokens; 0: all. Default 0. */
  topK?: number
  /** With doSample: only the likeliest tokens that together have this probability. Default 1. */
  topP?: number
  /** With doSample: what draws begin with. A prompt's draws do not depend on its batch. Default 0. */
  seed?: number
  /** Texts at which an answer ends, and which are not part of it. */
  stop?: readonly string[]
  /** Tokens that end an answer; the model's own unless said otherwise. */
  eosTokenId?: number | readonly number[]
}

/** The same, complete and checked. */
export type Generation = Required<Omit<GenerationOptions, 'eosTokenId'>> & { readonly eosTokens: readonly number[] }

const defaults: Required<Omit<GenerationOptions, 'eosTokenId'>> = {
  maxNewTokens: 128,
  minNewTokens: 0,
  minLength: 0,
  numBeams: 1,
  lengthPenalty: 1,
  earlyStopping: false,
  noRepeatNgramSize: 0,
  repetitionPenalty: 1,
  doSample: false,
  temperature: 1,
  topK: 0,
  topP: 1,
  seed: 0,
  stop: [],
}

type Rule = readonly [expected: string, passes: (value: unknown) => boolean]

const whole = (least: number): Rule => [
  `a whole number from ${least}`,
  value => Number.isSafeInteger(value) && (value as number) >= least,
]
const above: Rule = ['a number above 0', value => typeof value === 'number' && value > 0 && value < Infinity]
const flag: Rule = ['true or false', value => typeof value === 'boolean']
const texts: Rule = [
  'a list of texts, none empty',
  value => Array.isArray(value) && value.every(text => typeof text === 'string' && text !== ''),
]

const rules: Record<keyof typeof defaults, Rule> = {
  maxNewTokens: whole(1),
  minNewTokens: whole(0),
  minLength: whole(0),
  numBeams: whole(1),
  lengthPenalty: ['a number', value => typeof value === 'number' && Number.isFinite(value)],
  earlyStopping: ["true, false or 'never'", value => flag[1](value) || value === 'never'],
  noRepeatNgramSize: whole(0),
  repetitionPenalty: above,
  doSample: flag,
  temperature: above,
  topK: whole(0),
  topP: ['a number above 0 and at most 1', value => above[1](value) && (value as number) <= 1],
  seed: ['a whole number', value => Number.isSafeInteger(value)],
  stop: texts,
}

/** Options that mean something only beside another. */
const sampled = ['temperature', 'topK', 'topP', 'seed'] as const
const searched = ['lengthPenalty', 'earlyStopping'] as const

/**
 * Checks options and fills in what is left out.
 *
 * @throws ArgumentError for an unknown option, a value that cannot be meant, and one that nothing would read.
 */
export function checkGeneration(given: GenerationOptions, config: CausalConfig): Generation {
  const { eosTokenId = config.eosTokenId ?? [], ...options } = given
  const chosen = { ...defaults, ...withoutUndefined(options) }
  for (const key of Object.keys(options)) {
    if (Object.hasOwn(rules, key)) continue
    throw refused(key, `one of ${[...Object.keys(rules), 'eosTokenId'].join(', ')}`, 'that name', 'check its spelling')
  }
  for (const [key, [expected, passes]] of Object.entries(rules)) {
    const value = chosen[key as keyof typeof rules]
    if (!passes(value)) throw refused(key, expected, value, `correct it, or leave it out for ${ownDefault(key)}`)
  }
  const { doSample, numBeams, minNewTokens, maxNewTokens } = chosen
  if (doSample && numBeams > 1) throw refused('numBeams', 'one beam with doSample', numBeams, 'leave one of them out')
  for (const key of doSample ? searched : sampled) requireDefault(key, chosen, doSample ? 'no doSample' : 'doSample')
  if (numBeams === 1) for (const key of searched) requireDefault(key, chosen, 'numBeams above 1')
  if (minNewTokens > 0 && chosen.minLength > 0)
    throw refused('minLength', 'only one of minLength and minNewTokens', chosen.minLength, 'leave one of them out')
  if (minNewTokens > maxNewTokens)
    throw refused(
      'minNewTokens',
      `at most maxNewTokens ${maxNewTokens}`,
      minNewTokens,
      'lower it or raise maxNewTokens',
    )
  const eosTokens: readonly unknown[] = Array.isArray(eosTokenId) ? [...eosTokenId] : [eosTokenId]
  const isToken = (token: unknown): token is number =>
    Number.isSafeInteger(token) && (token as number) >= 0 && (token as number) < config.vocabSize
  if (!eosTokens.every(isToken)) {
    const got = eosTokens.map(String).join(', ')
    throw refused(
      'eosTokenId',
      `tokens below ${config.vocabSize}`,
      got,
      'give whole numbers, or [] for no ending token',
    )
  }
  return { ...chosen, eosTokens }
}

function requireDefault(key: keyof typeof defaults, chosen: typeof defaults, needed: string): void {
  if (chosen[key] !== defaults[key])
    throw refused(key, `${needed} beside it, which alone reads it`, chosen[key], 'leave it out or set that')
}

function ownDefault(key: string): string {
  return JSON.stringify(defaults[key as keyof typeof defaults])
}

function refused(key: string, expected: string, got: unknown, advice: string): ArgumentError {
  const message = `generate: ${key}: expected ${expected}, got ${String(got)}; ${advice}`
  return new ArgumentError('GENERATION', message, { key, got })
}

function withoutUndefined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
