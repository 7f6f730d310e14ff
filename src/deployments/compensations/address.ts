import type { Compensation } from './context.ts'

/** Undoes step 7: the workers.dev address is open or closed as the snapshot says. */
export const addressBack: Compensation = {
  async undo({ deployment, plan, target, signal, log }) {
    const { snapshot } = deployment
    // The address of a script that was not there before goes with it.
    if (snapshot === null || !snapshot.scriptExists) return { note: 'nothing to undo' }
    const { cloud } = target
    const { script } = plan.config
    if (!(await cloud.scripts(signal)).some((each) => each.id === script)) return { note: 'no script' }
    const { enabled } = await cloud.scriptSubdomain(script, signal)
    if (enabled === snapshot.subdomainEnabled) return { note: 'the workers.dev address has not changed' }
    await cloud.setScriptSubdomain(script, snapshot.subdomainEnabled, signal)
    log.info('The workers.dev address is as it was')
    return { note: 'the workers.dev address is as it was' }
  },
}
