/** The authentication that a registry requires, from `WWW-Authenticate`. */
export type Challenge =
  | { scheme: 'bearer'; realm: string; service: string | undefined }
  | { scheme: 'basic' }
  | { scheme: 'unknown' }

// The header is untrusted input: every repetition is limited, and so is the header's length.
const part =
  /\b([A-Za-z][\w-]{0,30})(?=\s{1,8}[A-Za-z_]{1,30}\s{0,8}=|\s{0,8}$|\s{0,8},)|\b([A-Za-z_]{1,30})\s{0,8}=\s{0,8}(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g
const maxHeaderLength = 4096

/** Parses a header with one or more challenges. Bearer tokens are preferred to a password on every call. */
export function parseChallenge(header: string): Challenge {
  const found: { scheme: string; values: Record<string, string> }[] = []
  for (const [, scheme, key, quoted, plain] of header.slice(0, maxHeaderLength).matchAll(part)) {
    if (scheme !== undefined) found.push({ scheme: scheme.toLowerCase(), values: {} })
    const last = found.at(-1)
    if (last !== undefined && key !== undefined) {
      last.values[key.toLowerCase()] = quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? ''
    }
  }
  const bearer = found.find((each) => each.scheme === 'bearer' && each.values.realm !== undefined)
  if (bearer?.values.realm !== undefined) {
    return { scheme: 'bearer', realm: bearer.values.realm, service: bearer.values.service }
  }
  return { scheme: found.some((each) => each.scheme === 'basic') ? 'basic' : 'unknown' }
}
