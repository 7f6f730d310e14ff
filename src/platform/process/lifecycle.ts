import type { Logger } from '../logging/logging.ts'
import { endProcess } from './process-end.ts'
import { announceStopped } from './supervised.ts'

/** A long-lived part of a process. Both calls are idempotent; stop may precede start; stop awaits the current work. */
export interface Service {
  name: string
  start(): Promise<void>
  stop(): Promise<void>
}

export interface Loop extends Service {
  /** Starts a run without waiting for the interval. A nudge during a run causes one more run after it. */
  nudge(): void
}

/**
 * A periodic loop. The interval starts at the end of a run, runs never overlap, and no timer is set after stop. A
 * failed run is logged and does not end the loop.
 */
export function createLoop(
  options: { name: string; intervalMs: number; log: Logger },
  run: (signal: AbortSignal) => Promise<void>,
): Loop {
  const ending = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let current: Promise<void> | undefined
  let again = false
  let started = false
  let failing = false

  async function turn(): Promise<void> {
    do {
      again = false
      try {
        await run(ending.signal)
        if (failing) options.log.info({ name: options.name }, 'the periodic run succeeds again')
        failing = false
      } catch (error) {
        // Logged once per outage: a database that is unreachable for a minute is one fault, not sixty.
        if (!failing && !ending.signal.aborted) {
          options.log.warn({ name: options.name, err: error }, 'a periodic run failed')
        }
        failing = true
      }
    } while (again && !ending.signal.aborted)
    current = undefined
    if (!ending.signal.aborted) timer = setTimeout(begin, options.intervalMs)
  }

  function begin(): void {
    clearTimeout(timer)
    current ??= turn()
  }

  return {
    name: options.name,
    async start() {
      if (started || ending.signal.aborted) return
      started = true
      begin()
    },
    async stop() {
      ending.abort()
      clearTimeout(timer)
      await current
    },
    nudge() {
      if (!started || ending.signal.aborted) return
      again = true
      begin()
    },
  }
}

/** Combines services into one that starts and stops them concurrently. */
export function concurrently(name: string, services: Service[]): Service {
  return {
    name,
    async start() {
      await Promise.all(services.map((service) => service.start()))
    },
    async stop() {
      await Promise.all(services.map((service) => service.stop()))
    },
  }
}

/**
 * Starts services in order and stops them in reverse order on SIGINT, SIGTERM, SIGHUP or the loss of the supervisor,
 * even during the start. A second signal or the deadline ends the process at once.
 * @returns once all services have started; never after a stop has begun, so that the caller does not announce a process
 * that is ending
 */
export async function runProcess(
  services: Service[],
  options: { log: Logger; deadlineMs?: number; onOrphaned?: (stop: () => void) => void },
): Promise<void> {
  const { log, deadlineMs = 30_000 } = options
  const started: Service[] = []
  let stopping = false

  async function stop(signal: string): Promise<void> {
    if (stopping) endProcess(1)
    stopping = true
    log.info({ signal }, 'stopping')
    setTimeout(() => {
      log.error({ signal }, 'the stop exceeded its deadline; ending the process')
      endProcess(1)
    }, deadlineMs).unref()
    for (const service of started.reverse()) {
      await service
        .stop()
        .catch((error: unknown) => log.error({ name: service.name, err: error }, 'stop failed'))
    }
    log.info({ signal }, 'stopped')
    announceStopped()
    endProcess(0)
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(signal))
  options.onOrphaned?.(() => void stop('orphaned'))
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'))
  for (const service of services) {
    if (stopping) return untilEnded
    started.push(service)
    try {
      await service.start()
    } catch (error) {
      // A start may fail because a stop has interrupted it.
      if (!stopping) throw error
    }
  }
  if (stopping) return untilEnded
}

/** Never settles: the stop in progress ends the process. */
const untilEnded = new Promise<never>(() => undefined)
