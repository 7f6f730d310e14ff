/** How a registry wants to be spoken to, from `WWW-Authenticate`. */
export type Challenge =
  | { scheme: 'bearer'; realm: string; service: string | undefined }
  | { scheme: 'basic' }
  | { scheme: 'unknown' }

// A stranger writes this: every repetition has an end, and so has the header.
const part =
  /\b([A-Za-z][\w-]{0,30})(?=\s{1,8}[A-Za-z_]{1,30}\s{0,8}=|\s{0,8}$|\s{0,8},)|\b([A-Za-z_]{1,30})\s{0,8}=\s{0,8}(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g
const longest = 4096

/** Several challenges may share a header; a token is preferred to a password on every call. */
export function parseChallenge(header: string): Challenge {
  const found: { scheme: string; values: Record<string, string> }[] = []
  for (const [, scheme, key, quoted, plain] of header.slice(0, longest).matchAll(part)) {
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
