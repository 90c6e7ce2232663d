// What the rows of a result are called.
export const peftName = 'PEFT LoRA step'
export const peftBfloat16Name = 'PEFT LoRA step, bfloat16 autocast'
export const plainName = 'plain PyTorch round'
export const officialName = 'official round'
export const ourLoraName = 'our LoRA step'

/** 'bfloat16': every product of a loss, by autocast; 'bfloat16-frozen': the products of frozen weights alone. */
export type Precision = 'float32' | 'bfloat16' | 'bfloat16-frozen'

/** A kind of search round, as `lib/bilevel` can make it. */
export interface RoundVariant {
  name: string
  round: 'faithful' | 'sampled' | 'shared'
  method: 'finite-difference' | 'first-order'
  /** The part of the lower batch's rows that the curvature is taken on; 1 for all. */
  curvatureFraction: number
  /** The part of the upper batch's rows that is used. */
  upperFraction: number
  precision: Precision
}

export const faithful: RoundVariant = {
  name: 'our faithful round',
  round: 'faithful',
  method: 'finite-difference',
  curvatureFraction: 1,
  upperFraction: 1,
  precision: 'float32',
}

const sampled: RoundVariant = { ...faithful, name: 'our sampled round', round: 'sampled', curvatureFraction: 1 / 8 }

const inFloat32: readonly RoundVariant[] = [
  faithful,
  sampled,
  { ...sampled, name: 'our sampled round, half the upper batch', upperFraction: 1 / 2 },
  { ...faithful, name: 'our shared round', round: 'shared' },
  { ...faithful, name: 'our first-order round', method: 'first-order' },
  { ...faithful, name: 'our first-order round, half the upper batch', method: 'first-order', upperFraction: 1 / 2 },
]

/** Every kind of round that is timed, the faithful one first. */
export const variants: readonly RoundVariant[] = [
  ...inFloat32,
  ...inFloat32.map(variant => narrow(variant, 'bfloat16-frozen')),
  narrow(faithful, 'bfloat16'),
]

function narrow(variant: RoundVariant, precision: Exclude<Precision, 'float32'>): RoundVariant {
  return { ...variant, name: `${variant.name}, ${precision}`, precision }
}
