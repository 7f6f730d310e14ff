/** A container image: its repository, name, tag (empty if there is none) and the digest of its content. */
export interface Image {
  repo: string
  name: string
  tag: string
  /** `sha256:` and 64 hexadecimal digits; null if no node reports it. */
  sha: string | null
}

export type ImageName = Omit<Image, 'sha'>

/** The parts of a reference, as they are written in it. */
export interface Reference {
  /** The registry's host with its port; empty when it is not named. */
  domain: string
  path: string
  tag: string
  digest: string
}

// The grammar of github.com/distribution/reference, and its limits.
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const host = `(?:${label}(?:\\.${label})*|\\[[0-9a-fA-F:]+\\])`
const grammar = new RegExp(
  `^(?:(?<domain>${host}(?::[0-9]+)?)/)?(?<path>${component}(?:/${component})*)` +
    '(?::(?<tag>\\w[\\w.-]{0,127}))?' +
    '(?:@(?<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$',
)
const longestName = 255
const longestText = longestName + 1 + 128 + 1 + 150
/** Hexadecimal digits of the algorithms that registries use. */
const digestLengths: Record<string, number> = { sha256: 64, sha384: 96, sha512: 128 }
const bareDigest = /^(?:sha256:)?[0-9a-f]{64}$/

/** @returns undefined if the text is not an image reference */
export function parseReference(text: string): Reference | undefined {
  // A digest alone names an image on one node, not in a registry.
  if (text.length > longestText || bareDigest.test(text)) return undefined
  const { domain = '', path = '', tag = '', digest = '' } = grammar.exec(text)?.groups ?? {}
  if (path === '' || (domain === '' ? path : `${domain}/${path}`).length > longestName) return undefined
  if (digest !== '' && !isDigest(digest)) return undefined
  return { domain, path, tag, digest }
}

function isDigest(text: string): boolean {
  const [algorithm = '', hex = ''] = text.split(':')
  return hex.length === digestLengths[algorithm] && /^[0-9a-f]+$/.test(hex)
}

/**
 * Splits a reference as the node that pulls it understands it: the first part is a registry only if it looks like a
 * host (a dot, a port, capitals, or `localhost`); without one it is Docker Hub, whose `library/` is left out.
 */
export function parseImageName(text: string): (ImageName & { digest: string }) | undefined {
  const reference = parseReference(text)
  if (reference === undefined) return undefined
  const { tag, digest } = reference
  const named = isHost(reference.domain)
  const domain = named ? canonical(reference.domain) : 'docker.io'
  let path = named || reference.domain === '' ? reference.path : `${reference.domain}/${reference.path}`
  if (domain === 'docker.io') path = path.replace(/^library\//, '')
  const at = path.lastIndexOf('/')
  const repo = at === -1 ? domain : `${domain}/${path.slice(0, at)}`
  return { repo, name: path.slice(at + 1), tag, digest }
}

/** Images by name, as a search names them. */
export interface ImagePattern {
  /** The last part of the name. */
  name: string
  /** What the full name ends with, from a slash on. */
  ending: string
  tag: string | undefined
  digest: string | undefined
}

/**
 * Reads the name of an image with or without registry, path, tag and digest: `app` is that of any registry and path,
 * `team/app` that of any registry. @returns undefined if the text is not a reference, or its digest is not SHA-256.
 */
export function parseImagePattern(text: string): ImagePattern | undefined {
  const reference = parseReference(text)
  const full = parseImageName(text)
  if (reference === undefined || full === undefined) return undefined
  const { domain, path, tag, digest } = reference
  if (digest !== '' && !digest.startsWith('sha256:')) return undefined
  const written = domain === '' ? path : `${domain}/${path}`
  const complete = isHost(domain) || written.startsWith('library/')
  const ending = complete ? `/${full.repo}/${full.name}` : `/${written}`
  return { name: full.name, ending, tag: tag || undefined, digest: digest || undefined }
}

const isHost = (first: string) => /[.:[]|[A-Z]/.test(first) || first === 'localhost'
const canonical = (domain: string) =>
  /^(index\.|registry-1\.)?docker\.io$/.test(domain) ? 'docker.io' : domain

/**
 * The registry's digest in what a node reports as `imageID`: `repo@sha256:...`, also behind `docker-pullable://`. A digest
 * without a repository (`sha256:...`, `docker://sha256:...`) is that of an image's configuration, which no registry knows.
 */
export function digestOf(imageId: string): string | undefined {
  return /@(sha256:[0-9a-f]{64})$/.exec(imageId)?.[1]
}

/** A digest as people write it. @returns it with its algorithm, or undefined. */
export function normaliseDigest(text: string): string | undefined {
  const [, hex] = /^(?:sha256:)?([0-9a-f]{64})$/i.exec(text) ?? []
  return hex === undefined ? undefined : `sha256:${hex.toLowerCase()}`
}
