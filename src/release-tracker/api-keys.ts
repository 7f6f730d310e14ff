import { hash } from 'node:crypto'

export type TrackerMode = 'standalone' | 'master' | 'slave'

/** A tracker key as it is kept: what it may do, and a hash to know it by. */
export interface TrackerKey {
  role: 'admin' | 'client' | 'read'
  /** Whose data; undefined for all. */
  client: string | undefined
  /** SHA-256, hexadecimal. */
  hash: string
}

export interface ApiKeys {
  keys: TrackerKey[]
  /** What each entry may do in this mode, for the log; never its text. */
  notes: string[]
}

/** What a key really opens: the one decision that the log and the access checks share. */
export function powersOf(key: TrackerKey, mode: TrackerMode): Pick<TrackerKey, 'role' | 'client'> {
  if (mode === 'master') return { role: key.role, client: key.client }
  // One cluster, one circle of people: only a master tells clients apart.
  return { role: key.role === 'read' ? 'read' : 'admin', client: undefined }
}

export const hashOfKey = (key: string): string => hash('sha256', key, 'hex')

const secretShape = /^[A-Za-z0-9_-]{32,}$/
const explicit = /^(?:(?<role>admin)|(?<scoped>client|read)\((?<client>[^()]+)\)):(?<secret>.*)$/s
/** What names a client or an environment: text that is safe in paths, tables and logs. */
export const nameShape = /^[\p{L}\p{N}](?:[\p{L}\p{N} ._@+-]{0,98}[\p{L}\p{N}])?$/u

/**
 * Reads `API_KEYS`. Explicit entries say what they are; of the older form, one hyphen between two texts makes a
 * client's key, and none an administrator's. Anything else would have to be guessed, which on a master is a fault.
 * @param faults takes what must stop the start.
 */
export function readApiKeys(text: string | undefined, mode: TrackerMode, faults: string[]): ApiKeys {
  if (text === undefined) return { keys: [], notes: [] }
  const read = text
    .split(',')
    .map((entry) => entry.trim())
    .map((entry, index) => ({ at: index + 1, found: entry === '' ? undefined : classify(entry, mode) }))
  const keys: TrackerKey[] = []
  const notes: string[] = []
  for (const { at, found } of read) {
    if (found === undefined) continue
    if ('fault' in found) faults.push(`API_KEYS: key ${at} ${found.fault}`)
    else if ('ignored' in found) notes.push(`key ${at}: ignored, ${found.ignored}`)
    else if (keys.some((key) => key.hash === found.key.hash))
      faults.push(`API_KEYS: key ${at} is there twice`)
    else {
      keys.push(found.key)
      notes.push(`key ${at}: ${describe(found.key, mode)}`)
    }
  }
  if (keys.length === 0 && faults.length === 0)
    faults.push(`API_KEYS: set, but without one valid key (${notes.join('; ') || 'it is empty'})`)
  return { keys, notes }
}

type Classified = { key: TrackerKey } | { ignored: string } | { fault: string }

function classify(entry: string, mode: TrackerMode): Classified {
  const { role, scoped, client, secret } = explicit.exec(entry)?.groups ?? {}
  if (secret !== undefined) {
    if (!secretShape.test(secret)) return { ignored: badSecret }
    const hash = hashOfKey(secret)
    if (role !== undefined) return { key: { role: 'admin', client: undefined, hash } }
    if (client === undefined || !nameShape.test(client)) return { ignored: 'its client name is not valid' }
    return { key: { role: scoped === 'read' ? 'read' : 'client', client, hash } }
  }
  if (!secretShape.test(entry)) return { ignored: badSecret }
  return older(entry, mode)
}

function older(entry: string, mode: TrackerMode): Classified {
  const hash = hashOfKey(entry)
  const parts = entry.split('-')
  const [client = ''] = parts
  if (parts.length === 1) return { key: { role: 'admin', client: undefined, hash } }
  if (parts.length === 2 && parts.every((part) => part !== ''))
    return { key: { role: 'client', client, hash } }
  // One cluster, one circle of people: every key opens everything there, whatever it looks like.
  if (mode !== 'master') return { key: { role: 'admin', client: undefined, hash } }
  return { fault: 'has hyphens that leave open whose it is: write admin:<secret> or client(<name>):<secret>' }
}

const badSecret = 'a secret is 32 or more of A-Z a-z 0-9 _ -'

function describe(key: TrackerKey, mode: TrackerMode): string {
  const { role, client } = powersOf(key, mode)
  const verbs = role === 'read' ? 'reads' : 'reads and writes'
  const scope = client === undefined ? 'all releases' : `releases of client ${client} only`
  const may = `${verbs} ${scope}`
  if (key.client === undefined) return `${key.role}: ${may}`
  const reason = client === undefined ? `, because MODE=${mode} does not separate clients` : ''
  return `${key.role} of ${key.client}: ${may}${reason}`
}
