import { CodedError, conflict, dependencyFailed, quotaExceeded, timedOut } from '../../platform/errors.ts'
import type { ContainerApi, ContainerApplication } from '../cloudflare/containers-api.ts'
import { toCodedError } from '../cloudflare/errors.ts'
import { excess, instanceTypes, type Size } from '../model/instance-types.ts'
import type { PlannedContainer } from '../model/planned-container.ts'
import { type Images, type PullSecret, sourceLogin } from './images.ts'
import { type ImageReference, toImageError } from './registry/index.ts'

const inspectTimeoutMs = 15_000

/** Resolves an image reference to its digest and size. @throws STATE_003 (424) if the image is not usable */
export async function inspectImage(
  images: Images,
  input: { image: ImageReference; secret: PullSecret | undefined; containers: ContainerApi },
): Promise<{ digest: string; bytes: number }> {
  const signal = AbortSignal.timeout(inspectTimeoutMs)
  try {
    return await images.inspect(input.image, sourceLogin(input), signal)
  } catch (error) {
    const late = timedOut('the registry did not answer in time')
    const cause = signal.aborted ? late : toCodedError(toImageError(error))
    if (!(cause instanceof CodedError)) throw error
    const { suggestedAction } = cause.options
    throw dependencyFailed(`The container image is not usable: ${cause.message}`, {
      details: { checks: { resources: 'pass', quotas: 'pass', dependencies: 'fail' } },
      retryable: cause.retryable,
      cause: error,
      ...(suggestedAction === undefined ? {} : { suggestedAction }),
    })
  }
}

/**
 * Checks that the account has room for a container, and that its name is free.
 * @returns the present application of the script's class
 * @throws STATE_004 (402), STATE_001 (409)
 */
export async function checkContainer(
  containers: ContainerApi,
  query: { script: string; container: PlannedContainer; namespaceId: string | undefined },
  signal: AbortSignal,
): Promise<ContainerApplication | undefined> {
  const { script, container, namespaceId } = query
  const [limits, applications] = await Promise.all([
    containers.limits(signal),
    containers.applications(signal),
  ])
  const present = applicationOf(applications, { script, namespaceId })
  const problem = sizeProblem(container, { ...limits, present })
  if (problem === undefined) return present
  throw quotaExceeded(problem, {
    details: { checks: { resources: 'pass', quotas: 'fail', dependencies: 'pass' } },
  })
}

/** The application of a script's class, found by its class, because its name may differ from the script's. */
export function applicationOf(
  applications: ContainerApplication[],
  { script, namespaceId }: { script: string; namespaceId: string | undefined },
): ContainerApplication | undefined {
  const own = applications.find((each) => namespaceId !== undefined && each.namespaceId === namespaceId)
  if (own !== undefined) return own
  if (applications.some(({ name }) => name === script)) {
    throw conflict(
      `The account has a container application ${script} that belongs to another Durable Object`,
      {
        checks: { resources: 'fail', quotas: 'pass', dependencies: 'pass' },
      },
    )
  }
  return undefined
}

function sizeProblem(
  { instanceType, maxInstances, bytes }: PlannedContainer,
  account: { each: Size; total: Size; used: Size; present: ContainerApplication | undefined },
): string | undefined {
  const { each, total, used, present } = account
  const size: Size = instanceTypes[instanceType]
  const over = excess(size, each)
  if (over !== undefined) return `A container of the type ${instanceType} has ${over} per container`
  // This is the compressed size. The unpacked size, which is larger, is unknown before the image is pulled.
  const megabytes = Math.ceil(bytes / 1_000_000)
  if (megabytes > size.diskMb) {
    return `The image has ${megabytes} MB, a container of the type ${instanceType} has ${size.diskMb} MB of disk`
  }
  const freed = present === undefined ? { vcpu: 0, memoryMib: 0, diskMb: 0 } : sizeOf(present)
  const sum = (part: keyof Size) => Math.max(0, used[part] - freed[part]) + size[part] * maxInstances
  const all = { vcpu: sum('vcpu'), memoryMib: sum('memoryMib'), diskMb: sum('diskMb') }
  const tooMuch = excess(all, total)
  return tooMuch === undefined ? undefined : `All containers of the account together would need ${tooMuch}`
}

/** The maximum size of an application; zero for an unknown instance type. */
function sizeOf({ instanceType, maxInstances }: ContainerApplication): Size {
  const type = instanceType as keyof typeof instanceTypes
  const { vcpu, memoryMib, diskMb } = instanceTypes[type] ?? { vcpu: 0, memoryMib: 0, diskMb: 0 }
  return { vcpu: vcpu * maxInstances, memoryMib: memoryMib * maxInstances, diskMb: diskMb * maxInstances }
}
