import { nearest as nearestByEdits } from '../data/nearest.ts'

/** The known name that a mistyped one is nearest to, two swapped letters counting as one slip; undefined where none is near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const swapped = Array.from(name.slice(1), (_, at) => name.slice(0, at) + name[at + 1] + name[at] + name.slice(at + 2))
  return known.find(candidate => swapped.includes(candidate)) ?? nearestByEdits(name, known)
}
