import type { NewCommitStatus, RecordState } from './repository.ts'
import type { Reportable } from './store.ts'

export interface Report {
  state: RecordState
  /** Undefined if the status of the commit does not change. */
  commit: NewCommitStatus['state'] | undefined
  description: string
}

/** The present report of a deployment. All reports use it, so a late one cannot revert a newer one. */
export function reportOf(deployment: Reportable): Report {
  const where = `${deployment.app} in ${deployment.environment}`
  switch (deployment.status) {
    case 'initiated':
    case 'in_progress':
    case 'rolling_back':
      return { state: 'in_progress', commit: 'pending', description: `Deploying ${where}` }
    case 'completed':
      return deployment.superseded
        ? { state: 'inactive', commit: undefined, description: `Replaced in ${deployment.environment}` }
        : { state: 'success', commit: 'success', description: `Deployed ${where}` }
    case 'rolled_back':
      // A user rolled back a deployment that had succeeded: the commit has not failed.
      return deployment.succeeded
        ? { state: 'inactive', commit: undefined, description: `Rolled back ${where}` }
        : { state: 'failure', commit: 'failure', description: `Failed and rolled back: ${where}` }
    case 'failed':
    case 'rollback_failed':
      return { state: 'failure', commit: 'failure', description: `Failed: ${where}` }
    case 'cancelled':
      return { state: 'inactive', commit: 'error', description: `Cancelled: ${where}` }
  }
}

export const commitContext = ({ app, environment }: { app: string; environment: string }) =>
  `capstan/${environment}/${app}`
export const isCapstanContext = (context: string) => context.startsWith('capstan/')
