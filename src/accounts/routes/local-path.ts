const base = 'http://local.invalid'
const defaultPath = '/admin/queues'

/** The redirect target after signing in: the requested path if it is on this server, otherwise the console. */
export function nextPath(next: string | undefined): string {
  return next !== undefined && isLocalPath(next) ? next : defaultPath
}

/**
 * True for a path that cannot lead to another host. Browsers treat `\` as `/` and skip tabs and line breaks, and a
 * proxy may decode the path again, so every decoded form must be harmless too.
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
  // Removing a dot segment may leave two leading slashes: "/.//evil.example".
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
