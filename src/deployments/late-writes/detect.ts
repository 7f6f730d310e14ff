import type { WorkerDeployment, WorkerVersion } from '../cloudflare/workers-api.ts'
import type { Deployment } from '../store/index.ts'

/** A version of Capstan's that serves although it should not, found by its marks. */
export interface LateArrival {
  versionId: string
  deploymentId: string
}

/**
 * Finds a version that serves because a timed-out call arrived late. Uploads of a whole script and traffic changes take
 * effect at once, and both carry marks: the message of a traffic change names the deployment that sent it, the tag of a
 * version the deployment that uploaded it. Changes without a mark were made outside Capstan and are left alone.
 * @param input.wanted the version that should serve
 * @param input.recordOf finds the record of a deployment to the same target
 */
export async function findLateArrival(input: {
  serving: WorkerDeployment | undefined
  versions: WorkerVersion[]
  wanted: string | undefined
  recordOf: (deploymentId: string) => Promise<Deployment | undefined>
}): Promise<LateArrival | undefined> {
  const { serving, versions, wanted, recordOf } = input
  const [first, second] = serving?.versions ?? []
  if (serving === undefined || first === undefined) return undefined
  if (first.versionId === wanted && second === undefined) return undefined
  // A late change of a gradual deployment shares the traffic again.
  const { versionId } = serving.versions.find((share) => share.versionId !== wanted) ?? first
  const sender = senderOf(serving.message)
  if (sender !== undefined && (await recordOf(sender)) !== undefined)
    return { versionId, deploymentId: sender }
  if (second !== undefined) return undefined
  const tag = versions.find((version) => version.id === versionId)?.tag
  if (tag === undefined || !isId(tag)) return undefined
  const uploader = await recordOf(tag)
  // A person may have chosen the deployment's recorded version, but never a duplicate with the same mark.
  if (uploader === undefined || uploader.versionId === versionId) return undefined
  return { versionId, deploymentId: tag }
}

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const message = new RegExp(`^(?:rollback of |again after |)(${uuid})$`)

const isId = (text: string) => new RegExp(`^${uuid}$`).test(text)

/** The id of the deployment that the message of a traffic change names. */
function senderOf(text: string | undefined): string | undefined {
  return text?.match(message)?.[1]
}

/** The message of the traffic change that reverts a late arrival of a deployment. */
export const repairMessage = (deploymentId: string) => `again after ${deploymentId}`
