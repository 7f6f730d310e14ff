import { withdrawHostnames } from '../../hostnames/index.ts'
import type { Compensation } from './context.ts'
import { undoWorkersDevAddress } from './workers-dev-address.ts'

/** Undoes step 7: removes the host names that this deployment attached, then restores the workers.dev address. */
export const undoConfigureDns: Compensation = {
  async undo(context) {
    const { deployment, plan, target, signal, log } = context
    const { script, hostnames = [] } = plan.config
    const before = deployment.snapshot?.hostnames ?? []
    const work = { zones: target.zones, signal, hostnames, script, marks: [deployment.id], log }
    const withdrawn = deployment.snapshot === null ? [] : await withdrawHostnames({ ...work, before })
    const { note, ...rest } = await undoWorkersDevAddress.undo(context)
    const notes = withdrawn.length === 0 ? note : `${withdrawn.join(', ')} taken back; ${note}`
    return { ...rest, note: notes }
  },
}
