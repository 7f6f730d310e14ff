import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { UsageFault } from '../../../cli/index.ts'
import { errorCode } from '../../../platform/thrown.ts'
import { appName, environment, prepareBody } from '../../model/schema.ts'

export const projectFileName = 'capstan.json'

const { containerImage, durableObjects, environmentVars, healthCheck, migrations, workersDev, previewUrls } =
  prepareBody.shape.config.shape
const container = prepareBody.shape.config.shape.container.unwrap().omit({ pullSecret: true }).optional()

/** The settings for a project that wrangler bundles. */
const wrangler = z.strictObject({
  /** The section below `env` for each environment; empty for the top level. */
  staging: z.string().max(100).optional(),
  production: z.string().max(100).optional(),
  /** Bindings whose resources staging shares with production, if it has no section of its own; true for all. */
  shareResources: z.union([z.boolean(), z.array(z.string().min(1))]).optional(),
  /** Variables of the shell that the project's build may see. */
  buildVariables: z.array(z.string().min(1)).optional(),
  /** Time limit of the build. */
  buildSeconds: z.number().int().min(1).max(7200).optional(),
})

/** The content of capstan.json. It contains no values of secrets, because it is under version control. */
const projectFile = z.strictObject({
  app: appName.optional(),
  env: environment.optional(),
  main: z.string().min(1).optional(),
  containerImage,
  container,
  durableObjects,
  environmentVars,
  healthCheck: healthCheck.unwrap().optional(),
  secrets: z
    .array(
      z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of a secret; its value is never kept here'),
    )
    .default([]),
  migrations,
  workersDev,
  previewUrls,
  wrangler: wrangler.optional(),
})
export type ProjectFile = z.output<typeof projectFile>

/** Reads capstan.json of a folder; a missing file equals an empty one. @throws UsageFault with all faults */
export async function readProjectFile(folder: string | undefined): Promise<ProjectFile> {
  const text = folder === undefined ? undefined : await textOf(join(folder, projectFileName))
  const parsed = projectFile.safeParse(text === undefined ? {} : parseJson(text))
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => {
    const path = issue.path.join('.')
    return `  ${path === '' ? '' : `${path}: `}${issue.message}`
  })
  throw new UsageFault(`${projectFileName} is not usable:\n${faults.join('\n')}`)
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw new UsageFault(`${file} can't be read (${errorCode(error)})`)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageFault(`${projectFileName} is not JSON`)
  }
}
