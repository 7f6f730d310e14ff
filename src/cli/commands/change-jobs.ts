import { ApiError } from '../../../client/src/errors.ts'
import type { CapstanClient, InputOf } from '../../../client/src/index.ts'
import { confirm, requireTerminal } from '../confirm.ts'
import type { CommandDeps } from '../deps.ts'
import { type ExitCode, exitCodes, UsageFault } from '../faults.ts'
import { type Output, plain } from '../output.ts'

/** The options that select jobs. */
export interface JobFilter {
  queue?: string
  name?: string
  subject?: string
  state?: string
}

interface JobChange {
  operation: 'retryJob' | 'cancelJob'
  /** For people: `retry`. */
  verb: string
  ids: string[]
  flags: JobFilter & { all?: boolean; yes?: boolean }
  /** The states in which the change is possible. */
  states: readonly string[]
}

/**
 * Retries or cancels several jobs, one after the other. A refusal does not stop the others: a job may have ended since it
 * was listed.
 * @throws UsageFault for a selection that is missing or empty
 */
export async function changeJobs(
  { api, out, deps }: { api: CapstanClient; out: Output; deps: CommandDeps },
  { operation, verb, ids: given, flags, states }: JobChange,
): Promise<ExitCode> {
  if (given.length > 0 && flags.all) throw new UsageFault('Name jobs, or select them with --all, not both')
  if (given.length === 0 && !flags.all)
    throw new UsageFault(`Name the jobs to ${verb}, or select them with --all`)
  if (flags.all && !flags.yes) requireTerminal(deps.prompt, `whether to ${verb} them`)
  const ids = flags.all ? await select(api, flags, states) : given
  if (ids.length === 0) throw new UsageFault(`There is no job to ${verb}`)
  if (flags.all && !flags.yes)
    await confirm(deps.prompt, {
      text: `${verb.charAt(0).toUpperCase()}${verb.slice(1)} ${ids.length} job${ids.length === 1 ? '' : 's'}? (y/n) `,
      subject: `whether to ${verb} them`,
      declined: 'Nothing was changed.',
    })
  const results: { id: string; state?: string; error?: { code: string; message: string } }[] = []
  for (const id of ids) {
    try {
      const { state } = await api.call(operation, { path: { id } })
      results.push({ id, state })
      out.say(`${id}  ${state}`)
    } catch (error) {
      if (!(error instanceof ApiError) || error.status >= 500 || error.status === 401) throw error
      const { code, message } = error
      results.push({ id, error: { code, message } })
      out.say(`${id}  refused: ${plain(message)} [${plain(code)}]`)
    }
  }
  out.document({ jobs: results })
  return results.every(({ error }) => error === undefined) ? exitCodes.done : exitCodes.failed
}

async function select(api: CapstanClient, filter: JobFilter, states: readonly string[]): Promise<string[]> {
  const { queue, name, subject, state } = filter
  const ids: string[] = []
  for (const each of state === undefined ? states : [state]) {
    const query = { queue, name, subject, state: each, limit: 200 } as NonNullable<
      InputOf<'listJobs'>['query']
    >
    for await (const { id } of api.items('listJobs', 'jobs', { query })) ids.push(id)
  }
  return ids
}
