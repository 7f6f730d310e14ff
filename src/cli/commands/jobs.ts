import { type Command, Option } from 'commander'
import type { components, InputOf } from '../../../client/src/index.ts'
import { jobStates } from '../../platform/jobs/definition.ts'
import { type CommandDeps, choiceOption, facts, numberOption, table } from '../index.ts'
import { addApiCommand } from './api-command.ts'
import { changeJobs, type JobFilter } from './change-jobs.ts'

type Job = components['schemas']['Job']
type ListQuery = NonNullable<InputOf<'listJobs'>['query']>

const filterOptions = () => [
  new Option('--queue <name>', 'only jobs of this queue'),
  new Option('--name <name>', 'only jobs of this name'),
  new Option('--subject <subject>', 'only jobs about this, like deployment:ID'),
  choiceOption('--state <state>', 'only jobs in this state', jobStates),
]

/** Adds `jobs list`, `show`, `watch`, `retry` and `cancel`. */
export function registerJobCommands(program: Command, deps: CommandDeps): void {
  const group = program.command('jobs').description('list, show, follow, retry and cancel background jobs')
  addReading(group, deps)
  addChanges(group, deps)
}

function addReading(group: Command, deps: CommandDeps): void {
  const limit = numberOption('--limit <number>', 'maximum number of jobs', 1, 200).default(20)
  addApiCommand<JobFilter & { limit: number }>(
    group,
    deps,
    { name: 'list', about: 'list the latest jobs, newest first', options: [...filterOptions(), limit] },
    async ({ api, flags, out }) => {
      const answer = await api.call('listJobs', { query: flags as ListQuery })
      const rows = answer.jobs.map((each) => [
        ...[each.id, each.queue, each.name, each.state],
        ...[`${each.attempt}/${each.max_attempts}`, each.created_at, each.subject],
      ])
      const lines = table(['id', 'queue', 'name', 'state', 'attempt', 'created', 'subject'], rows)
      if (answer.next_cursor !== null) lines.push(`(the latest ${rows.length}; there are more)`)
      out.answer(lines, answer)
    },
  )
  const args = { '<id>': 'id of the job' }
  addApiCommand(
    group,
    deps,
    { name: 'show', about: 'show one job in detail', args },
    async ({ api, args: [id = ''], out }) => {
      const job = await api.call('getJob', { path: { id } })
      out.answer(jobLines(job), job)
    },
  )
  addApiCommand(
    group,
    deps,
    { name: 'watch', about: 'follow a job to its end', args },
    async ({ client, args: [id = ''], out }) => {
      const { followJob } = await import('./follow-job.ts')
      return followJob(client, id, { out })
    },
  )
}

function addChanges(group: Command, deps: CommandDeps): void {
  const actions = [
    { name: 'retry', about: 'run failed or cancelled jobs again', states: ['failed', 'cancelled'] },
    {
      name: 'cancel',
      about: 'cancel waiting jobs, or request the cancellation of running ones',
      states: ['queued', 'running', 'retrying'],
    },
  ] as const
  for (const { name, about, states } of actions) {
    const ofState = choiceOption(
      '--state <state>',
      `only jobs in this state; default: ${states.join(', ')}`,
      states,
    )
    addApiCommand<JobFilter & { all?: boolean; yes?: boolean }>(
      group,
      deps,
      {
        name,
        about,
        args: { '[id...]': 'ids of jobs' },
        options: [
          ...[
            new Option('--all', 'all jobs that the other options select'),
            ...filterOptions().slice(0, 3),
            ofState,
          ],
          new Option('--yes', `${name} all without confirmation; required without a terminal`),
        ],
      },
      async ({ api, args, flags, out }) => {
        const operation = name === 'retry' ? 'retryJob' : 'cancelJob'
        const [only, ...others] = args
        if (only !== undefined && others.length === 0 && !flags.all) {
          const job = await api.call(operation, { path: { id: only } })
          out.answer(jobLines(job), job)
          return
        }
        return changeJobs({ api, out, deps }, { operation, verb: name, ids: args, flags, states })
      },
    )
  }
}

const jobLines = (job: Job): string[] =>
  facts([
    ['id', job.id],
    ['queue', job.queue],
    ['name', job.name],
    ['state', job.cancel_requested ? `${job.state}, asked to end` : job.state],
    ['attempt', `${job.attempt} of ${job.max_attempts}`],
    ['subject', job.subject],
    ['created', job.created_at],
    ['started', job.started_at],
    ['finished', job.finished_at],
    ['error', job.error?.message],
  ])
