import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** A server process under measure: its ports by name, and what it says of itself. */
export interface Server {
  ports: Record<string, number>
  child: ChildProcess
}

export interface Report {
  cpu: NodeJS.CpuUsage
  queries: number
}

export interface Measured {
  perSecond: number
  cpuMicros: number
  queries: number
}

/** Starts a server of a bench. @throws when it dies before it has said its ports */
export async function startServer(
  file: URL,
  options: { env: NodeJS.ProcessEnv; args?: string[] },
): Promise<Server> {
  const child = fork(file, options.args ?? [], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, ...options.env },
  })
  const died = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the server ended with ${signal ?? `code ${code}`} before it served`)
  })
  const [{ ports }] = await Promise.race([once(child, 'message'), died])
  died.catch(() => undefined)
  return { ports, child }
}

/** Keeps a process on one core, so that load and server do not push each other about. Linux only. */
export function pin(pid: number | undefined, core: number): void {
  spawnSync('taskset', ['--all-tasks', '--pid', '--cpu-list', String(core), String(pid)], { stdio: 'ignore' })
}

async function report({ child }: Server): Promise<Report> {
  child.send('report')
  const [message] = await once(child, 'message')
  return message
}

/** One connection that asks again as soon as it has the whole answer, for as long as there is something to ask. */
export function ask(port: number, next: () => string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let wanted = 0
    let got = 0
    const send = () => {
      const head = next()
      if (head === undefined) return void socket.end(resolve)
      wanted = 0
      got = 0
      socket.write(head)
    }
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the server closed a connection')))
    socket.on('data', (chunk) => {
      got += chunk.length
      if (wanted === 0) {
        const text = chunk.toString('latin1')
        if (!/^HTTP\/1.1 (200|304)/.test(text)) return reject(new Error(text.slice(0, 300)))
        const length = /content-length: (\d+)/i.exec(text)?.[1] ?? '0'
        wanted = text.indexOf('\r\n\r\n') + 4 + Number(length)
      }
      if (got >= wanted) send()
    })
    socket.once('connect', send)
  })
}

/** One round of requests for a path, from 50 connections. */
export async function measure(
  server: Server,
  what: { port: number; path: string; headers?: Record<string, string>; requests: number },
): Promise<Measured> {
  const lines = Object.entries({ Host: 'bench', ...what.headers }).map(([name, value]) => `${name}: ${value}`)
  const head = `GET ${what.path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
  let left = what.requests
  const before = await report(server)
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: connections }, () => ask(what.port, () => (left-- > 0 ? head : undefined))),
  )
  const seconds = (performance.now() - startedAt) / 1000
  const after = await report(server)
  const spent = (each: Report) => each.cpu.user + each.cpu.system
  return {
    perSecond: what.requests / seconds,
    cpuMicros: (spent(after) - spent(before)) / what.requests,
    queries: after.queries - before.queries,
  }
}

/**
 * Requests that come at a steady rate, whether or not the ones before are answered. Counted from when one was due: what
 * waits for its turn is late, too. @returns milliseconds
 */
export async function arrive(
  port: number,
  { perSecond, seconds, head }: { perSecond: number; seconds: number; head: () => string },
): Promise<number[]> {
  const times: number[] = []
  const free: Socket[] = []
  const due: number[] = []
  const all = await Promise.all(Array.from({ length: connections }, () => opened(port)))
  const startedAt = performance.now()
  let sent = 0
  const pump = () => {
    while (due.length > 0 && free.length > 0) {
      const [at = 0, socket] = [due.shift(), free.pop()]
      socket?.once('data', () => {
        times.push(performance.now() - at)
        free.push(socket)
        pump()
      })
      socket?.write(head())
    }
  }
  free.push(...all)
  while (sent < perSecond * seconds) {
    for (; startedAt + (1000 * sent) / perSecond <= performance.now(); sent += 1)
      due.push(startedAt + (1000 * sent) / perSecond)
    pump()
    await delay(1)
  }
  while (times.length < sent) await delay(5)
  for (const socket of all) socket.destroy()
  return times
}

async function opened(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

export const connections = 50
