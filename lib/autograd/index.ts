export { type GradOptions, grad } from './grad.ts'
export { enableGrad, isGradEnabled, noGrad } from './mode.ts'
