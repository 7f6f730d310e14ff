import { endProcess } from './process-end.ts'

// The messages between a process and its supervisor over IPC.

/** Sent by a child process once it is ready. */
export interface ReadyMessage {
  ready: true
  /** The port on which it actually listens. */
  port?: number
  /** Lines for the user, shown once all child processes are ready. */
  notice?: string
}

/** Exit code of a process whose configuration is faulty (EX_CONFIG): the supervisor does not restart it. */
export const configurationFault = 78

/** True if a Capstan supervisor has started this process. */
export const isSupervised = (): boolean => process.send !== undefined

/** Reports to the supervisor that this process is ready; has no effect without a supervisor. */
export function announceReady(message: Omit<ReadyMessage, 'ready'> = {}): void {
  send({ ready: true, ...message })
}

/** Reports to the supervisor that all services have stopped and only the process's exit remains. */
export function announceStopped(): void {
  send({ stopped: true })
}

/** Ignores a supervisor that has been killed, which `exitWhenOrphaned` handles. */
function send(message: object, then: () => void = () => undefined): void {
  if (process.send !== undefined && process.connected) process.send(message, then)
  else then()
}

/** Ends this process as misconfigured; the supervisor shows the message and aborts the start. */
export function exitMisconfigured(message: string): void {
  if (process.send === undefined) process.stderr.write(`${message}\n`)
  send({ fault: message }, () => endProcess(configurationFault))
}

/**
 * Calls back once when the supervisor has exited or been killed, immediately if that has already happened. Never calls
 * back without a supervisor (a process started by hand or by another process manager).
 */
export function exitWhenOrphaned(onOrphaned: () => void): void {
  if (process.send === undefined && process.connected === undefined) return
  if (!process.connected) onOrphaned()
  else process.once('disconnect', onOrphaned)
}
