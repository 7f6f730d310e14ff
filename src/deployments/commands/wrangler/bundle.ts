import { basename } from 'node:path'
import { UsageFault } from '../../../cli/index.ts'
import { propertiesOf } from '../../../platform/thrown.ts'
import type { Environment } from '../../config.ts'
import { scriptName } from '../../model/plan.ts'
import { appName } from '../../model/schema.ts'
import { type ChosenWrangler, chooseWrangler } from './reading/choose-wrangler.ts'
import { type WranglerConfig, wranglerConfig } from './reading/config-schema.ts'
import {
  type ChosenSection,
  chooseSection,
  type EnvironmentChoice,
  productionSection,
  requireBuiltFor,
} from './reading/environments.ts'
import type { WranglerProject } from './reading/find-project.ts'
import { readForm, type UploadForm } from './reading/form.ts'
import { type RawConfig, readRawConfig } from './reading/raw-config.ts'
import { faultsOf, refuse } from './reading/refusals.ts'
import { runWrangler } from './reading/run-wrangler.ts'

/** How a project is bundled. */
export interface BundleOptions {
  environment: Environment
  choice: EnvironmentChoice
  /** The app's name from an option or capstan.json. */
  app: string | undefined
  /** True if an option names the image of the container, so that the configuration may name a Dockerfile. */
  image: boolean
  env: NodeJS.ProcessEnv
  passVariables: readonly string[]
  timeoutSeconds: number
  say(line: string): void
}

/** A project as wrangler read and bundled it. */
export interface Bundle {
  project: WranglerProject
  wrangler: ChosenWrangler
  raw: RawConfig
  /** The configuration that people edit: a built one has only one section. */
  written: RawConfig
  chosen: ChosenSection
  /** The section that production is deployed from. */
  production: string
  config: WranglerConfig
  form: UploadForm
  app: string
  /** The name of the Worker that Capstan deploys. */
  script: string
  /** wrangler's warnings. */
  warnings: string[]
}

/**
 * Reads and bundles a wrangler project.
 * @throws UsageFault for a project that cannot be deployed, with keys and lines, or with wrangler's own message
 */
export async function bundleProject(project: WranglerProject, options: BundleOptions): Promise<Bundle> {
  const { environment, choice } = options
  const raw = await readRawConfig(project.configFile)
  const chosen = chooseSection(raw, environment, choice)
  if (project.redirected) requireBuiltFor(raw, chosen.section)
  refuse(raw, faultsOf(raw, chosen.section, options))
  const written =
    project.redirected && project.userConfigFile !== undefined
      ? await readRawConfig(project.userConfigFile)
      : raw
  const production = productionSection(written, choice)
  const app = options.app ?? appOf({ built: raw, written, production }, project.folder)
  requireAppName(app, raw, options.app)
  const wrangler = chooseWrangler(project.folder, { containers: 'containers' in raw.value })
  const whose = wrangler.whose === 'project' ? "the project's" : "Capstan's"
  options.say(`Bundling ${raw.name} with ${whose} wrangler ${wrangler.version}`)
  const { config, form, warnings } = await runWrangler({
    project,
    wrangler,
    environment: chosen.section,
    ...(raw.value.name === undefined ? { name: app } : {}),
    env: options.env,
    passVariables: options.passVariables,
    timeoutSeconds: options.timeoutSeconds,
  })
  const upload = await readForm(form)
  if (upload.metadata.body_part !== undefined) refuse(raw, [serviceWorkerFault])
  return {
    project,
    wrangler,
    raw,
    written,
    chosen,
    production,
    config: wranglerConfig.parse(config),
    form: upload,
    app,
    script: scriptName(app, environment),
    warnings,
  }
}

const serviceWorkerFault = {
  path: ['main'],
  problem:
    'the code is in the service worker format. Export a default object with a fetch handler in place of addEventListener',
}

/** The name of the Worker in production: staging's name is derived from it, as wrangler derives it. */
function appOf(
  { built, written, production }: { built: RawConfig; written: RawConfig; production: string },
  folder: string,
): string {
  const own = production === '' ? undefined : propertiesOf(propertiesOf(written.value.env)[production]).name
  const names = [own, built.value.topLevelName, written.value.name]
  return names.find((name) => typeof name === 'string') ?? basename(folder)
}

function requireAppName(app: string, raw: RawConfig, given: string | undefined): void {
  const { error } = appName.safeParse(app)
  if (error === undefined) return
  const where = given === undefined ? `${raw.name}, line ${raw.lineOf(['name'])}: ` : ''
  const advice = given === undefined ? '; choose another with --app' : ''
  throw new UsageFault(`${where}"${app}" can't be an app's name: ${error.issues[0]?.message}${advice}`)
}
