import { type Command, Option } from 'commander'
import {
  addApiCommand,
  type CommandDeps,
  exitCodes,
  facts,
  numberOption,
  plain,
  table,
} from '../../cli/index.ts'

/** Adds the commands of `deploy` that only read: `show`, `log`, `apps`, `metrics` and `health`. */
export function registerShowCommands(deploy: Command, deps: CommandDeps): void {
  addShow(deploy, deps)
  addLog(deploy, deps)
  addOverview(deploy, deps)
}

function addShow(deploy: Command, deps: CommandDeps): void {
  addApiCommand(
    deploy,
    deps,
    { name: 'show', about: 'show one deployment in detail', args: { '<id>': 'id of the deployment' } },
    async ({ api, args: [id = ''], out }) => {
      const answer = await api.call('getDeploymentStatus', { path: { id } })
      const { metadata, progress, error, traffic, currentStep } = answer
      const lines = facts([
        ['id', answer.deploymentId],
        ['app', `${metadata.appName} (${metadata.environment})`],
        ['status', `${answer.status.replaceAll('_', ' ')}${metadata.dryRun ? ' (dry run)' : ''}`],
        ['progress', `${progress.current} of ${progress.total} steps`],
        ['step', currentStep && `${currentStep.name}: ${currentStep.status}`],
        ['started', metadata.startTime],
        ['ended', metadata.endTime],
        ['expected end', metadata.estimatedCompletion],
        ['version', metadata.version],
        ['traffic', traffic && `${traffic.percentage} %`],
        ['address', answer.urls[metadata.environment]],
        ['error', error && `${error.message} [${error.code}]`],
      ])
      const steps = answer.completedSteps.map((each) => [
        each.name,
        each.skipped ? 'skipped' : `${each.duration.toFixed(1)} s`,
      ])
      out.answer([...lines, ...(steps.length === 0 ? [] : ['', ...table(['step', 'took'], steps)])], answer)
    },
  )
}

function addLog(deploy: Command, deps: CommandDeps): void {
  addApiCommand<{ follow?: boolean }>(
    deploy,
    deps,
    {
      name: 'log',
      about: 'print the log of a deployment so far',
      args: { '<id>': 'id of the deployment' },
      options: [new Option('-f, --follow', 'print new lines, too, until it ends')],
    },
    async ({ api, client, args: [id = ''], flags, out }) => {
      if (flags.follow) {
        const { followToEnd } = await import('./output/follow.ts')
        return followToEnd(client, id, { out })
      }
      const entries = []
      for await (const entry of api.items('readDeploymentLog', 'logs', { path: { id } })) entries.push(entry)
      const lines = entries.map((entry) => {
        if ('message' in entry) return `${entry.timestamp} ${entry.level.padEnd(5)} ${plain(entry.message)}`
        if ('step' in entry) return `${entry.timestamp} step  ${plain(entry.name)}: ${entry.status}`
        return `ended: ${entry.status}`
      })
      out.answer(lines.length === 0 ? ['The log is empty'] : lines, { logs: entries })
      return exitCodes.done
    },
  )
}

function addOverview(deploy: Command, deps: CommandDeps): void {
  addApiCommand(
    deploy,
    deps,
    { name: 'apps', about: 'list the apps that are deployed' },
    async ({ api, out }) => {
      const answer = await api.call('listApps')
      const rows = answer.apps.map((each) => [
        ...[each.appName, each.environment, each.status, each.deploymentId],
        each.finishedAt ?? each.createdAt,
      ])
      out.answer(table(['app', 'environment', 'status', 'deployment', 'since'], rows), answer)
    },
  )
  const hours = numberOption('--hours <number>', 'length of the period', 1, 8760).default(24)
  addApiCommand<{ hours: number }>(
    deploy,
    deps,
    {
      name: 'metrics',
      about: 'count deployments and errors, and show how long steps take',
      options: [hours],
    },
    async ({ api, flags, out }) => {
      const answer = await api.call('getDeploymentMetrics', { query: flags })
      const { deployments: sums, resources } = answer
      const lines = facts([
        ['period', `${answer.hours} h`],
        ['deployments', sums.total],
        ['completed', sums.completed],
        ['failed', sums.failed],
        ['rolled back', sums.rolledBack],
        ['cancelled', sums.cancelled],
        ['median', seconds(sums.medianSeconds)],
        ['95 % within', seconds(sums.p95Seconds)],
        ['waiting steps', resources.queueDepth],
      ])
      const steps = sums.steps.map((each) => [each.name, seconds(each.medianSeconds), each.retries])
      const errors = answer.errors.map((each) => [each.code, each.count, each.lastAt])
      out.answer(
        [
          ...lines,
          ...(steps.length === 0 ? [] : ['', ...table(['step', 'median', 'retries'], steps)]),
          ...(errors.length === 0 ? [] : ['', ...table(['error', 'count', 'last'], errors)]),
        ],
        answer,
      )
    },
  )
  const about = 'show whether the services that deployments need answer; exits with 1 if not'
  addApiCommand(deploy, deps, { name: 'health', about }, async ({ api, out }) => {
    const answer = await api.call('getDeploymentHealth')
    const rows = Object.entries(answer.services).map(([name, each]) => [
      name.replaceAll('_', ' '),
      each.status.replaceAll('_', ' '),
      each.responseTime === null ? null : `${each.responseTime} ms`,
      (each.issues ?? []).join('; '),
    ])
    const running = `${answer.activeDeployments} deployments run, ${answer.queuedDeployments} wait`
    out.answer([...table(['service', 'status', 'took', 'notes'], rows), running], answer)
    return answer.healthy ? exitCodes.done : exitCodes.failed
  })
}

const seconds = (value: number | null) => (value === null ? null : `${value.toFixed(1)} s`)
