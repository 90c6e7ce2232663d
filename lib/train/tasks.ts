import type { ModelSettings } from './config.ts'
import type { Task } from './task.ts'
import { textClassification } from './text-classification.ts'
import { tokenClassification } from './token-classification.ts'

const tasks: Readonly<Record<ModelSettings['task'], Task>> = {
  'text-classification': textClassification,
  'token-classification': tokenClassification,
}

/** The task of a model's settings. */
export function taskOf({ task }: Pick<ModelSettings, 'task'>): Task {
  return tasks[task]
}
