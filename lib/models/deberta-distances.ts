import { noGrad } from '../autograd/index.ts'
import {
  abs,
  add,
  arange,
  ceil,
  clamp,
  div,
  indexSelect,
  le,
  log,
  lt,
  mul,
  sign,
  sub,
  to,
  unsqueeze,
  view,
  where,
} from '../ops/index.ts'
import { type Tensor, tensor } from '../tensor/index.ts'
import type { DebertaConfig } from './deberta-config.ts'

/** The rows of the table of distances that texts of a length need. */
export interface Distances {
  /** First row of the table that is needed, and how many there are. */
  readonly start: number
  readonly count: number
  /** [seq, seq] int64, the row for query and key, counted from `start` */
  readonly distanceOf: Tensor
}

/** How many distances each side of the table has. */
export function spanOf({ positionBuckets, maxRelativePositions, maxPositionEmbeddings }: DebertaConfig): number {
  if (positionBuckets > 0) return positionBuckets
  return maxRelativePositions < 1 ? maxPositionEmbeddings : maxRelativePositions
}

/** The rows for every pair of places in a text of `seq` tokens, on a device. */
export function distancesOf(seq: number, config: DebertaConfig, device: string): Distances {
  return noGrad(() => {
    const span = spanOf(config)
    const distances = arange(1 - seq, seq, { dtype: 'int64' }) // [2 seq - 1], query minus key
    const rows = clamp(add(bucketsOf(distances, config), span), { min: 0, max: 2 * span - 1 })
    const all = rows.tolist() as number[] // on the CPU: no synchronisation
    const [start, end] = [all[0]!, all.at(-1)!] // rows do not fall as distances rise
    const places = arange(0, seq, { dtype: 'int64' })
    const apart = add(sub(unsqueeze(places, 1), places), seq - 1) // [query, key]
    const distanceOf = view(indexSelect(sub(rows, start), 0, view(apart, [-1])), [seq, seq])
    return { start, count: end - start + 1, distanceOf: device === 'cpu' ? distanceOf : to(distanceOf, { device }) }
  })
}

/**
 * Near distances as they are, far ones by their logarithm: with mid half the number of buckets, those below mid stay, and
 * distance d becomes sign(d) (ceil(log(|d| / mid) / log((largest - 1) / mid) (mid - 1)) + mid). As transformers computes it,
 * in float32 by the same operators, since the border of a bucket is a matter of rounding.
 *
 * @param distances [...] int64
 * @returns [...] int64; the distances themselves where there are no buckets
 */
export function bucketsOf(distances: Tensor, config: DebertaConfig): Tensor {
  const { positionBuckets, maxRelativePositions, maxPositionEmbeddings } = config
  const largest = maxRelativePositions < 1 ? maxPositionEmbeddings : maxRelativePositions
  if (positionBuckets <= 0) return distances
  const mid = Math.floor(positionBuckets / 2)
  const size = abs(distances)
  const far = where(lt(size, mid), tensor(mid - 1, { dtype: 'int64' }), size)
  const wide = (x: Tensor) => to(x, { dtype: 'float32' })
  const share = div(log(div(wide(far), mid)), log(tensor((largest - 1) / mid)))
  const bucket = add(ceil(mul(share, mid - 1)), mid)
  return to(where(le(far, mid), wide(distances), mul(bucket, sign(distances))), { dtype: 'int64' })
}
