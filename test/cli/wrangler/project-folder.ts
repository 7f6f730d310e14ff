import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { readProjectFile } from '../../../src/deployments/commands/project/project-file.ts'
import { findWranglerProject } from '../../../src/deployments/commands/wrangler/reading/find-project.ts'
import { wranglerRequest } from '../../../src/deployments/commands/wrangler/request.ts'
import { prepareBody } from '../../../src/deployments/model/schema.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'capstan-project-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A copy of a project of test/projects, because wrangler writes into the folder. */
export function copyOf(project: string): string {
  const parent = newFolder()
  symlinkSync(join(root, 'node_modules'), join(parent, 'node_modules'))
  cpSync(join(root, 'test/projects', project), join(parent, 'project'), { recursive: true })
  return join(parent, 'project')
}

/** A folder with these files, by their path. */
export function projectWith(files: Record<string, string>): string {
  const folder = newFolder()
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

type Flags = Parameters<typeof wranglerRequest>[0]['flags']

/** The request of a project, checked by the schema of the API; with the notes, the blobs and the progress. */
export async function requestOf(
  path: string,
  flags: Omit<Partial<Flags>, 'plan'> = {},
  env: NodeJS.ProcessEnv = { PATH: process.env.PATH },
) {
  const project = await findWranglerProject(path)
  if (project === undefined) throw new Error(`${path} has no wrangler configuration`)
  const file = await readProjectFile(project.folder)
  const said: string[] = []
  const given = {
    project,
    flags: { rollback: true, ...flags },
    file,
    say: (line: string) => void said.push(line),
  }
  const prompt = { interactive: false, ask: async () => '', firstLine: async () => '' }
  const { request, blobs, notes } = await wranglerRequest(given, { shellEnv: env, prompt })
  prepareBody.parse(request)
  return { ...request, blobs, notes, said }
}

/** The text of a module of a request. */
export const textOf = (
  modules: { name: string; content?: string | undefined }[] | undefined,
  name: string,
): string => Buffer.from(modules?.find((each) => each.name === name)?.content ?? '', 'base64').toString()
