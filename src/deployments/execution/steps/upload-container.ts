import { CloudError } from '../../cloudflare/errors.ts'
import { managedLogin, type PullSecret, sourceLogin } from '../../images/images.ts'
import { parseReference, toImageError } from '../../images/registry/index.ts'
import { planUnusable } from '../../model/errors.ts'
import { pullSecretContext } from '../../model/plan.ts'
import type { PlannedContainer } from '../../model/planned-container.ts'
import type { StepContext, StepResult } from './context.ts'

/**
 * Step 4: copies the image into the account's own registry before the Worker changes, so that a failed push leaves the
 * old version serving. Blobs are found by digest, so that a run after a crash sends only the missing ones.
 */
export async function uploadContainer(context: StepContext): Promise<StepResult> {
  const { plan, log } = context
  const { container } = plan.config
  if (container === undefined) {
    log.info('Skipped: no container image')
    return { skipped: true }
  }
  const host = await findRegistry(context)
  if (host === undefined) {
    log.warn(
      'Skipped: the local cloud has no registry (LOCAL_CLOUD_REGISTRY); recorded the image in its source registry',
    )
    return { skipped: true, change: { image: byDigest(container) } }
  }
  const image = await copy(context, container, host)
  return { change: { image } }
}

async function copy(context: StepContext, container: PlannedContainer, host: string): Promise<string> {
  const { deployment, plan, target, images, signal, log } = context
  const reference = parseReference(container.image)
  if ('problem' in reference) throw planUnusable('The image reference of the plan is invalid')
  const repository = `${target.accountId}/${plan.config.script}`
  const login = sourceLogin({
    image: reference,
    secret: pullSecretOf(context),
    containers: target.containers,
  })
  log.info(
    `Copying ${container.image} (${container.digest.slice(0, 19)}, ${megabytes(container.bytes)}) to ${host}`,
  )
  const counts = { present: 0, mounted: 0, copied: 0 }
  const onBlob = ({ how, size }: { how: keyof typeof counts; size: number }) => {
    counts[how] += 1
    if (how === 'copied') log.info(`Copied ${megabytes(size)}`)
  }
  const tag = `dep-${deployment.id}`
  const destination = { host, repository, tag, login: managedLogin(target.containers) }
  const source = { image: container.image, digest: container.digest, login }
  try {
    const { copiedBytes } = await images.copy({ source, destination, onBlob }, signal)
    const present = counts.present + counts.mounted
    log.info(`Copied the image: ${megabytes(copiedBytes)} sent, ${present} part(s) already in the registry`)
  } catch (error) {
    throw toImageError(error)
  }
  return `${host}/${repository}@${container.digest}`
}

/** The host of the account's registry; undefined on a local cloud without one. */
async function findRegistry({ target, signal }: StepContext): Promise<string | undefined> {
  try {
    return (await target.containers.registryLogin(signal)).host
  } catch (error) {
    const isMissing = error instanceof CloudError && error.message.includes('IMAGE_REGISTRY_NOT_CONFIGURED')
    if (!isMissing || target.kind !== 'local') throw error
    return undefined
  }
}

function pullSecretOf({ plan, secrets }: StepContext): PullSecret | undefined {
  if (plan.pullSecret === null) return undefined
  return JSON.parse(secrets.open(plan.pullSecret, pullSecretContext(plan.id)))
}

const byDigest = ({ image, digest }: PlannedContainer) => `${image.replace(/[:@][^/]*$/, '')}@${digest}`

const megabytes = (bytes: number) => `${(bytes / 1_000_000).toFixed(1)} MB`
