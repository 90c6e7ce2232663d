import { faithful, ourLoraName } from './variants.ts'

/** Ratios to PEFT's LoRA step that were set out for: where texts are short, and where all are 128 tokens long. */
export interface Target {
  short: number
  full: number
}

/**
 * The fastest kind of round that has shown equal quality (`variants.ts` names them), and the one that does the same with
 * bfloat16 products; undefined until one has.
 */
export const fastest: { float32: string | undefined; bfloat16: string | undefined } = {
  float32: 'our first-order round, half the upper batch',
  bfloat16: 'our first-order round, half the upper batch, bfloat16-frozen',
}

const ofFastest: Record<keyof typeof fastest, Target> = {
  float32: { short: 0.8, full: 1.6 },
  bfloat16: { short: 0.5, full: 1 },
}

/** Peak memory of a search above the loaded model, over that of PEFT's LoRA step. */
export const memoryTarget = 1.1

/** What was promised of a row, if anything was. */
export function targetOf(name: string): Target | undefined {
  if (name === ourLoraName) return { short: 0.5, full: 0.85 }
  if (name === faithful.name) return { short: 1.8, full: 3.4 }
  for (const precision of ['float32', 'bfloat16'] as const) {
    if (name === fastest[precision]) return ofFastest[precision]
  }
  return undefined
}
