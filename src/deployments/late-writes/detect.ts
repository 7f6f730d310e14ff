import type { WorkerDeployment, WorkerVersion } from '../cloudflare/workers-api.ts'
import type { Deployment } from '../store/index.ts'

/** What of ours serves though it should not, by its marks. */
export interface LateArrival {
  versionId: string
  deploymentId: string
}

/**
 * A call that was given up may arrive late: an upload of a whole script serves at once, a change of traffic too. Both
 * carry our marks: the message of the traffic's change names the deployment that sent it, the tag of a version the one
 * that uploaded it. What carries no mark of ours was done by others, who are left alone.
 * @param wanted the version that is to serve.
 * @param recordOf answers our record of a deployment to the same target.
 */
export async function findLateArrival(about: {
  serving: WorkerDeployment | undefined
  versions: WorkerVersion[]
  wanted: string | undefined
  recordOf: (deploymentId: string) => Promise<Deployment | undefined>
}): Promise<LateArrival | undefined> {
  const { serving, versions, wanted, recordOf } = about
  const [only] = serving?.versions ?? []
  if (serving === undefined || only === undefined || only.versionId === wanted) return undefined
  const { versionId } = only
  const sender = senderOf(serving.message)
  if (sender !== undefined && (await recordOf(sender)) !== undefined)
    return { versionId, deploymentId: sender }
  const tag = versions.find((version) => version.id === versionId)?.tag
  if (tag === undefined || !isId(tag)) return undefined
  const uploader = await recordOf(tag)
  // Its proper version may have been chosen by a person; a second one with the same mark is nobody's choice.
  if (uploader === undefined || uploader.versionId === versionId) return undefined
  return { versionId, deploymentId: tag }
}

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const message = new RegExp(`^(?:rollback of |again after |)(${uuid})$`)

const isId = (text: string) => new RegExp(`^${uuid}$`).test(text)

/** The deployment that a change of traffic names. */
function senderOf(text: string | undefined): string | undefined {
  return text?.match(message)?.[1]
}

/** The message of putting right what a late arrival of a deployment has changed. */
export const puttingRight = (deploymentId: string) => `again after ${deploymentId}`
