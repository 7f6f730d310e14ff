import { z } from 'zod'
import { readUrlOptions } from '../network/url-options.ts'
import { redisOptions } from './url-options.ts'

interface Login {
  username?: string
  password?: string
}

interface HostPort {
  host: string
  port: number
}

/** Settings that apply to every server of the topology, including those that the URL does not name. */
interface SharedSettings {
  login: Login
  tls: boolean
  /** False: the certificates of the servers are not checked. */
  verified: boolean
  /** The only IP version used to resolve host names; undefined: both versions. */
  family: 4 | 6 | undefined
}

/** A parsed REDIS_URL. */
export type RedisAddress =
  | (SharedSettings & { kind: 'single'; servers: [HostPort]; db: number })
  | (SharedSettings & { kind: 'cluster'; servers: HostPort[] })
  | (SharedSettings & {
      kind: 'sentinel'
      servers: HostPort[]
      db: number
      name: string
      sentinelLogin: Login
    })

const redisUrlForms =
  'redis[s]://host, redis[s]+cluster://host,host or redis[s]+sentinel://host:26379,host:26379/name'

/** The login ends at the last `@` before the path: a password may contain an `@` that is not encoded. */
const urlPattern = /^redis(?<tls>s)?(?:\+(?<kind>cluster|sentinel))?:\/\/(?:(?<login>[^/?]*)@)?(?<rest>\S+)$/

/** @throws Error for a URL in none of the `redisUrlForms`; its message quotes only names of options from the URL */
export function parseRedisUrl(text: string): RedisAddress {
  const [first = '', ...more] = urlsOf(text)
  const { kind, hosts, path, options, ignored: _, ...shared } = parseOne(first)
  const servers = hosts.split(',').map(serverOf(kind === 'sentinel' ? 26379 : 6379))
  if (kind === 'sentinel') {
    if (more.length > 0) throw new Error(`expected ${redisUrlForms}`)
    const [name = '', db = '', ...rest] = path.split('/')
    if (name === '') throw new Error('expected the name of the master after the Sentinels: .../name')
    if (rest.length > 0) throw new Error('expected nothing after the number of a database')
    const sentinelLogin = loginFrom(options.get('sentinel_username'), options.get('sentinel_password'))
    return { kind, servers, ...shared, name: decodeURIComponent(name), db: dbOf(db, options), sentinelLogin }
  }
  if (kind === 'cluster' || more.length > 0) {
    const others = more.map(parseOne)
    for (const other of others) requireSame(shared, other)
    for (const each of [{ path, options }, ...others])
      if (dbOf(each.path, each.options) !== 0) throw new Error('expected no database: a Cluster has 0 only')
    const named = others.flatMap((other) => other.hosts.split(',').map(serverOf(6379)))
    return { kind: 'cluster', servers: [...servers, ...named], ...shared }
  }
  const [server, second] = servers
  if (server === undefined || second !== undefined) throw new Error(`expected ${redisUrlForms}`)
  return { kind: 'single', servers: [server], ...shared, db: dbOf(path, options) }
}

function parseOne(text: string) {
  const found = urlPattern.exec(text)?.groups
  if (found === undefined) throw new Error(`expected ${redisUrlForms}`)
  const { tls, kind, login, rest = '' } = found
  const [hosts = '', path = '', query = ''] = splitRest(rest)
  const isTls = tls !== undefined
  const { given: options, ignored } = readUrlOptions(
    query,
    redisOptions({ tls: isTls, sentinel: kind === 'sentinel' }),
  )
  const family = familyOf(options.get('family'))
  const verified = isVerified(options.get('ssl_cert_reqs'))
  return { kind, hosts, path, options, ignored, login: loginOf(login), tls: isTls, verified, family }
}

/** False if an option turns off the check of certificates. */
function isVerified(text = 'required'): boolean {
  const mode = text.toLowerCase().replace(/^cert_/, '')
  if (mode !== 'none' && mode !== 'required') throw new Error('expected ssl_cert_reqs to be required or none')
  return mode === 'required'
}

/** The names of the options of a valid URL that have no effect. */
export const ignoredRedisOptions = (text: string): string[] => [
  ...new Set(urlsOf(text).flatMap((url) => parseOne(url).ignored)),
]

/** Splits a list of URLs, which may name the nodes of a Cluster. */
const urlsOf = (text: string) => text.split(/,(?=rediss?:\/\/)/)

function familyOf(text: string | undefined): 4 | 6 | undefined {
  if (text === undefined || text === '0') return undefined
  if (text !== '4' && text !== '6') throw new Error('expected family=4, family=6 or family=0 for both')
  return text === '4' ? 4 : 6
}

/** Refuses settings that differ between the URLs of a Cluster. A login in only one URL applies to all of them. */
function requireSame(first: SharedSettings, other: SharedSettings): void {
  const { username = first.login.username, password = first.login.password } = other.login
  const sameLogin = username === first.login.username && password === first.login.password
  if (!sameLogin || other.tls !== first.tls) throw new Error('expected one login and one scheme in all URLs')
  if (other.verified !== first.verified) throw new Error('expected one ssl_cert_reqs in all URLs')
  if ((other.family ?? first.family) !== first.family) throw new Error('expected one family in all URLs')
}

/** Splits the part after the scheme and the login into host names, path and query. */
function splitRest(rest: string): string[] {
  if (rest.includes('#')) throw new Error('expected no #; write it as %23')
  const [beforeQuery = '', ...more] = rest.split('?')
  const query = more.join('?')
  const slash = beforeQuery.indexOf('/')
  if (slash < 0) return [beforeQuery, '', query]
  return [beforeQuery.slice(0, slash), beforeQuery.slice(slash + 1), query]
}

function serverOf(port: number) {
  return (text: string): HostPort => {
    const match = /^(?<host>\[[0-9a-fA-F:.]+\]|[^\s:@[\]]+)(?::(?<port>\d{1,5}))?$/.exec(text)?.groups
    if (match?.host === undefined) throw new Error('expected host names, each with an optional port')
    return { host: match.host.replace(/^\[|\]$/g, ''), port: Number(match.port ?? port) }
  }
}

function loginOf(text: string | undefined): Login {
  const [username = '', ...password] = (text ?? '').split(':')
  return loginFrom(decodeURIComponent(username), decodeURIComponent(password.join(':')))
}

const loginFrom = (username: string | undefined, password: string | undefined): Login => ({
  ...(username ? { username } : {}),
  ...(password ? { password } : {}),
})

/** The number of the database, from the end of the path or from the option `db`. */
function dbOf(path: string, options: Map<string, string>): number {
  const option = options.get('db')
  if (option !== undefined && path !== '')
    throw new Error('expected the database in the path or in db, not both')
  const text = option ?? path
  if (!/^\d{0,5}$/.test(text)) throw new Error('expected the number of a database at the end')
  return Number(text)
}

/** Validates a setting with `parseRedisUrl`. */
export const redisUrl = z.string().superRefine((text, context) => {
  try {
    parseRedisUrl(text)
  } catch (error) {
    const message = error instanceof Error && !(error instanceof URIError) ? error.message : 'malformed'
    context.addIssue({ code: 'custom', message })
  }
})
