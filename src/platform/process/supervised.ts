import { endProcess } from './process-end.ts'

// What a process and the supervisor that started it say to each other over IPC.

/** Sent by a child once it serves. */
export interface ReadyMessage {
  ready: true
  /** The port it really listens on. */
  port?: number
  /** Lines for the person who started us, shown once all children are ready. */
  notice?: string
}

/** Exit code of a process whose configuration is faulty (EX_CONFIG): the supervisor does not restart it. */
export const configurationFault = 78

/** True when a Capstan supervisor has started this process. */
export const isSupervised = (): boolean => process.send !== undefined

/** Tells the supervisor that this process serves; does nothing without one. */
export function announceReady(message: Omit<ReadyMessage, 'ready'> = {}): void {
  send({ ready: true, ...message })
}

/** Tells the supervisor that the work is over and only the process's exit is left. */
export function announceStopped(): void {
  send({ stopped: true })
}

/** Ignores a supervisor that has been killed meanwhile: `exitWhenOrphaned` handles that. */
function send(message: object, then: () => void = () => undefined): void {
  if (process.send !== undefined && process.connected) process.send(message, then)
  else then()
}

/** Ends this process as misconfigured; the supervisor shows the message and gives up the start. */
export function exitMisconfigured(message: string): void {
  if (process.send === undefined) process.stderr.write(`${message}\n`)
  send({ fault: message }, () => endProcess(configurationFault))
}

/**
 * Calls back once when the supervisor has exited or been killed, at once if that has happened already.
 * Never calls back without a supervisor (started by hand, or by another process manager).
 */
export function exitWhenOrphaned(onOrphaned: () => void): void {
  if (process.send === undefined && process.connected === undefined) return
  if (!process.connected) onOrphaned()
  else process.once('disconnect', onOrphaned)
}
