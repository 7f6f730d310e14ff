import { z } from 'zod'
import { readUrlOptions } from '../network/url-options.ts'

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
  const [first = '', ...more] = text.split(/,(?=rediss?:\/\/)/)
  const { kind, hosts, path, options, ...common } = parseOne(first)
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

const forTls = 'for TLS write rediss:// instead of redis://'
const otherNames = { tls: forTls, ssl: forTls, ssl_cert_reqs: 'trust a certificate by NODE_EXTRA_CA_CERTS' }

function parseOne(text: string) {
  const found = shape.exec(text)?.groups
  if (found === undefined) throw new Error(`expected ${redisUrlForms}`)
  const { tls, kind, login, rest = '' } = found
  const [hosts = '', path = '', query = ''] = splitRest(rest)
  const known = ['family', 'db', ...(kind === 'sentinel' ? ['sentinel_username', 'sentinel_password'] : [])]
  const options = readUrlOptions(query, { known, hints: otherNames })
  const family = familyOf(options.get('family'))
  return { kind, hosts, path, options, login: loginOf(login), tls: tls !== undefined, family }
}

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
