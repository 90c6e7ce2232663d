import { getRngState, setRngState, type Tensor } from '../tensor/index.ts'

/**
 * Notes the random state of now, the processor's and that of every device that a parameter lives on. Calling what it
 * returns goes back to it.
 */
export function rememberRandomState(parameters: readonly Tensor[]): () => void {
  const devices = new Set(['cpu', ...parameters.map(parameter => parameter.device)])
  const states = [...devices].map(device => ({ device, state: getRngState(device) }))
  return () => {
    for (const { device, state } of states) setRngState(state, device)
  }
}

/**
 * Makes a function whose every call starts from the same random state, the one of now, so that it draws the same
 * dropout masks each time. After any number of calls the generators stand where one call would have left them.
 */
export function repeatable<Arguments extends unknown[], Result>(
  parameters: readonly Tensor[],
  evaluate: (...args: Arguments) => Result,
): (...args: Arguments) => Result {
  const goBack = rememberRandomState(parameters)
  return (...args) => {
    goBack()
    return evaluate(...args)
  }
}
