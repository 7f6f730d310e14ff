import { type Command, Option } from 'commander'
import type { components } from '../../../client/src/index.ts'
import {
  addApiCommand,
  type CommandDeps,
  type ExitCode,
  exitCodes,
  facts,
  numberOption,
  plain,
  table,
} from '../../cli/index.ts'

type Status = components['schemas']['BridgeStatus']

/** Adds `bridge status`, `watch`, `statistics`, `networks` and `uptime`. */
export function registerBridgeCommands(program: Command, deps: CommandDeps): void {
  const group = program.command('bridge').description('show the status and the statistics of the bridge')
  addStatus(group, deps)
  addWatch(group, deps)
  addStatistics(group, deps)
}

function addStatus(group: Command, deps: CommandDeps): void {
  addApiCommand<{ summary?: boolean }>(
    group,
    deps,
    {
      name: 'status',
      about: 'show the bridge and its nodes; exits with 1 if the bridge is offline',
      options: [new Option('--summary', 'without the nodes')],
    },
    async ({ api, flags, out }): Promise<ExitCode> => {
      const codeOf = ({ bridge_status }: Pick<Status, 'bridge_status'>) =>
        bridge_status === 'online' ? exitCodes.done : exitCodes.failed
      if (flags.summary) {
        const summary = await api.call('getBridgeStatusSummary')
        out.answer(summaryLines(summary), summary)
        return codeOf(summary)
      }
      const status = await api.call('getBridgeStatus')
      out.answer([...summaryLines(status), '', ...nodeTable(status)], status)
      return codeOf(status)
    },
  )
}

function addWatch(group: Command, deps: CommandDeps): void {
  const about = 'print each change of the status of the bridge, until interrupted'
  addApiCommand(group, deps, { name: 'watch', about }, async ({ api, out }) => {
    let before: Status | undefined
    const onBreak = () => out.warn('note: the connection broke; connecting again')
    for await (const { data } of api.events('watchBridgeStatus', { onBreak })) {
      for (const line of changesOf(before, data.data)) out.say(`${data.timestamp}  ${line}`)
      out.document(data.data)
      before = data.data
    }
  })
}

/** What a status says that the one before did not. */
function changesOf(before: Status | undefined, now: Status): string[] {
  const lines =
    before?.bridge_status === now.bridge_status && before.online_count === now.online_count
      ? []
      : [oneLine(now)]
  for (const node of now.orchestrators) {
    const was = before?.orchestrators.find(({ node_id }) => node_id === node.node_id)
    if (was !== undefined && was.is_online !== node.is_online)
      lines.push(`${plain(node.node_name)} is ${node.is_online ? 'online' : 'offline'}`)
  }
  return lines
}

function addStatistics(group: Command, deps: CommandDeps): void {
  const hours = () => numberOption('--hours <number>', 'length of the period', 1, 8760).default(24)
  const interval = numberOption('--interval <minutes>', 'length of one row', 1, 1440).default(60)
  addApiCommand<{ hours: number; interval: number }>(
    group,
    deps,
    { name: 'statistics', about: 'show how many nodes were online over time', options: [hours(), interval] },
    async ({ api, flags, out }) => {
      const query = { hours: flags.hours, interval_minutes: flags.interval }
      const answer = await api.call('getBridgeStatistics', { query })
      const rows = answer.data_points.map((each) => [
        each.timestamp,
        each.is_bridge_online === null ? null : each.is_bridge_online ? 'online' : 'offline',
        each.online_count,
        each.total_count,
      ])
      out.answer(table(['time', 'bridge', 'online', 'nodes'], rows), answer)
    },
  )
  addApiCommand<{ hours: number }>(
    group,
    deps,
    {
      name: 'networks',
      about: 'show the requests that waited for a signature, by network',
      options: [hours()],
    },
    async ({ api, flags, out }) => {
      const answer = await api.call('getNetworkStatistics', { query: flags })
      const rows = answer.networks.flatMap(({ network, wraps, unwraps }) =>
        (
          [
            ['wraps', wraps],
            ['unwraps', unwraps],
          ] as const
        ).map(([kind, each]) => [
          ...[network, kind, each.current, each.max, each.avg === null ? null : each.avg.toFixed(2)],
          each.minutes_above_zero,
        ]),
      )
      out.answer(
        table(['network', 'requests', 'now', 'most', 'average', 'minutes with requests'], rows),
        answer,
      )
    },
  )
  addApiCommand<{ hours: number }>(
    group,
    deps,
    { name: 'uptime', about: 'show the uptime of the bridge and of each node', options: [hours()] },
    async ({ api, flags, out }) => {
      const answer = await api.call('getUptimeStatistics', { query: flags })
      const rows = answer.node_uptimes.map((each) => [
        each.node_name,
        percent(each.uptime_percentage),
        each.online_snapshots,
        each.total_snapshots,
      ])
      const bridge = `Bridge: ${percent(answer.bridge_uptime_percentage) ?? 'not measured'}`
      out.answer([bridge, '', ...table(['node', 'uptime', 'online samples', 'samples'], rows)], answer)
    },
  )
}

const percent = (share: number | null) => (share === null ? null : `${share.toFixed(2)} %`)

const oneLine = ({ bridge_status, online_count, total_count, min_required }: Omit<Status, 'orchestrators'>) =>
  `the bridge is ${bridge_status}: ${online_count} of ${total_count} nodes online, ${min_required} required`

function summaryLines(status: Omit<Status, 'orchestrators'>): string[] {
  const signals = status.signals.map(
    (each) => `${each.network} ${each.backlog} differ between nodes since ${each.since}`,
  )
  return [
    ...facts([
      ['bridge', status.bridge_status],
      ['nodes', `${status.online_count} of ${status.total_count} online, ${status.min_required} required`],
      ['measured', `${status.timestamp}${status.stale ? ' (outdated: no poll since)' : ''}`],
    ]),
    ...signals.map((each) => `warning: ${plain(each)}`),
  ]
}

function nodeTable({ orchestrators }: Status): string[] {
  const rows = orchestrators.map((each) => [
    each.node_name,
    each.is_online ? 'online' : 'offline',
    each.state_name,
    each.response_time_ms === null ? null : `${Math.round(each.response_time_ms)} ms`,
    [
      each.error_message,
      ...each.signals.map(({ kind, network }) => [kind, network].filter(Boolean).join(' ')),
    ]
      .filter(Boolean)
      .join('; '),
  ])
  return table(['node', 'status', 'state', 'took', 'notes'], rows)
}
