import { instanceTypeNames } from '../../../model/instance-types.ts'
import type { WranglerConfig } from '../reading/config-schema.ts'
import { type ConfigFault, inSection } from '../reading/refusals.ts'

/** Names that wrangler still accepts for instance types. */
const renamed = new Map([
  ['dev', 'lite'],
  ['standard', 'standard-1'],
])

/** The container of the configuration, with the fields of capstan.json. */
export function translateContainers(config: WranglerConfig, section: string) {
  const [first] = config.containers
  if (first === undefined) return { container: undefined, faults: [] }
  const { class_name: className, image, instance_type: type, max_instances: maxInstances } = first
  const name = typeof type === 'string' ? (renamed.get(type) ?? type) : undefined
  const instanceType = instanceTypeNames.find((each) => each === name)
  const faults: ConfigFault[] =
    type === undefined || instanceType !== undefined
      ? []
      : [
          {
            path: inSection(section, 'containers', 0, 'instance_type'),
            problem: `Capstan deploys containers of these sizes: ${instanceTypeNames.join(', ')}`,
          },
        ]
  return {
    container: {
      image,
      class: className,
      ...(instanceType === undefined ? {} : { instanceType }),
      ...(maxInstances === undefined ? {} : { maxInstances }),
    },
    faults,
  }
}
