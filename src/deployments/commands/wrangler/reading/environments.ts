import { UsageFault } from '../../../../cli/index.ts'
import { propertiesOf } from '../../../../platform/thrown.ts'
import type { Environment } from '../../../config.ts'
import type { RawConfig } from './raw-config.ts'

/** The mapping of Capstan's environments to sections of the configuration, from options and capstan.json. */
export interface EnvironmentChoice {
  /** `--wrangler-env`: the section for this deployment. */
  section?: string | undefined
  /** By Capstan's environment; empty for the top level. */
  sections: Partial<Record<Environment, string>>
}

export interface ChosenSection {
  /** The section below `env`; empty for the top level. */
  section: string
  /** True if staging uses the section of production, and so must not use its resources. */
  borrowed: boolean
}

/** The names of the sections below `env`. A built configuration lists those of its source. */
export function sectionsOf({ value }: RawConfig): string[] {
  const listed = value.definedEnvironments
  if (Array.isArray(listed)) return listed.filter((name) => typeof name === 'string')
  return Object.keys(propertiesOf(value.env))
}

/** The section that production is deployed from; empty for the top level. */
export const productionSection = (raw: RawConfig, { sections }: EnvironmentChoice): string =>
  sections.production ?? (sectionsOf(raw).includes('production') ? 'production' : '')

/**
 * The section that an environment is deployed from: the chosen one, else the one of its name, else the top level.
 * @throws UsageFault if the chosen section does not exist
 */
export function chooseSection(
  raw: RawConfig,
  environment: Environment,
  choice: EnvironmentChoice,
): ChosenSection {
  const defined = sectionsOf(raw)
  const sectionFor = (each: Environment) => choice.sections[each] ?? (defined.includes(each) ? each : '')
  const section = choice.section ?? sectionFor(environment)
  if (section !== '' && !defined.includes(section)) {
    const others = defined.length === 0 ? 'none' : defined.join(', ')
    throw new UsageFault(`${raw.name} has no section env.${section}; it has: ${others}`)
  }
  const isStaging = environment === 'staging'
  const isUnmapped = choice.section === undefined && choice.sections.staging === undefined
  const borrowed = isStaging && (section === sectionFor('production') || (section === '' && isUnmapped))
  return { section, borrowed }
}

/**
 * Checks that a build was made for the section.
 * @throws UsageFault with the command that builds for it
 */
export function requireBuiltFor(raw: RawConfig, section: string): void {
  const { targetEnvironment } = raw.value
  const built = typeof targetEnvironment === 'string' ? targetEnvironment : ''
  if (built === section) return
  const name = (each: string) => (each === '' ? 'the top level' : `env.${each}`)
  throw new UsageFault(
    `The project was built for ${name(built)} of its configuration, but ${name(section)} is deployed: build it again with CLOUDFLARE_ENV=${section}`,
  )
}

/** The values of a section as written, without what it inherits. */
export const writtenSection = ({ value }: RawConfig, section: string): Record<string, unknown> =>
  section === '' ? value : propertiesOf(propertiesOf(value.env)[section])
