import { constants } from 'node:os'
import { startEmbeddedPostgres } from '../../embedded/postgres/index.ts'
import { endProcess } from '../../platform/process/process-end.ts'

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Runs work on an embedded server that is started for it; the caller holds the lock of DATA_DIR. A signal that ends the
 * command also ends the server, even during its start.
 */
export async function withOwnServer<T>(dataDir: string, work: (url: string) => Promise<T>): Promise<T> {
  const complain = (_fields: unknown, message?: string) => void process.stderr.write(`${message ?? ''}\n`)
  const log = { info: () => undefined, warn: complain, error: complain }
  const ending = new AbortController()
  const starting = startEmbeddedPostgres({ dataDir, log, signal: ending.signal })
  // The server has its own session: Ctrl-C reaches only this process and would leave the server running.
  const interrupted = async (signal: NodeJS.Signals) => {
    ending.abort()
    await starting.then((server) => server.stop()).catch(() => undefined)
    endProcess(128 + constants.signals[signal])
  }
  for (const signal of stopSignals) process.once(signal, interrupted)
  try {
    const server = await starting
    try {
      return await work(server.url)
    } finally {
      await server.stop()
    }
  } catch (error) {
    // Work fails when its server is stopped by a signal: the signal decides the exit code.
    if (ending.signal.aborted) return await new Promise<never>(() => undefined)
    throw error
  } finally {
    for (const signal of stopSignals) process.off(signal, interrupted)
  }
}
