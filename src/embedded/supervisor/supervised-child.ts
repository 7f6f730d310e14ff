import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../platform/logging/logging.ts'
import { StartFault } from '../../platform/process/start-fault.ts'
import { configurationFault, type ReadyMessage } from '../../platform/process/supervised.ts'
import { killGroup } from './kill-group.ts'

export interface ChildSpec {
  name: string
  /** Program and arguments. */
  command: string[]
  /** Its whole environment; default: ours. */
  env?: NodeJS.ProcessEnv
}

export interface ChildExit {
  exitCode: number | null
  signal: NodeJS.Signals | null
  /** The child's own words on why it can't start. */
  fault: string | undefined
}

export interface SupervisedChild {
  name: string
  /** Rejects with StartFault when the child never became ready: misconfigured, or dead three times before. */
  ready: Promise<ReadyMessage>
  firstExit: Promise<ChildExit>
  endRestarts(): void
  /** SIGTERM, and SIGKILL after `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>
}

interface ChildSettings {
  log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** Undefined: the child runs once. */
  restartDelay: { first: number; most: number; resetAfter: number } | undefined
}

const startAttempts = 3
/** How long a child whose work is over may take to be gone. */
const endsWithinMs = 1000

/** Starts a child process and keeps it running. */
export function superviseChild(spec: ChildSpec, settings: ChildSettings): SupervisedChild {
  const { log, restartDelay } = settings
  const ending = new AbortController()
  const ready = Promise.withResolvers<ReadyMessage>()
  const firstExit = Promise.withResolvers<ChildExit>()
  let wasReady = false
  let current: ChildProcess | undefined

  async function runOnce(): Promise<ChildExit> {
    const child = spawnChild(spec)
    current = child
    let fault: string | undefined
    let lastMoment: NodeJS.Timeout | undefined
    child.on('message', (message) => {
      if (isReady(message)) {
        wasReady = true
        ready.resolve(message)
        log.info({ child: spec.name }, 'child is ready')
      }
      if (hasFault(message)) fault = message.fault
      if (hasStopped(message)) lastMoment ??= setTimeout(killLate, endsWithinMs, child)
    })
    const exit = await exitOf(child)
    clearTimeout(lastMoment)
    current = undefined
    // What the child left running in its group would hold its ports and files against its successor.
    killGroup(child, 'SIGKILL')
    return { ...exit, fault: fault ?? exit.fault }
  }

  function killLate(child: ChildProcess): void {
    log.error({ child: spec.name }, 'child has stopped its work but does not end; killing it')
    killGroup(child, 'SIGKILL')
  }

  async function keepRunning(): Promise<void> {
    let delayMs = restartDelay?.first ?? 0
    for (let attempt = 1; ; attempt++) {
      const startedAt = Date.now()
      const exit = await runOnce()
      firstExit.resolve(exit)
      if (ending.signal.aborted || restartDelay === undefined) break
      if (!wasReady && (exit.exitCode === configurationFault || attempt >= startAttempts)) {
        ready.reject(
          new StartFault(exit.fault ?? `${spec.name} could not start: it ended with ${textOf(exit)}`),
        )
        return
      }
      if (Date.now() - startedAt >= restartDelay.resetAfter) delayMs = restartDelay.first
      const { exitCode, signal } = exit
      log.warn({ child: spec.name, exitCode, signal, delayMs }, 'child ended; starting it again')
      await delay(delayMs, undefined, { signal: ending.signal }).catch(() => undefined)
      if (ending.signal.aborted) break
      delayMs = Math.min(delayMs * 2, restartDelay.most)
    }
    ready.reject(new StartFault(`${spec.name} was stopped before it was ready`))
  }

  const ended = keepRunning()
  // Who only stops us need not have asked whether we became ready.
  ready.promise.catch(() => undefined)
  return {
    name: spec.name,
    ready: ready.promise,
    firstExit: firstExit.promise,
    endRestarts: () => ending.abort(),
    async stop(deadlineMs) {
      ending.abort()
      current?.kill('SIGTERM')
      const timer = setTimeout(() => {
        log.error({ child: spec.name }, 'child did not stop in time; killing it')
        if (current !== undefined) killGroup(current, 'SIGKILL')
      }, deadlineMs)
      await ended
      clearTimeout(timer)
    },
  }
}

/** In a session of its own, so that Ctrl-C in a terminal reaches the supervisor only; IPC ends with the supervisor. */
function spawnChild(spec: ChildSpec): ChildProcess {
  const [program = '', ...args] = spec.command
  return spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...(spec.env === undefined ? {} : { env: spec.env }),
  })
}

function exitOf(child: ChildProcess): Promise<ChildExit> {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      if (child.pid === undefined)
        resolve({ exitCode: configurationFault, signal: null, fault: error.message })
    })
    // Not 'exit': messages that the child sent last, its fault among them, may still be on their way then.
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal, fault: undefined }))
  })
}

const textOf = (exit: ChildExit) => exit.signal ?? `code ${exit.exitCode}`

function isReady(message: unknown): message is ReadyMessage {
  return typeof message === 'object' && message !== null && 'ready' in message && message.ready === true
}

function hasStopped(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'stopped' in message && message.stopped === true
}

function hasFault(message: unknown): message is { fault: string } {
  return (
    typeof message === 'object' && message !== null && 'fault' in message && typeof message.fault === 'string'
  )
}
