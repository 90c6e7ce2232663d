export { type LogitsOptions, logitsOf, type Precision } from './logits.ts'
export { PackedLayers } from './packed-layers.ts'
export { argmax, logSumExp, sigmoid, softmax, softplus } from './scores.ts'
export { outsideOf, type PredictedEntity, type TaggingContext, toTagging } from './token-classification.ts'
export { type Prediction, type ProblemType, toPrediction } from './text-classification.ts'
export { type Answer, type Finish, type GenerationHooks, generateSteps, generateTokens, type Step } from './generate.ts'
export type { GenerationOptions } from './generation-options.ts'
export {
  type GeneratedText,
  generateTexts,
  streamText,
  type TextGenerationHooks,
  type TextGenerationOptions,
} from './text-generation.ts'
