import { createdResources } from '../kept-data.ts'
import type { Compensation } from './context.ts'

/** Undoes nothing: resources may hold data, and earlier versions may be bound to them. Says what stays. */
export const undoProvisionResources: Compensation = {
  async undo({ deployment, log }) {
    const created = createdResources(deployment)
    for (const label of created) log.info(`The ${label} was created by this deployment and stays`)
    return { note: created.length === 0 ? 'nothing to undo' : `stays: ${created.join(', ')}` }
  },
}
