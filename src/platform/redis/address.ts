import { z } from 'zod'

interface Login {
  username?: string
  password?: string
}

interface HostPort {
  host: string
  port: number
}

/** What a REDIS_URL says. `login` and `tls` apply to every server of the topology, also those it does not name. */
export type RedisAddress =
  | { kind: 'single'; servers: [HostPort]; login: Login; tls: boolean; db: number }
  | { kind: 'cluster'; servers: HostPort[]; login: Login; tls: boolean }
  | {
      kind: 'sentinel'
      servers: HostPort[]
      login: Login
      tls: boolean
      db: number
      name: string
      sentinelLogin: Login
    }

const redisUrlForms =
  'redis[s]://host, redis[s]+cluster://host,host or redis[s]+sentinel://host:26379,host:26379/name'

/** The login ends at the last `@` before the path: a password may hold one that is not encoded. */
const shape = /^redis(?<tls>s)?(?:\+(?<kind>cluster|sentinel))?:\/\/(?:(?<login>[^/?]*)@)?(?<rest>\S+)$/

/** @throws Error, without any part of the URL, for what is none of `redisUrlForms` */
export function parseRedisUrl(text: string): RedisAddress {
  const [first = '', ...more] = text.split(/,(?=rediss?:\/\/)/)
  const found = shape.exec(first)?.groups
  if (found === undefined) throw new Error(`expected ${redisUrlForms}`)
  const { tls, kind, login, rest = '' } = found
  const [hosts = '', path = '', query = ''] = splitRest(rest)
  const servers = hosts.split(',').map(serverOf(kind === 'sentinel' ? 26379 : 6379))
  const common = { login: loginOf(login), tls: tls !== undefined }
  if (kind === 'sentinel') {
    const [name = '', db = ''] = path.split('/')
    if (name === '') throw new Error('expected the name of the master after the Sentinels: .../name')
    const options = new URLSearchParams(query)
    const sentinelLogin = given(options.get('sentinel_username'), options.get('sentinel_password'))
    return { kind, servers, ...common, name: decodeURIComponent(name), db: dbOf(db), sentinelLogin }
  }
  if (kind === 'cluster' || more.length > 0) {
    const others = more.flatMap((url) => parseRedisUrl(url).servers)
    return { kind: 'cluster', servers: [...servers, ...others], ...common }
  }
  const [server, second] = servers
  if (server === undefined || second !== undefined) throw new Error(`expected ${redisUrlForms}`)
  return { kind: 'single', servers: [server], ...common, db: dbOf(path) }
}

/** Host names, path and query of what follows the scheme and the login. */
function splitRest(rest: string): string[] {
  const [beforeQuery = '', query = ''] = rest.split('?')
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

const given = (username: string | null, password: string | null): Login => ({
  ...(username ? { username } : {}),
  ...(password ? { password } : {}),
})

function dbOf(text: string): number {
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
