import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../platform/logging/logging.ts'
import { StartFault } from '../../platform/process/start-fault.ts'
import { configurationFault, type ReadyMessage } from '../../platform/process/supervised.ts'
import { killGroup } from './kill-group.ts'

export interface ChildSpec {
  name: string
  /** The program and its arguments. */
  command: string[]
  /** All environment variables of the child. Default: those of this process. */
  env?: NodeJS.ProcessEnv
}

export interface ChildExit {
  exitCode: number | null
  signal: NodeJS.Signals | null
  /** The reason that the child sent for not starting. */
  fault: string | undefined
}

export interface SupervisedChild {
  name: string
  /** Rejects with StartFault if the child is misconfigured, or has ended three times before it was ready. */
  ready: Promise<ReadyMessage>
  firstExit: Promise<ChildExit>
  /** Prevents further restarts. */
  endRestarts(): void
  /** Sends SIGTERM, and SIGKILL after `deadlineMs`. Resolves when the child has ended. */
  stop(deadlineMs: number): Promise<void>
}

interface ChildSettings {
  log: Pick<Logger, 'info' | 'warn' | 'error'>
  /** The pauses before restarts. The child runs only once if it is undefined. */
  restartDelay: { first: number; most: number; resetAfter: number } | undefined
}

const startAttempts = 3
/** The time in which a child must exit after it has reported the end of its work. */
const exitTimeoutMs = 1000

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
    let exitTimer: NodeJS.Timeout | undefined
    child.on('message', (message) => {
      if (isReady(message)) {
        wasReady = true
        ready.resolve(message)
        log.info({ child: spec.name }, 'child is ready')
      }
      if (hasFault(message)) fault = message.fault
      if (hasStopped(message)) exitTimer ??= setTimeout(killLingering, exitTimeoutMs, child)
    })
    const exit = await exitOf(child)
    clearTimeout(exitTimer)
    current = undefined
    // Processes that the child left in its group would keep ports and files in use that the next child needs.
    killGroup(child, 'SIGKILL')
    return { ...exit, fault: fault ?? exit.fault }
  }

  function killLingering(child: ChildProcess): void {
    log.error({ child: spec.name }, 'child has stopped its work but did not exit; killing it')
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
          new StartFault(exit.fault ?? `${spec.name} could not start: it exited with ${textOf(exit)}`),
        )
        return
      }
      if (Date.now() - startedAt >= restartDelay.resetAfter) delayMs = restartDelay.first
      const { exitCode, signal } = exit
      log.warn({ child: spec.name, exitCode, signal, delayMs }, 'child exited; restarting it')
      await delay(delayMs, undefined, { signal: ending.signal }).catch(() => undefined)
      if (ending.signal.aborted) break
      delayMs = Math.min(delayMs * 2, restartDelay.most)
    }
    ready.reject(new StartFault(`${spec.name} was stopped before it was ready`))
  }

  const ended = keepRunning()
  // Callers that only stop the child do not handle `ready`; this prevents an unhandled rejection.
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

/**
 * Spawns the child in its own session, so that Ctrl-C reaches only the supervisor. The IPC channel closes if the
 * supervisor ends.
 */
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
    // The event is 'close', not 'exit': the child's last messages, such as its fault, may arrive after 'exit'.
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
