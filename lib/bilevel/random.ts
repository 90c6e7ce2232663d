import { getRngState, setRngState, type Tensor } from '../tensor/index.ts'

/**
 * Makes a function whose every call starts from the same random state, so that it draws the same dropout masks each
 * time: the state of the processor's generator and of every device that a parameter lives on, as it is now. After any
 * number of calls the generators stand where one call would have left them.
 */
export function repeatable<Result>(parameters: readonly Tensor[], evaluate: () => Result): () => Result {
  const devices = new Set(['cpu', ...parameters.map(parameter => parameter.device)])
  const states = [...devices].map(device => ({ device, state: getRngState(device) }))
  return () => {
    for (const { device, state } of states) setRngState(state, device)
    return evaluate()
  }
}
