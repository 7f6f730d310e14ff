import type { NewCommitStatus, RecordState } from './repository.ts'
import type { Reportable } from './store.ts'

export interface Report {
  state: RecordState
  /** Undefined where the commit keeps the status that it has. */
  commit: NewCommitStatus['state'] | undefined
  description: string
}

/** What GitHub should say about a deployment now; a late report can't undo a newer one, since both say this. */
export function reportOf(about: Reportable): Report {
  const where = `${about.app} in ${about.environment}`
  switch (about.status) {
    case 'initiated':
    case 'in_progress':
    case 'rolling_back':
      return { state: 'in_progress', commit: 'pending', description: `Deploying ${where}` }
    case 'completed':
      return about.superseded
        ? { state: 'inactive', commit: undefined, description: `Replaced in ${about.environment}` }
        : { state: 'success', commit: 'success', description: `Deployed ${where}` }
    case 'rolled_back':
      // A deployment that had worked was sent back by a person: its commit is not to blame.
      return about.succeeded
        ? { state: 'inactive', commit: undefined, description: `Rolled back ${where}` }
        : { state: 'failure', commit: 'failure', description: `Failed and rolled back: ${where}` }
    case 'failed':
    case 'rollback_failed':
      return { state: 'failure', commit: 'failure', description: `Failed: ${where}` }
    case 'cancelled':
      return { state: 'inactive', commit: 'error', description: `Cancelled: ${where}` }
  }
}

export const commitContext = (about: { app: string; environment: string }) =>
  `capstan/${about.environment}/${about.app}`
export const isOurs = (context: string) => context.startsWith('capstan/')
