/** What a column holds, as Hugging Face's `datasets` writes it down: names of classes, maybe inside lists. */
interface Feature {
  _type?: string
  names?: readonly string[]
  feature?: Feature
}

export type Features = Readonly<Record<string, Feature>>

/** The features that `datasets` keeps in the metadata of a parquet or arrow file; none where it did not write the file. */
export function parseFeatures(metadata: string | undefined): Features {
  try {
    const parsed = JSON.parse(metadata ?? '{}') as { info?: { features?: Features | null } | null } | null
    return parsed?.info?.features ?? {}
  } catch {
    return {} // another program's key of the same name
  }
}

/** A row with the names of classes in place of their indices (none for -1) and plain numbers for 64-bit ones. */
export function plainRow(row: Readonly<Record<string, unknown>>, features: Features): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plainValue(value, features[name])]))
}

function plainValue(value: unknown, feature: Feature | undefined): unknown {
  if (Array.isArray(value)) return value.map(item => plainValue(item, feature?.feature))
  if (ArrayBuffer.isView(value) && 'length' in value) {
    return Array.from(value as unknown as ArrayLike<unknown>, item => plainValue(item, feature?.feature))
  }
  if (feature?._type === 'ClassLabel' && (typeof value === 'number' || typeof value === 'bigint')) {
    return Number(value) < 0 ? null : (feature.names?.[Number(value)] ?? Number(value))
  }
  if (typeof value !== 'bigint') return value ?? null
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}
