import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { until } from '../../helpers/until.ts'

/** Holds the health checks of deployments until it is opened, so that tests can act while a step is running. */
export interface Gate {
  /** The `config` of a plan for an app whose `/health` waits at this gate. */
  app(text: string, timeoutSeconds?: number): { script: string; config: Record<string, unknown> }
  /** Resolves when `count` health checks wait here (for one app, if named). */
  waiting(count?: number, name?: string): Promise<unknown>
  /** Releases all waiting and future health checks. */
  open(): void
  /** Holds all future health checks. */
  shut(): void
  close(): Promise<void>
}

export async function createGate(): Promise<Gate> {
  const held = new Map<ServerResponse, string>()
  let isOpen = false
  const server = createServer((req, res) => {
    if (isOpen) {
      res.end('open')
      return
    }
    held.set(res, req.url ?? '')
    res.on('close', () => held.delete(res))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  return {
    app: (text, timeoutSeconds = 120) => ({
      script: script(`http://127.0.0.1:${port}/${text}`, text),
      config: { healthCheck: { path: '/health', timeoutSeconds } },
    }),
    waiting: (count = 1, name = '') =>
      until(() => [...held.values()].filter((url) => url.includes(name)).length >= count, {
        timeoutMs: 30_000,
        what: `${count} health check(s) wait at the gate`,
      }),
    open() {
      isOpen = true
      for (const res of held.keys()) res.end('open')
    },
    shut() {
      isOpen = false
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

const script = (url: string, text: string) => `
export default {
  async fetch(request) {
    if (new URL(request.url).pathname !== '/health') return new Response(${JSON.stringify(text)})
    const answer = await fetch(${JSON.stringify(url)})
    return new Response(await answer.text())
  },
}`
