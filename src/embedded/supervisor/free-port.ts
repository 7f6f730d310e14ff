import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { StartFault } from '../../platform/process/start-fault.ts'

export interface WantedPort {
  host: string
  port: number
  /** The setting that moves it, named in the fault. */
  variable: string
  /** How long to wait for a port that is about to become free. */
  patienceMs: number
}

/** @throws StartFault in one line when the port can't be listened on. */
export async function checkPort({ host, port, variable, patienceMs }: WantedPort): Promise<void> {
  const deadline = Date.now() + patienceMs
  let code = await tryPort(host, port)
  while (code === 'EADDRINUSE' && Date.now() < deadline) {
    await delay(50)
    code = await tryPort(host, port)
  }
  if (code === undefined) return
  const move = `set ${variable} to move Capstan`
  if (code === 'EADDRINUSE') throw new StartFault(`port ${port} on ${host} is in use; ${move}`)
  if (code === 'EACCES') throw new StartFault(`port ${port} on ${host} is not allowed to this user; ${move}`)
  throw new StartFault(`HOST ${host} can't be listened on (${code})`)
}

/** @returns the error's code, undefined when the port is free. */
function tryPort(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)))
  })
}
