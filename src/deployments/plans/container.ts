import { type FieldFault, invalidBody } from '../../platform/errors.ts'
import { formatReference, type ImageReference, parseReference } from '../images/registry/index.ts'
import type { PlannedContainer } from '../model/planned-container.ts'
import type { PrepareConfig } from '../model/schema.ts'
import type { WorkerModule } from '../model/worker-module.ts'
import { frontModules } from './container-front.ts'
import { plannedClasses } from './parts/class-migrations.ts'

/** The container of a configuration, before its image is resolved. */
export interface WantedContainer extends Omit<PlannedContainer, 'image' | 'digest' | 'bytes'> {
  reference: ImageReference
  port: number
  /** True if the app has no code; the Worker in front of the container is then generated. */
  isContainerOnly: boolean
}

/** The class of a container without code, if the configuration names none. */
const defaultClass = 'AppContainer'

/** The container of a configuration, if it has one. @throws REQ_002 for contradictory settings */
export function wantedContainer(config: PrepareConfig): WantedContainer | undefined {
  const { containerImage, container } = config
  if (containerImage === undefined) {
    if (container === undefined) return undefined
    throw invalidBody([{ path: 'config.container', problem: 'is only allowed together with containerImage' }])
  }
  const reference = parseReference(containerImage)
  if ('problem' in reference)
    throw invalidBody([{ path: 'config.containerImage', problem: reference.problem }])
  const isContainerOnly = config.script === undefined && config.modules === undefined
  const classes = classesOf(config)
  const [only, ...others] = classes
  const className =
    container?.class ??
    (others.length === 0 ? (only ?? (isContainerOnly ? defaultClass : undefined)) : undefined)
  const fault = classFault({ className, classes, isContainerOnly, isProject: isProject(config) })
  if (fault !== undefined || className === undefined) throw invalidBody([fault ?? unnamed])
  const { port = 8080, instanceType = 'lite', maxInstances = 1 } = container ?? {}
  return { reference, className, port, instanceType, maxInstances, isContainerOnly }
}

/** True if the app describes its classes with its bindings and their history, not as a list of names. */
export const isProject = ({ bindings, classMigrations, exports }: PrepareConfig): boolean =>
  bindings !== undefined || classMigrations !== undefined || exports !== undefined

const classesOf = (config: PrepareConfig): string[] => [
  ...new Set([...plannedClasses({ ...config, script: '' }), ...Object.keys(config.exports ?? {})]),
]

const unnamed: FieldFault = {
  path: 'config.container.class',
  problem: 'name the class of durableObjects that the container belongs to',
}

function classFault(input: {
  className: string | undefined
  classes: string[]
  isContainerOnly: boolean
  isProject: boolean
}): FieldFault | undefined {
  const { className, classes, isContainerOnly } = input
  if (className === undefined) return unnamed
  if (isContainerOnly && classes.some((name) => name !== className)) {
    const problem = 'an app without code can only have the class of its container'
    return { path: 'config.durableObjects', problem }
  }
  if (!isContainerOnly && !classes.includes(className)) {
    return input.isProject
      ? { path: 'config.container.class', problem: `neither bindings nor classMigrations have ${className}` }
      : { path: 'config.durableObjects', problem: `the container's class ${className} is missing` }
  }
  return undefined
}

/** The modules of the Worker in front of a container without code. */
export const frontOf = ({ className, port, maxInstances }: WantedContainer): Promise<WorkerModule[]> =>
  frontModules({ className, port, instances: maxInstances })

export const plannedContainer = (
  wanted: WantedContainer,
  image: { digest: string; bytes: number },
): PlannedContainer => ({
  image: formatReference(wanted.reference),
  digest: image.digest,
  bytes: image.bytes,
  className: wanted.className,
  instanceType: wanted.instanceType,
  maxInstances: wanted.maxInstances,
})
