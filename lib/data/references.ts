import type { GenerationExample } from './examples.ts'

/** A prompt with every completion that would be right. */
export interface ReferencedExample {
  prompt: string
  completions: readonly string[]
}

/**
 * One example for each prompt, in the order in which prompts first stand, with all completions given for it, equal ones
 * too. For scores against several references.
 */
export function groupReferences(examples: Iterable<GenerationExample>): ReferencedExample[] {
  const groups = new Map<string, string[]>()
  for (const example of examples) {
    const completions = 'completion' in example ? [example.completion] : example.completions
    const group = groups.get(example.prompt)
    if (group === undefined) groups.set(example.prompt, [...completions])
    else group.push(...completions)
  }
  return [...groups].map(([prompt, completions]) => ({ prompt, completions }))
}
