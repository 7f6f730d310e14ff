import { digitsProblem } from '../../../platform/hexadecimal.ts'

/** An image reference `host[:port]/repository[:tag][@digest]`, with Docker's short forms expanded. */
export interface ImageReference {
  /** The host as users write it: `docker.io`, `localhost:5000`. */
  host: string
  repository: string
  /** `latest` if neither a tag nor a digest was given. */
  tag: string | undefined
  /** Takes precedence over the tag, which is then informational. */
  digest: string | undefined
}

const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const hostPattern = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?$`)
const componentPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const tagPattern = /^\w[\w.-]{0,127}$/
export const digestPattern = /^sha256:[0-9a-f]{64}$/

/** Parses a reference. @returns the reference, or the problem with the text, which does not quote it */
export function parseReference(text: string): ImageReference | { problem: string } {
  const at = text.indexOf('@')
  const digest = at === -1 ? undefined : text.slice(at + 1)
  if (digest !== undefined && !digestPattern.test(digest)) {
    const expected = 'expected a digest of the form sha256:<64 hex digits> after @'
    return { problem: digitsProblem(digest, 64, expected) }
  }
  const named = at === -1 ? text : text.slice(0, at)
  // A colon after the last slash starts a tag; one before it belongs to the host's port.
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1)
  const tag = colon === -1 ? undefined : named.slice(colon + 1)
  if (tag !== undefined && !tagPattern.test(tag)) {
    return { problem: 'expected a tag of at most 128 letters, digits and . _ -' }
  }
  const { host, repository } = splitHost(colon === -1 ? named : named.slice(0, colon))
  // The pattern also matches invalid IPv6 addresses and ports.
  if (!hostPattern.test(host) || !URL.canParse(`https://${host}`))
    return { problem: 'expected a host name, perhaps with a port, before the /' }
  if (repository.length > 255 || !repository.split('/').every((part) => componentPattern.test(part))) {
    return { problem: 'expected a repository of lower-case letters, digits and single separators . _ - /' }
  }
  return { host, repository, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest }
}

export function formatReference({ host, repository, tag, digest }: ImageReference): string {
  const parts = [tag === undefined ? '' : `:${tag}`, digest === undefined ? '' : `@${digest}`]
  return `${host}/${repository}${parts.join('')}`
}

/** Docker's rule: the first part is a host if it cannot be part of a repository name on Docker Hub. */
function splitHost(name: string): { host: string; repository: string } {
  const slash = name.indexOf('/')
  const first = slash === -1 ? '' : name.slice(0, slash)
  const isHost = /[.:[]/.test(first) || first === 'localhost' || first !== first.toLowerCase()
  if (!isHost) return { host: 'docker.io', repository: slash === -1 ? `library/${name}` : name }
  const host = first === 'index.docker.io' ? 'docker.io' : first.toLowerCase()
  const rest = name.slice(slash + 1)
  return { host, repository: host === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest }
}

/** True for this machine, where a registry may use plain HTTP; all others must use TLS. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)
  )
}

/** The origin of the registry of a host. */
export function originOf(host: string): URL {
  if (host === 'docker.io') return new URL('https://registry-1.docker.io')
  return new URL(`${isLoopback(new URL(`https://${host}`).hostname) ? 'http' : 'https'}://${host}`)
}
