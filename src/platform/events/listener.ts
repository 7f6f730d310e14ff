import pg from 'pg'
import type { Service } from '../lifecycle.ts'
import type { Logger } from '../logging.ts'

export interface Listener extends Service {
  /** Called with each payload of a channel. */
  on(channel: string, handler: (payload: string) => void): void
  /** Called after every (re)connection: notifications sent in between are lost, so readers look again. */
  onConnect(handler: () => void): void
  /** False while it is known that nothing is heard. A silent loss shows only at the next heartbeat. */
  connected(): boolean
}

const retryMs = 500
const heartbeatMs = 15_000

/** The process's one listening connection; reconnects for ever, since wake-ups are only hints. */
export function createListener(databaseUrl: string, log: Logger): Listener {
  const handlers = new Map<string, ((payload: string) => void)[]>()
  const connected: (() => void)[] = []
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let connecting: Promise<void> | undefined

  async function connect(): Promise<void> {
    const fresh = new pg.Client({
      connectionString: databaseUrl,
      application_name: 'capstan-listener',
      keepAlive: true,
      connectionTimeoutMillis: 5000,
    })
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
      lose(error as Error)
      return
    }
    client = fresh
    // Stopped while it connected: who stops waits for us, and ends the connection.
    if (stopped) return
    for (const handler of connected) handler()
    beat(fresh, lose)
  }

  function again(): void {
    clearTimeout(timer)
    client = undefined
    timer = setTimeout(() => {
      connecting = connect()
    }, retryMs)
  }

  /** A silently dropped connection (a NAT, a frozen server) shows only when something is asked of it. */
  function beat(on: pg.Client, lose: (error: Error) => void): void {
    timer = setTimeout(() => {
      const late = setTimeout(() => lose(new Error('no heartbeat')), 5000)
      on.query('select 1')
        .then(() => {
          if (!stopped && client === on) beat(on, lose)
        }, lose)
        .finally(() => clearTimeout(late))
    }, heartbeatMs)
  }

  return {
    name: 'listener',
    on(channel, handler) {
      handlers.set(channel, [...(handlers.get(channel) ?? []), handler])
    },
    onConnect: (handler) => void connected.push(handler),
    connected: () => client !== undefined,
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
