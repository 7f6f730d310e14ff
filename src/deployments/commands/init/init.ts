import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { type Output, plain, UsageFault } from '../../../cli/index.ts'
import { errorCode } from '../../../platform/thrown.ts'
import { appName } from '../../model/schema.ts'
import { projectFileName } from '../project/project-file.ts'
import { sectionsOf } from '../wrangler/reading/environments.ts'
import { findWranglerProject, type WranglerProject } from '../wrangler/reading/find-project.ts'
import { readRawConfig } from '../wrangler/reading/raw-config.ts'
import { newWorker } from './new-worker.ts'

/** What else a folder may have that is otherwise empty. */
const harmless = new Set(['.git', '.gitignore', '.DS_Store', '.idea', '.vscode', 'LICENSE', 'README.md'])

/**
 * `capstan init`: writes a small Worker into an empty folder, or a capstan.json into a wrangler project that needs one.
 * Existing files are never changed.
 * @throws UsageFault for a folder with other files, or a name that no app can have
 */
export async function initFolder(out: Output, path: string, flags: { app?: string }): Promise<void> {
  const folder = resolve(path)
  const names = await namesIn(folder)
  if (flags.app !== undefined) requireAppName(flags.app)
  const project = await findWranglerProject(folder)
  if (project !== undefined) return initProject(out, project, { names, flags })
  const others = names.filter((name) => !harmless.has(name))
  if (others.length > 0) {
    throw new UsageFault(
      `${plain(path)} has files, but no wrangler configuration: ${others.slice(0, 5).map(plain).join(', ')}. Use an empty folder, or write a wrangler.jsonc`,
    )
  }
  const app = flags.app ?? nameFrom(basename(folder))
  const files = newWorker(app)
  const written: string[] = []
  for (const [name, text] of Object.entries(files)) {
    if (await writeNew(join(folder, name), text)) written.push(name)
  }
  out.answer([`Wrote ${written.join(', ')}`, `To deploy ${app}: capstan deploy ${plain(path)}`], {
    app,
    written,
  })
}

/** @returns the entries of a folder; none if it does not exist */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw new UsageFault(`${plain(folder)} can't be read as a folder (${errorCode(error)})`)
  }
}

async function initProject(
  out: Output,
  project: WranglerProject,
  { names, flags }: { names: string[]; flags: { app?: string } },
): Promise<void> {
  const raw = await readRawConfig(project.userConfigFile ?? project.configFile)
  const sections = sectionsOf(raw)
  const name = typeof raw.value.name === 'string' ? raw.value.name : basename(project.folder)
  const wrangler = mappingOf(sections)
  const isName = appName.safeParse(name).success
  const settings = {
    ...(flags.app === undefined && isName ? {} : { app: flags.app ?? nameFrom(name) }),
    ...(Object.keys(wrangler).length === 0 ? {} : { wrangler }),
  }
  const found = [
    `Found ${relative(project.folder, project.userConfigFile ?? project.configFile)}: ${plain(name)}`,
    `  sections: ${sections.length === 0 ? 'none' : sections.map(plain).join(', ')}`,
    `  staging: ${placeOf(sections, 'staging', wrangler)}`,
    `  production: ${placeOf(sections, 'production', wrangler)}`,
  ]
  const app = settings.app ?? name
  const next = `To see the plan: capstan deploy ${plain(relative(process.cwd(), project.folder) || '.')} --plan`
  if (names.includes(projectFileName)) {
    return out.answer([...found, `${projectFileName} exists, and stays as it is`, next], {
      app,
      sections,
      written: [],
    })
  }
  if (Object.keys(settings).length === 0) {
    return out.answer([...found, 'Nothing to write: Capstan needs no other settings', next], {
      app,
      sections,
      written: [],
    })
  }
  const text = `${JSON.stringify(settings, null, 2)}\n`
  await writeNew(join(project.folder, projectFileName), text)
  out.answer(
    [
      ...found,
      `Wrote ${projectFileName}:`,
      ...text
        .trimEnd()
        .split('\n')
        .map((line) => `  ${line}`),
      next,
    ],
    {
      app,
      sections,
      written: [projectFileName],
      settings,
    },
  )
}

const otherNames = {
  staging: ['stage', 'stg', 'preview', 'test', 'dev', 'development'],
  production: ['prod', 'live', 'prd'],
}

/** The sections that stand for an environment under another name. */
function mappingOf(sections: string[]): { staging?: string; production?: string } {
  const other = (environment: 'staging' | 'production') =>
    sections.includes(environment)
      ? undefined
      : otherNames[environment].find((name) => sections.includes(name))
  const [staging, production] = [other('staging'), other('production')]
  return {
    ...(staging === undefined ? {} : { staging }),
    ...(production === undefined ? {} : { production }),
  }
}

function placeOf(
  sections: string[],
  environment: 'staging' | 'production',
  mapping: { staging?: string; production?: string },
): string {
  const section = mapping[environment] ?? (sections.includes(environment) ? environment : undefined)
  if (section !== undefined) return `env.${plain(section)}`
  return environment === 'staging'
    ? 'the top level, with resources of its own and without routes'
    : 'the top level'
}

/** The nearest name that an app can have. @throws UsageFault if there is none */
function nameFrom(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/-staging$/, '')
    .slice(0, 55)
    .replace(/^-+|-+$/g, '')
  if (appName.safeParse(name).success) return name
  throw new UsageFault(`"${plain(text)}" can't be an app's name; choose one with --app`)
}

function requireAppName(name: string): void {
  const { error } = appName.safeParse(name)
  if (error !== undefined)
    throw new UsageFault(`--app: "${plain(name)}" can't be an app's name: ${error.issues[0]?.message}`)
}

/** @returns false if the file exists */
async function writeNew(file: string, text: string): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true })
  try {
    await writeFile(file, text, { flag: 'wx' })
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw new UsageFault(`${plain(file)} can't be written (${errorCode(error)})`)
  }
}
