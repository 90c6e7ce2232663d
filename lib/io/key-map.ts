/**
 * Names on disk (checkpoint keys, configuration keys) and names in this library. Both are dotted paths; each segment
 * follows one rule (`snake_case` there, `camelCase` here) but for the exceptions below. Files keep their names exactly.
 */
const exceptions: readonly (readonly [here: string, disk: string])[] = [
  ['layerNorm', 'LayerNorm'],
  ['embeddingNorm', 'layer_norm'],
  ['loraA', 'lora_A'],
  ['loraB', 'lora_B'],
  ['ln1', 'ln_1'],
  ['ln2', 'ln_2'],
]

const diskOf = new Map(exceptions)
const hereOf = new Map(exceptions.map(([here, disk]) => [disk, here] as const))

/** `bert.encoder.layer.0.attention.output.layerNorm.weight` to `bert.encoder.layer.0.attention.output.LayerNorm.weight`. */
export function toDiskName(path: string): string {
  return path
    .split('.')
    .map(part => diskOf.get(part) ?? part.replace(/[A-Z]/g, letter => '_' + letter.toLowerCase()))
    .join('.')
}

/** The other way: `embeddings.word_embeddings.weight` to `embeddings.wordEmbeddings.weight`. */
export function toModulePath(name: string): string {
  return name
    .split('.')
    .map(part => hereOf.get(part) ?? part.replace(/(?<=.)_([a-z])/g, (_, letter: string) => letter.toUpperCase()))
    .join('.')
}
