import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { StartFault } from '../../platform/process/start-fault.ts'

export interface PortRequirement {
  host: string
  port: number
  /** The setting that changes the port; the error message names it. */
  variable: string
  /** The time to wait for a port in use to become free. */
  waitMs: number
}

/** Checks that the port can be listened on. @throws StartFault with a message of one line */
export async function checkPort({ host, port, variable, waitMs }: PortRequirement): Promise<void> {
  const deadline = Date.now() + waitMs
  let code = await tryPort(host, port)
  while (code === 'EADDRINUSE' && Date.now() < deadline) {
    await delay(50)
    code = await tryPort(host, port)
  }
  if (code === undefined) return
  const remedy = `set ${variable} to another port`
  if (code === 'EADDRINUSE') throw new StartFault(`port ${port} on ${host} is in use; ${remedy}`)
  if (code === 'EACCES')
    throw new StartFault(`this user may not listen on port ${port} of ${host}; ${remedy}`)
  throw new StartFault(`Capstan can't listen on HOST ${host} (${code})`)
}

/** @returns the code of the error, undefined if the port is free */
function tryPort(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)))
  })
}
