/** Matches the label before a credential; quotes are escaped in JSON that is nested in a JSON string. */
const label = `(?:password|passwd|secret|token|api[_-]?key|authorization)\\\\?["']?\\s*[=:]\\s*`

/**
 * Patterns of credentials in free text (an upstream's error, a log line of an app): Cloudflare's new prefixes, GitHub's
 * (since April 2026 about 520 characters with dots), Capstan's own, JWTs, Authorization headers, pairs like
 * `password=...`, and user info in URLs. Lengths are bounded where a pattern would otherwise rescan a long text from
 * every word.
 */
const patterns: [RegExp, string][] = [
  [/\bcf(?:ut|at|k)_[A-Za-z0-9_-]{8,}/g, '[redacted]'],
  [/\bgh[pousr]_[A-Za-z0-9._-]{20,}/g, '[redacted]'],
  [/\bora_[A-Za-z0-9_-]{8,}/g, '[redacted]'],
  [/\bobt_[A-Za-z0-9_-]{8,}/g, '[redacted]'],
  [/\beyJ[A-Za-z0-9_-]{5,1024}\.[A-Za-z0-9_-]{5,8192}\.[A-Za-z0-9_-]+/g, '[redacted]'],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, '$1 [redacted]'],
  [new RegExp(`(${label})(["'])(?:(?!\\2)[^\\\\]|\\\\.)+\\2`, 'gis'), '$1$2[redacted]$2'],
  [new RegExp(`(${label}\\\\?["']?)[^\\s"',;}&\\\\]+`, 'gi'), '$1[redacted]'],
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s:/@]*:)[^\s/]+@/gi, '$1[redacted]@'],
]

/** Matches every text that a pattern above can match. Most log texts do not, and eight patterns cost a microsecond. */
const suspicious = /[_.:=]|\b(?:bearer|basic)\s/i

/** Masks text that looks like a credential. For free text only: structured data is allow-listed. */
export function maskSecrets(text: string): string {
  if (!suspicious.test(text)) return text
  let masked = text
  for (const [pattern, replacement] of patterns) masked = masked.replace(pattern, replacement)
  return masked
}
