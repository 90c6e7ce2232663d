export { type CheckOptions, gradcheck, gradgradcheck } from './check.ts'
export { type GradOptions, grad } from './grad.ts'
export { enableGrad, isGradEnabled, noGrad } from './mode.ts'
export { hessianVectorProduct, mixedProduct, vectorJacobian } from './products.ts'
