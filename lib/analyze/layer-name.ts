/** Number of the block that a layer is in: the last number of its name, or null. */
export function blockOf(layer: string): number | null {
  const numbers = layer.split('.').filter(isNumber)
  return numbers.length === 0 ? null : Number(numbers.at(-1))
}

/**
 * The kind of each layer: what follows the block's number in its name (`attention.output.dense`), and of that the last part
 * alone where no other kind ends with it (`query`).
 */
export function layerKinds(layers: readonly string[]): Map<string, string> {
  const long = new Map(layers.map(layer => [layer, withoutBlock(layer)]))
  const kinds = [...new Set(long.values())]
  const lastPart = (kind: string) => kind.slice(kind.lastIndexOf('.') + 1)
  const short = new Map(
    kinds.map(kind => {
      const isAlone = kinds.every(other => other === kind || lastPart(other) !== lastPart(kind))
      return [kind, isAlone ? lastPart(kind) : kind]
    }),
  )
  return new Map([...long].map(([layer, kind]) => [layer, short.get(kind)!]))
}

function withoutBlock(layer: string): string {
  const parts = layer.split('.')
  return parts.slice(parts.findLastIndex(isNumber) + 1).join('.')
}

function isNumber(part: string): boolean {
  return /^\d+$/.test(part)
}
