export { type LogitsOptions, logitsOf, type Precision } from './logits.ts'
export { PackedLayers } from './packed-layers.ts'
export { argmax, logSumExp, sigmoid, softmax, softplus } from './scores.ts'
export { type Prediction, type ProblemType, toPrediction } from './text-classification.ts'
