import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { basename, relative } from 'node:path'
import { promisify } from 'node:util'
import { plain } from '../../../../cli/index.ts'
import type { ChosenWrangler } from '../reading/choose-wrangler.ts'
import type { WranglerProject } from '../reading/find-project.ts'

const gitMs = 2000

/** Where the request comes from, for the plan and the deployment. */
export async function sourceOf(
  project: WranglerProject,
  { version, whose }: ChosenWrangler,
  section: string,
) {
  const gitCommit = await commitOf(project.folder)
  return {
    tool: 'wrangler' as const,
    version,
    whose,
    configPath: relative(project.folder, project.configFile),
    environment: section === '' ? null : section,
    redirected: project.redirected,
    ...(gitCommit === undefined ? {} : { gitCommit }),
  }
}

/** The commit of the folder; undefined without git, or outside of a repository. */
async function commitOf(folder: string): Promise<string | undefined> {
  try {
    const run = promisify(execFile)
    const { stdout } = await run('git', ['rev-parse', 'HEAD'], { cwd: folder, timeout: gitMs })
    return /^[0-9a-f]{40,64}$/.test(stdout.trim()) ? stdout.trim() : undefined
  } catch {
    return undefined
  }
}

/** The notes about a built configuration: which one is deployed and its age, and that it is older than its source. */
export async function buildNotes(project: WranglerProject): Promise<string[]> {
  if (!project.redirected) return []
  const [built, written] = await Promise.all([
    modifiedAt(project.configFile),
    modifiedAt(project.userConfigFile),
  ])
  const path = plain(relative(project.folder, project.configFile))
  const notes = [`deploys ${path}, which the project's build wrote ${agoOf(Date.now() - (built ?? 0))}`]
  if (
    built !== undefined &&
    written !== undefined &&
    written > built &&
    project.userConfigFile !== undefined
  ) {
    notes.push(
      `${path} is older than ${basename(project.userConfigFile)}: build the project again to deploy its changes`,
    )
  }
  return notes
}

const modifiedAt = async (file: string | undefined) =>
  file === undefined ? undefined : (await stat(file).catch(() => undefined))?.mtimeMs

function agoOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return 'less than a minute ago'
  if (minutes < 120) return `${minutes} minutes ago`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} hours ago` : `${Math.floor(hours / 24)} days ago`
}
