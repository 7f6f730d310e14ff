/**
 * All that `capstan deploy` does otherwise than `wrangler deploy`. Two clouds are equal after these are removed from both;
 * docs/wrangler-projects.md has the same list.
 */
const differences: { what: string; matches(path: string[], value: unknown): boolean }[] = [
  {
    what: 'a version has a message and a tag: the digest of its plan and the id of its deployment',
    matches: (path) => path.at(-2) === 'annotations' && /^workers\/(message|tag)$/.test(path.at(-1) ?? ''),
  },
  {
    what: 'the cloud notes the client that uploaded a version',
    matches: (path) => /^(source|last_deployed_from|workers\/triggered_by)$/.test(path.at(-1) ?? ''),
  },
  {
    what: 'wrangler marks the Workers of configurations with env sections by tags (cf:service, cf:environment)',
    matches: (path, value) => path.at(-2) === 'tags' && typeof value === 'string' && value.startsWith('cf:'),
  },
  {
    what: 'the ETag of a static file is another one',
    matches: (path) => path.join('.') === 'headers.etag',
  },
  {
    what: 'a host name with a route gets a proxied DNS record if it has none, with the deployment in its comment',
    matches: (path, value) =>
      path.at(-2) === 'records' && typeof value === 'object' && value !== null && 'comment' in value,
  },
]

/** Removes the differences, and the order of lists, which has no meaning. */
export const comparable = <T extends object>(state: T): unknown => clean(state, [])

function clean(value: unknown, path: string[]): unknown {
  const isKept = (key: string, each: unknown) =>
    !differences.some(({ matches }) => matches([...path, key], each))
  if (Array.isArray(value)) {
    const kept = value.flatMap((each, index) =>
      isKept(String(index), each) ? [clean(each, [...path, String(index)])] : [],
    )
    return kept.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1))
  }
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([key, each]) => isKept(key, each))
  return Object.fromEntries(entries.map(([key, each]) => [key, clean(each, [...path, key])]))
}
