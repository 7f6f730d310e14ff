import type { Command } from 'commander'
import { z } from 'zod'
import { jobStates } from '../platform/jobs/definition.ts'
import type { ApiClient } from './api/client.ts'
import { type CommandDeps, jsonOption, type Output, outputOf, plain, table, wholeNumber } from './index.ts'

/** The fields of a job that are shown; `--json` prints the whole answer. */
const job = z.looseObject({
  id: z.string(),
  queue: z.string(),
  name: z.string(),
  state: z.string(),
  attempt: z.number(),
  max_attempts: z.number(),
  error: z.looseObject({ message: z.string().optional() }).nullable(),
  cancel_requested: z.boolean(),
  created_at: z.string(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  subject: z.string().nullable(),
})
const jobs = z.looseObject({ jobs: z.array(job), next_cursor: z.string().nullable() })

interface ListFlags {
  queue?: string
  state?: string
  limit: number
}

/** Adds `jobs list`, `jobs show`, `jobs retry` and `jobs cancel`. */
export function registerJobCommands(program: Command, deps: CommandDeps): void {
  const group = program.command('jobs').description('list, show, retry and cancel background jobs')
  group
    .command('list')
    .description('list the latest jobs, newest first')
    .option('--queue <name>', 'only jobs of this queue')
    .option('--state <state>', `only jobs in this state: ${jobStates.join(', ')}`)
    .option('--limit <number>', 'maximum number of jobs', wholeNumber(1, 200), 20)
    .addOption(jsonOption())
    .action(async (flags: ListFlags, command: Command) =>
      list(await deps.client(), flags, outputOf(deps, command)),
    )

  const one = [
    { name: 'show', about: 'show one job in detail', method: 'GET', path: '' },
    { name: 'retry', about: 'run a failed or cancelled job again', method: 'POST', path: '/retry' },
    {
      name: 'cancel',
      about: 'cancel a waiting job, or request the cancellation of a running one',
      method: 'POST',
      path: '/cancel',
    },
  ] as const
  for (const { name, about, method, path } of one) {
    group
      .command(name)
      .argument('<id>', 'id of the job')
      .description(about)
      .addOption(jsonOption())
      .action(async (id: string, _flags: unknown, command: Command) => {
        const client = await deps.client()
        const answer = await client.call(job, { method, path: `/jobs/${encodeURIComponent(id)}${path}` })
        show(answer, outputOf(deps, command))
      })
  }
}

async function list(client: ApiClient, flags: ListFlags, out: Output): Promise<void> {
  const { queue, state, limit } = flags
  const answer = await client.call(jobs, { path: '/jobs', query: { queue, state, limit } })
  const rows = answer.jobs.map((each) => [
    each.id,
    each.queue,
    each.name,
    each.state,
    `${each.attempt}/${each.max_attempts}`,
    each.created_at,
    each.subject,
  ])
  const lines = table(['id', 'queue', 'name', 'state', 'attempt', 'created', 'subject'], rows)
  if (answer.next_cursor !== null) lines.push(`(the latest ${rows.length}; there are more)`)
  out.answer(lines, answer)
}

function show(one: z.output<typeof job>, out: Output): void {
  const facts: [string, string | null][] = [
    ['id', one.id],
    ['queue', one.queue],
    ['name', one.name],
    ['state', one.cancel_requested ? `${one.state}, asked to end` : one.state],
    ['attempt', `${one.attempt} of ${one.max_attempts}`],
    ['subject', one.subject],
    ['created', one.created_at],
    ['started', one.started_at],
    ['finished', one.finished_at],
    ['error', one.error === null ? null : (one.error.message ?? 'unknown')],
  ]
  const lines = facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(9)}${plain(value)}`]))
  out.answer(lines, one)
}
