/** Text by a language model: `import { loadLanguageModel, streamText, Tokenizer } from 'bidora-torch/generation'`. */
export { type CausalLanguageModel, type LoadLanguageModelOptions, loadLanguageModel } from './models/index.ts'
export {
  type Answer,
  type Finish,
  type GeneratedText,
  type GenerationHooks,
  type GenerationOptions,
  generateSteps,
  generateTexts,
  generateTokens,
  type Step,
  streamText,
  type TextGenerationHooks,
  type TextGenerationOptions,
} from './predict/index.ts'
export { Tokenizer } from './text/index.ts'
