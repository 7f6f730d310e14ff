const base = 'http://local.invalid'
const defaultPath = '/admin/queues'

/** Where to go after sign-in: the path asked for if it is one of this server, else the console. */
export function nextPath(next: string | undefined): string {
  return next !== undefined && isLocalPath(next) ? next : defaultPath
}

/**
 * True for a path that can't lead to another host. Browsers read `\` as `/` and skip tabs and line breaks,
 * and something on the way may decode once more than we do: every decoding must be harmless too.
 */
export function isLocalPath(path: string): boolean {
  let form = path
  for (let decodings = 0; decodings < 4; decodings += 1) {
    if (!isHarmless(form)) return false
    const decoded = decode(form)
    if (decoded === undefined || decoded === form) return decoded !== undefined
    form = decoded
  }
  return false
}

function isHarmless(path: string): boolean {
  // A dot segment may vanish and leave two slashes in front: "/.//evil.example".
  if (!path.startsWith('/') || /^\/(\.{0,2}\/|\.{0,2}\\)/.test(path)) return false
  if (/[\\\p{Cc}]/u.test(path.split(/[?#]/)[0] ?? '')) return false
  return URL.parse(path, base)?.origin === base
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}
