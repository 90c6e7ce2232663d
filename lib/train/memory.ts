/** The most memory that the process has had resident so far, in bytes. */
export function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}
