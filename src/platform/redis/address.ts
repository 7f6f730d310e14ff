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

/** What applies to every server of the topology, also to those that the URL does not name. */
interface Common {
  login: Login
  tls: boolean
  /** False: the certificates of the servers are not checked. */
  verified: boolean
  /** The only IP version by which host names are resolved; undefined: both. */
  family: 4 | 6 | undefined
}

/** What a REDIS_URL says. */
export type RedisAddress =
  | (Common & { kind: 'single'; servers: [HostPort]; db: number })
  | (Common & { kind: 'cluster'; servers: HostPort[] })
  | (Common & { kind: 'sentinel'; servers: HostPort[]; db: number; name: string; sentinelLogin: Login })

const redisUrlForms =
  'redis[s]://host, redis[s]+cluster://host,host or redis[s]+sentinel://host:26379,host:26379/name'

/** The login ends at the last `@` before the path: a password may hold one that is not encoded. */
const shape = /^redis(?<tls>s)?(?:\+(?<kind>cluster|sentinel))?:\/\/(?:(?<login>[^/?]*)@)?(?<rest>\S+)$/

/** @throws Error, without any part of the URL but the name of an option, for what is none of `redisUrlForms` */
export function parseRedisUrl(text: string): RedisAddress {
  const [first = '', ...more] = urlsOf(text)
  const { kind, hosts, path, options, ignored: _, ...common } = parseOne(first)
  const servers = hosts.split(',').map(serverOf(kind === 'sentinel' ? 26379 : 6379))
  if (kind === 'sentinel') {
    if (more.length > 0) throw new Error(`expected ${redisUrlForms}`)
    const [name = '', db = '', ...rest] = path.split('/')
    if (name === '') throw new Error('expected the name of the master after the Sentinels: .../name')
    if (rest.length > 0) throw new Error('expected nothing after the number of a database')
    const sentinelLogin = given(options.get('sentinel_username'), options.get('sentinel_password'))
    return { kind, servers, ...common, name: decodeURIComponent(name), db: dbOf(db, options), sentinelLogin }
  }
  if (kind === 'cluster' || more.length > 0) {
    const others = more.map(parseOne)
    for (const other of others) requireSame(common, other)
    for (const each of [{ path, options }, ...others])
      if (dbOf(each.path, each.options) !== 0) throw new Error('expected no database: a Cluster has 0 only')
    const named = others.flatMap((other) => other.hosts.split(',').map(serverOf(6379)))
    return { kind: 'cluster', servers: [...servers, ...named], ...common }
  }
  const [server, second] = servers
  if (server === undefined || second !== undefined) throw new Error(`expected ${redisUrlForms}`)
  return { kind: 'single', servers: [server], ...common, db: dbOf(path, options) }
}

function parseOne(text: string) {
  const found = shape.exec(text)?.groups
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

/** A Cluster may be named by several URLs. */
const urlsOf = (text: string) => text.split(/,(?=rediss?:\/\/)/)

function familyOf(text: string | undefined): 4 | 6 | undefined {
  if (text === undefined || text === '0') return undefined
  if (text !== '4' && text !== '6') throw new Error('expected family=4, family=6 or family=0 for both')
  return text === '4' ? 4 : 6
}

/** A login that only one URL of a Cluster has counts for all; what differs would have no effect. */
function requireSame(first: Common, other: Common): void {
  const { username = first.login.username, password = first.login.password } = other.login
  const sameLogin = username === first.login.username && password === first.login.password
  if (!sameLogin || other.tls !== first.tls) throw new Error('expected one login and one scheme in all URLs')
  if (other.verified !== first.verified) throw new Error('expected one ssl_cert_reqs in all URLs')
  if ((other.family ?? first.family) !== first.family) throw new Error('expected one family in all URLs')
}

/** Host names, path and query of what follows the scheme and the login. */
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
  return given(decodeURIComponent(username), decodeURIComponent(password.join(':')))
}

const given = (username: string | undefined, password: string | undefined): Login => ({
  ...(username ? { username } : {}),
  ...(password ? { password } : {}),
})

/** The number of a database, from the end of the path or from an option. */
function dbOf(path: string, options: Map<string, string>): number {
  const option = options.get('db')
  if (option !== undefined && path !== '')
    throw new Error('expected the database in the path or in db, not both')
  const text = option ?? path
  if (!/^\d{0,5}$/.test(text)) throw new Error('expected the number of a database at the end')
  return Number(text)
}

/** A setting that `parseRedisUrl` understands. */
export const redisUrl = z.string().superRefine((text, context) => {
  try {
    parseRedisUrl(text)
  } catch (error) {
    const message = error instanceof Error && !(error instanceof URIError) ? error.message : 'malformed'
    context.addIssue({ code: 'custom', message })
  }
})
