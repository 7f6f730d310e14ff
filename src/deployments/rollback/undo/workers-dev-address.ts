import { isDeepStrictEqual } from 'node:util'
import type { Publication } from '../../model/plan.ts'
import type { Compensation } from './context.ts'

/** Undoes the rest of step 7: restores the snapshot's settings of the public addresses that the plan changed. */
export const undoWorkersDevAddress: Compensation = {
  async undo({ deployment, plan, target, signal, log }) {
    const { snapshot } = deployment
    // A script that did not exist before is deleted with its address.
    if (snapshot === null || !snapshot.scriptExists) return { note: 'nothing to undo' }
    // Older versions of Capstan enabled the address each time.
    const { workersDev, previewUrls }: Publication = plan.preview.publication ?? { workersDev: true }
    if (workersDev === undefined && previewUrls === undefined)
      return { note: 'the addresses were not changed' }
    const { cloud } = target
    const { script } = plan.config
    if (!(await cloud.scripts(signal)).some((each) => each.id === script)) return { note: 'no script' }
    const present = await cloud.scriptSubdomain(script, signal)
    const { subdomainEnabled, previewsEnabled = present.previewsEnabled } = snapshot
    const wanted = {
      enabled: workersDev === undefined ? present.enabled : subdomainEnabled,
      previewsEnabled: previewUrls === undefined ? present.previewsEnabled : previewsEnabled,
    }
    if (isDeepStrictEqual(present, wanted)) return { note: 'the workers.dev address has not changed' }
    await cloud.setScriptSubdomain(script, wanted, signal)
    log.info('The workers.dev address is as it was')
    return { note: 'the workers.dev address is as it was' }
  },
}
