import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { Logger } from '../logging/logging.ts'
import { BoundedClient, connectionLimits } from '../postgres/index.ts'
import type { Service } from '../process/lifecycle.ts'
import { toError } from '../thrown.ts'

export interface Listener extends Service {
  /** Registers a handler for the payloads of a channel. */
  on(channel: string, handler: (payload: string) => void): void
  /** Registers a handler for each (re)connection. Earlier notifications are lost, so readers must query again. */
  onConnect(handler: () => void): void
  /** False while the connection is known to be lost. A silent loss is detected only by the next heartbeat. */
  connected(): boolean
  /** False if the last self-test failed: its notification did not arrive although both connections worked. */
  receivesNotifications(): boolean
}

const retryMs = 500
const heartbeatMs = 4000
/** Milliseconds for a statement of the listening connection, and for the arrival of the self-test's notification. */
const answerLimitMs = 5000
const selfTestChannel = 'capstan_self_test'

const notReceivedMessage =
  'live events are not received: DATABASE_URL probably leads to a pooler in transaction mode. ' +
  'Set DATABASE_DIRECT_URL to an address of the same database that keeps sessions'

/**
 * The process's only listening connection. Reconnects without end; lost notifications do no harm, they are only hints.
 * @param databaseUrl the URL over which all processes send their notifications
 * @param listenUrl a URL that keeps its session between transactions, unlike a pooler in transaction mode
 */
export function createListener(databaseUrl: string, log: Logger, listenUrl = databaseUrl): Listener {
  const handlers = new Map<string, ((payload: string) => void)[]>()
  const connectHandlers: (() => void)[] = []
  let client: BoundedClient | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let receiving = true
  let connecting: Promise<void> | undefined

  async function connect(): Promise<void> {
    const fresh = connectionTo(listenUrl, 'capstan-listener')
    // A lost connection emits 'error', 'end' or both; only the first event may schedule the reconnection.
    let lost = false
    const handleLoss = (error?: Error) => {
      if (lost || stopped) return
      lost = true
      client = undefined
      if (error !== undefined) log.warn({ reason: error.message }, 'listening connection lost')
      fresh.end().catch(() => undefined)
      reconnectLater()
    }
    fresh.on('error', handleLoss)
    fresh.on('end', () => handleLoss())
    fresh.on('notification', ({ channel, payload = '' }) => {
      for (const handler of handlers.get(channel) ?? []) handler(payload)
    })
    try {
      await fresh.connect()
      for (const channel of handlers.keys()) await fresh.query(`listen ${channel}`)
    } catch (error) {
      handleLoss(toError(error))
      return
    }
    client = fresh
    // `stop` was called during the connect: it waits for this function, then ends the connection.
    if (stopped) return
    for (const handler of connectHandlers) handler()
    scheduleHeartbeat(fresh)
    void testNotifications(fresh)
  }

  function reconnectLater(): void {
    clearTimeout(timer)
    client = undefined
    timer = setTimeout(() => {
      connecting = connect()
    }, retryMs)
  }

  /** Schedules a heartbeat: a silently dropped connection (NAT, frozen server) is detected only by a query. */
  function scheduleHeartbeat(on: BoundedClient): void {
    timer = setTimeout(() => {
      void on.isAlive().then((alive) => {
        if (stopped || client !== on) return
        if (alive) scheduleHeartbeat(on)
        // A check can fail on a connection that stays open; closing it schedules the reconnection.
        else on.end().catch(() => undefined)
      })
    }, heartbeatMs)
  }

  /** Tests that notifications arrive: a pooler accepts LISTEN but delivers nothing. */
  async function testNotifications(on: pg.Client): Promise<void> {
    const received = await receivesOwnNotification(on, databaseUrl).catch(() => undefined)
    if (received === undefined || client !== on || stopped) return
    if (!received) log.error(notReceivedMessage)
    else if (!receiving) log.info('live events are received again')
    receiving = received
  }

  return {
    name: 'listener',
    on(channel, handler) {
      handlers.set(channel, [...(handlers.get(channel) ?? []), handler])
    },
    onConnect: (handler) => void connectHandlers.push(handler),
    connected: () => client !== undefined,
    receivesNotifications: () => receiving,
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

/** Sends a notification as another process would. @throws if the database is unreachable. */
async function receivesOwnNotification(on: pg.Client, notifyUrl: string): Promise<boolean> {
  const sent = randomUUID()
  await on.query(`listen ${selfTestChannel}`)
  let timer: NodeJS.Timeout | undefined
  const received = new Promise<boolean>((resolve) => {
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
    return await received
  } finally {
    clearTimeout(timer)
    await other.end()
  }
}
