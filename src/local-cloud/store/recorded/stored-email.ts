/** The longest JSON of a stored email, in bytes. Visitors of an app may decide how long its emails are. */
const maxStoredBytes = 1024 * 1024

/** The lengths to which texts are shortened, tried in this order. */
const lengths = [64 * 1024, 1024, 100]

/**
 * The JSON of an email within `maxStoredBytes`. Of a longer one the long texts are shortened, or all is left out if it has too
 * many parts; `truncated` then says how many bytes it had.
 */
export function storedEmail(email: object): string {
  const whole = JSON.stringify(email)
  const bytes = Buffer.byteLength(whole)
  if (bytes <= maxStoredBytes) return whole
  for (const length of lengths) {
    const short = JSON.stringify({ ...email, truncated: { bytes } }, (_, value) => shortened(value, length))
    if (Buffer.byteLength(short) <= maxStoredBytes) return short
  }
  return JSON.stringify({ truncated: { bytes } })
}

function shortened(value: unknown, length: number): unknown {
  if (typeof value !== 'string' || value.length <= length) return value
  return `${value.slice(0, length)} [truncated: ${value.length} characters]`
}
