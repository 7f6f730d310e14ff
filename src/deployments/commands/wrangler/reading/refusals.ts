import { plain, UsageFault } from '../../../../cli/index.ts'
import { writtenSection } from './environments.ts'
import type { ConfigPath, RawConfig } from './raw-config.ts'

/** A key that keeps a project from being deployed, with the reason and what to do. */
export interface ConfigFault {
  path: ConfigPath
  problem: string
}

/** @throws UsageFault that lists all faults with their lines; returns if there are none */
export function refuse(raw: RawConfig, faults: ConfigFault[]): void {
  if (faults.length === 0) return
  const lines = faults.map(({ path, problem }) => {
    return `  ${raw.name}, line ${raw.lineOf(path)}: ${plain(keyOf(path))}: ${plain(problem)}`
  })
  throw new UsageFault(`This project can't be deployed:\n${lines.join('\n')}`)
}

const keyOf = (path: ConfigPath) =>
  path.reduce<string>((key, part) => {
    if (typeof part === 'number') return `${key}[${part}]`
    return key === '' ? part : `${key}.${part}`
  }, '')

/** The path of a key of a section. */
export const inSection = (section: string, ...path: ConfigPath): ConfigPath =>
  section === '' ? path : ['env', section, ...path]

/** Kinds of projects that `wrangler deploy` does not deploy, or that Capstan cannot; found before wrangler runs. */
export function faultsOf(raw: RawConfig, section: string, { image }: { image: boolean }): ConfigFault[] {
  const { value } = raw
  const faults: ConfigFault[] = []
  if (value.pages_build_output_dir !== undefined) {
    faults.push({
      path: ['pages_build_output_dir'],
      problem:
        'this is a Pages project. Make it a Worker: put the folder into assets.directory, and remove this key',
    })
  }
  if (value.site !== undefined || writtenSection(raw, section).site !== undefined) {
    faults.push({
      path: inSection(value.site === undefined ? section : '', 'site'),
      problem:
        'Workers Sites is deprecated. Put the folder (bucket) into assets.directory, and remove this key',
    })
  }
  const isOld = typeof value.type === 'string' && ['webpack', 'javascript', 'rust'].includes(value.type)
  if (isOld && value.main === undefined && value.assets === undefined) {
    faults.push({
      path: ['type'],
      problem:
        'this is a configuration of wrangler 1. Name the entry file in main, and remove type, zone_id and webpack_config',
    })
  }
  return [...faults, ...(image ? [] : containerFaults(raw, section))]
}

function containerFaults(raw: RawConfig, section: string): ConfigFault[] {
  const own = writtenSection(raw, section).containers
  const path = inSection(own === undefined ? '' : section, 'containers')
  const containers = own ?? raw.value.containers
  if (!Array.isArray(containers)) return []
  if (containers.length > 1) {
    return [{ path: [...path, 1], problem: 'Capstan deploys one container per app' }]
  }
  return containers.flatMap((each: { image?: unknown }, index) => {
    if (isImageReference(each?.image)) return []
    return {
      path: [...path, index, 'image'],
      problem:
        'Capstan builds no images. Build and push it, and write its reference here (registry.example.com/app:1.0), or name it with --image',
    }
  })
}

/** A Dockerfile or a folder begins with a dot or a slash, or has no tag. */
const isImageReference = (image: unknown): image is string =>
  typeof image === 'string' && !/^[./]/.test(image) && /[:@][^/]+$/.test(image)
