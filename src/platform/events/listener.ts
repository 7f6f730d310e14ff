import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { Logger } from '../logging/logging.ts'
import { BoundedClient, connectionLimits } from '../postgres/index.ts'
import type { Service } from '../process/lifecycle.ts'
import { toError } from '../thrown.ts'

export interface Listener extends Service {
  /** Called with each payload of a channel. */
  on(channel: string, handler: (payload: string) => void): void
  /** Called after every (re)connection: notifications sent in between are lost, so readers look again. */
  onConnect(handler: () => void): void
  /** False while it is known that nothing is heard. A silent loss shows only at the next heartbeat. */
  connected(): boolean
  /** False once a notification of its own did not arrive, although both connections work. */
  hears(): boolean
}

const retryMs = 500
const heartbeatMs = 4000
/** For one statement of the listening connection, and for a notification to itself. */
const answerLimitMs = 5000
const selfTestChannel = 'capstan_self_test'

const deaf =
  'live events are not received: DATABASE_URL probably leads to a pooler in transaction mode. ' +
  'Set DATABASE_DIRECT_URL to an address of the same database that keeps sessions'

/**
 * The process's one listening connection; reconnects for ever, since wake-ups are only hints.
 * @param databaseUrl where all processes send their notifications
 * @param listenUrl keeps its session between transactions, unlike a pooler in transaction mode
 */
export function createListener(databaseUrl: string, log: Logger, listenUrl = databaseUrl): Listener {
  const handlers = new Map<string, ((payload: string) => void)[]>()
  const connected: (() => void)[] = []
  let client: BoundedClient | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let hearing = true
  let connecting: Promise<void> | undefined

  async function connect(): Promise<void> {
    const fresh = connectionTo(listenUrl, 'capstan-listener')
    // A dead connection reports itself once or twice ('error', 'end'); only the first one may re-arm.
    let lost = false
    const lose = (error?: Error) => {
      if (lost || stopped) return
      lost = true
      client = undefined
      if (error !== undefined) log.warn({ reason: error.message }, 'listening connection lost')
      fresh.end().catch(() => undefined)
      again()
    }
    fresh.on('error', lose)
    fresh.on('end', () => lose())
    fresh.on('notification', ({ channel, payload = '' }) => {
      for (const handler of handlers.get(channel) ?? []) handler(payload)
    })
    try {
      await fresh.connect()
      for (const channel of handlers.keys()) await fresh.query(`listen ${channel}`)
    } catch (error) {
      lose(toError(error))
      return
    }
    client = fresh
    // Stopped while it connected: who stops waits for us, and ends the connection.
    if (stopped) return
    for (const handler of connected) handler()
    beat(fresh)
    void test(fresh)
  }

  function again(): void {
    clearTimeout(timer)
    client = undefined
    timer = setTimeout(() => {
      connecting = connect()
    }, retryMs)
  }

  /** A silently dropped connection (a NAT, a frozen server) shows only when something is asked of it. */
  function beat(on: BoundedClient): void {
    timer = setTimeout(() => {
      void on.isAlive().then((alive) => {
        if (stopped || client !== on) return
        if (alive) beat(on)
        // A check may also fail on a connection that stays open; its end brings the next one.
        else on.end().catch(() => undefined)
      })
    }, heartbeatMs)
  }

  /** A pooler accepts LISTEN, and then delivers nothing: only a notification that arrives proves the way. */
  async function test(on: pg.Client): Promise<void> {
    const heard = await hearsItself(on, databaseUrl).catch(() => undefined)
    if (heard === undefined || client !== on || stopped) return
    if (!heard) log.error(deaf)
    else if (!hearing) log.info('live events are received again')
    hearing = heard
  }

  return {
    name: 'listener',
    on(channel, handler) {
      handlers.set(channel, [...(handlers.get(channel) ?? []), handler])
    },
    onConnect: (handler) => void connected.push(handler),
    connected: () => client !== undefined,
    hears: () => hearing,
    async start() {
      if (stopped || connecting !== undefined) return
      connecting = connect()
      await connecting
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await connecting
      await client?.end()
      client = undefined
    },
  }
}

const connectionTo = (url: string, name: string) =>
  new BoundedClient(
    { connectionString: url, application_name: name, ...connectionLimits },
    { queryMs: answerLimitMs },
  )

/** Sends a notification as another process would. @throws when the database is unreachable: that proves nothing. */
async function hearsItself(on: pg.Client, notifyUrl: string): Promise<boolean> {
  const sent = randomUUID()
  await on.query(`listen ${selfTestChannel}`)
  let timer: NodeJS.Timeout | undefined
  const heard = new Promise<boolean>((resolve) => {
    on.on('notification', ({ channel, payload }) => {
      if (channel === selfTestChannel && payload === sent) resolve(true)
    })
    on.once('end', () => resolve(false))
    timer = setTimeout(() => resolve(false), answerLimitMs).unref()
  })
  const other = connectionTo(notifyUrl, 'capstan-listener-test')
  try {
    await other.connect()
    await other.query('select pg_notify($1, $2)', [selfTestChannel, sent])
    return await heard
  } finally {
    clearTimeout(timer)
    await other.end()
  }
}
