import { startEmbeddedPostgres } from '../embedded-postgres/index.ts'

/** Runs work on an embedded server that is started for it; the caller holds DATA_DIR. Ctrl-C ends the server as well. */
export async function withOwnServer<T>(dataDir: string, work: (url: string) => Promise<T>): Promise<T> {
  const complain = (_fields: unknown, message?: string) => void process.stderr.write(`${message ?? ''}\n`)
  const log = { info: () => undefined, warn: complain, error: complain }
  const server = await startEmbeddedPostgres({ dataDir, log })
  // The server has a session of its own: Ctrl-C reaches only us, and would leave it behind.
  const interrupted = () => void server.stop().then(() => process.exit(130))
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    return await work(server.url)
  } finally {
    process.off('SIGINT', interrupted)
    process.off('SIGTERM', interrupted)
    await server.stop()
  }
}
