import { type Dispatcher, fetch, ProxyAgent } from 'undici'
import { pause } from '../../platform/deadline.ts'
import { createOutgoing } from '../../platform/network/outgoing.ts'
import { errorCode, propertiesOf } from '../../platform/thrown.ts'
import { ClusterFault } from './cluster.ts'
import type { Credentials } from './credentials.ts'
import type { Json } from './parse.ts'

const callMs = 30_000
const tries = 4

/** The continuation of a list has expired on the server: the list must be read again from its beginning. */
export class Expired extends ClusterFault {}
/** A list that these credentials may not read, or that this API server does not have. */
export class Withheld extends ClusterFault {}

/** A way to the API server with the credentials of one moment. */
export interface Connection {
  server: string
  headers: Record<string, string>
  dispatcher: Dispatcher
}

/** A kubeconfig's own proxy comes before those of the environment, and NO_PROXY does not count for it: as in kubectl. */
export function connect({ server, headers, tls, proxyUrl }: Credentials): Connection {
  const dispatcher =
    proxyUrl === undefined ? createOutgoing({ tls }) : new ProxyAgent({ uri: proxyUrl, requestTls: tls })
  return { server, headers, dispatcher }
}

interface Answer {
  status: number
  body: string
}

/** Retries transient failures: a busy or restarting API server, a broken connection. */
export async function request(connection: Connection, path: string, signal: AbortSignal): Promise<Answer> {
  for (let made = 1; ; made++) {
    try {
      const answer = await once(connection, path, signal)
      const busy = answer.status === 429 || answer.status >= 500
      if (!busy || made === tries) return answer
    } catch (error) {
      if (signal.aborted) throw error
      if (made === tries)
        throw new ClusterFault(`${nameOf(path)}: no answer (${reasonOf(error)})`, { cause: error })
    }
    await pause(250 * 2 ** made, signal)
  }
}

async function once(
  { server, headers, dispatcher }: Connection,
  path: string,
  signal: AbortSignal,
): Promise<Answer> {
  const answer = await fetch(server + path, {
    headers: { ...headers, Accept: 'application/json', 'User-Agent': 'capstan' },
    // The credentials are for this server only.
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(callMs)]),
    dispatcher,
  })
  return { status: answer.status, body: await answer.text() }
}

/** @throws ClusterFault for anything but an object */
export function accept({ status, body }: Answer, path: string): Json {
  const what = nameOf(path)
  if (status === 410) throw new Expired(`${what}: 410, the list changed too fast`)
  if (status === 403) throw new Withheld(`${what}: 403, not permitted`)
  if (status === 404) throw new Withheld(`${what}: 404`)
  if (status === 401) throw new ClusterFault(`${what}: 401, the credentials are refused`)
  if (status !== 200) throw new ClusterFault(`${what}: ${status}`)
  try {
    return JSON.parse(body)
  } catch {
    throw new ClusterFault(`${what}: the answer is not JSON`)
  }
}

/** The plural name of the listed resource. */
export const nameOf = (path: string) => path.split('?')[0]?.split('/').at(-1) ?? path

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error
  return errorCode(cause) ?? String(propertiesOf(cause).name ?? 'fault')
}
