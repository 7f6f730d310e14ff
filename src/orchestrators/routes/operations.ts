import { z } from 'zod'
import {
  type Answer,
  count,
  eventOf,
  eventStream,
  jsonAnswer,
  type OperationDescription,
  preparedAnswer,
  resumeHeader,
  resumeQuery,
  type SocketDescription,
  sometimes,
  success,
  time,
} from '../../platform/operations/index.ts'
import { networks } from '../node/networks.ts'

const node = z
  .strictObject({
    id: z.int(),
    name: z.string(),
    ip_address: z.string(),
    pubkey: z.string().nullable(),
    rpc_port: z.int(),
    is_active: z.boolean(),
    created_at: time,
  })
  .meta({ id: 'OrchestratorNode' })
const nodes = z.strictObject({ nodes: z.array(node), total: count }).meta({ id: 'OrchestratorNodeList' })

const backlogs = z
  .array(z.strictObject({ network: z.enum(networks), wraps_count: count, unwraps_count: count }))
  .describe('The requests that wait for a signature, by network')
const sample = z.enum(['good', 'bad', 'throttled']).nullable()

const nodeStatus = z
  .strictObject({
    node_id: z.int(),
    node_name: z.string(),
    ip_address: z.string(),
    pillar_name: z.string().nullable(),
    producer_address: z.string().nullable(),
    state: z.int().nullable(),
    state_name: z.string().nullable(),
    is_online: z.boolean(),
    response_time_ms: z.number().nullable(),
    error_message: z.string().nullable(),
    network_stats: backlogs,
    last_checked: time.nullable(),
    last_sample: sample,
    signals: z.array(
      z.strictObject({
        kind: z.enum(['momentum_stalled', 'height_stalled', 'name_mismatch']),
        network: z.enum(networks).nullable(),
        since: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'NodeStatus' })

const summaryFields = {
  timestamp: time,
  bridge_status: z.enum(['online', 'offline']),
  online_count: count,
  total_count: count,
  min_required: count,
  signals: z.array(
    z.strictObject({
      kind: z.literal('backlog_diverged'),
      network: z.string(),
      backlog: z.string(),
      since: z.string(),
    }),
  ),
  stale: z.boolean().describe('True if no cycle has ended for twice the interval'),
}
const summary = z.strictObject(summaryFields).meta({ id: 'BridgeSummary' })
const status = z
  .strictObject({ ...summaryFields, orchestrators: z.array(nodeStatus) })
  .meta({ id: 'BridgeStatus' })

const message = <T extends string>(type: T) =>
  z.strictObject({ type: z.literal(type), timestamp: time, data: status })
const initial = message('initial_status').meta({ id: 'InitialStatusMessage' })
const update = message('status_update').meta({ id: 'StatusUpdateMessage' })
const statusEvent = z
  .union([eventOf('initial_status', initial), eventOf('status_update', update)])
  .meta({ id: 'BridgeStatusEvent' })

const snapshot = z
  .strictObject({
    id: z.int(),
    timestamp: time,
    pillar_name: z.string().nullable(),
    producer_address: z.string().nullable(),
    state: z.int().nullable(),
    state_name: z.string().nullable(),
    is_online: z.boolean(),
    confirmed_online: z.boolean().nullable(),
    sample,
    response_time_ms: z.number().nullable(),
    error_message: z.string().nullable(),
    network_stats: backlogs,
  })
  .meta({ id: 'NodeSnapshot' })

const history = z
  .strictObject({
    node_id: z.int(),
    node_name: z.string(),
    snapshots: z.array(snapshot),
    total: count,
    page: z.int(),
    page_size: z.int(),
    next_cursor: z.string().nullable(),
  })
  .meta({ id: 'NodeHistory' })

const window = z
  .strictObject({
    id: z.uuid(),
    scope: z.enum(['all', 'nodes']),
    node_ids: z.array(z.int()).nullable(),
    from: time,
    to: time,
    reason: z.string(),
    created_by: z.string(),
    created_at: time,
  })
  .meta({ id: 'MaintenanceWindow' })

const period = { period_start: time, period_end: time }
const share = z.number().min(0).max(1).nullable()
const percentage = z.number().min(0).max(100).nullable()

const bridge = z
  .strictObject({
    ...period,
    data_points: z.array(
      z.strictObject({
        timestamp: time,
        online_count: count.nullable(),
        total_count: count.nullable(),
        is_bridge_online: z.boolean().nullable(),
        online_ratio: share,
        min_online_count: count.nullable(),
        max_online_count: count.nullable(),
      }),
    ),
    avg_online_count: z.number().nullable(),
    min_online_count: count.nullable(),
    max_online_count: count.nullable(),
  })
  .meta({ id: 'BridgeStatistics' })

const gauge = z.strictObject({
  current: count.nullable(),
  max: count.nullable(),
  avg: z.number().nullable(),
  minutes_above_zero: z.number().nullable(),
})
const network = z
  .strictObject({
    ...period,
    networks: z.array(
      z.strictObject({
        network: z.enum(networks),
        total_wraps: z.number(),
        total_unwraps: z.number(),
        ...period,
        wraps: gauge,
        unwraps: gauge,
      }),
    ),
  })
  .meta({ id: 'NetworkStatistics' })

const uptime = z
  .strictObject({
    ...period,
    bridge_uptime_percentage: percentage,
    measured_ratio: share,
    node_uptimes: z.array(
      z.strictObject({
        node_id: z.int(),
        node_name: z.string(),
        ...period,
        total_snapshots: count,
        online_snapshots: count,
        uptime_percentage: percentage,
        measured_ratio: share,
      }),
    ),
  })
  .meta({ id: 'UptimeStatistics' })

const csvPage: Answer = {
  description: 'One page of the history',
  content: { 'application/json': { schema: history }, 'text/csv': { bytes: true } },
  headers: {
    'X-Next-Cursor': sometimes('In CSV: the cursor of the next page, if there is one'),
    'Content-Disposition': sometimes('In CSV: the name of the file'),
  },
}

export const operations = {
  listNodes: { summary: 'Lists the nodes of the bridge.', answers: { 200: jsonAnswer('The nodes', nodes) } },
  addNode: {
    summary: 'Adds a node, which is polled from the next cycle on.',
    answers: { 200: jsonAnswer('The node', node) },
    errors: ['STATE_001'],
    idempotencyKey: true,
  },
  getNode: { summary: 'Shows a node.', answers: { 200: jsonAnswer('The node', node) } },
  updateNode: {
    summary: 'Changes a node.',
    answers: { 200: jsonAnswer('The node', node) },
    errors: ['STATE_001'],
  },
  deactivateNode: {
    summary: 'Deactivates a node; its history stays.',
    answers: { 200: jsonAnswer('Deactivated', success) },
    errors: ['STATE_001'],
  },
  getNodeHistory: {
    summary: 'Lists the samples of a node, newest first, as JSON or CSV.',
    answers: { 200: csvPage },
  },
  listMaintenanceWindows: {
    summary: 'Lists maintenance windows, newest first.',
    answers: {
      200: jsonAnswer(
        'One page of windows',
        z
          .strictObject({ windows: z.array(window), next_cursor: z.string().nullable() })
          .meta({ id: 'MaintenanceWindowList' }),
      ),
    },
  },
  createMaintenanceWindow: {
    summary: 'Creates a maintenance window, which uptime does not count.',
    answers: { 200: jsonAnswer('The window', window) },
    idempotencyKey: true,
  },
  deleteMaintenanceWindow: {
    summary: 'Deletes a maintenance window.',
    answers: { 200: jsonAnswer('Deleted', success) },
  },
  getBridgeStatistics: {
    summary: 'Counts the online nodes of the bridge over time.',
    answers: { 200: jsonAnswer('The counts', bridge) },
  },
  getNetworkStatistics: {
    summary: 'Sums the requests that waited for a signature, by network.',
    answers: { 200: jsonAnswer('The sums', network) },
  },
  getUptimeStatistics: {
    summary: 'Computes the uptime of the bridge and of its nodes, without maintenance.',
    answers: { 200: jsonAnswer('The uptime', uptime) },
  },
  getBridgeStatus: {
    summary: 'Shows the state of the bridge and of each node.',
    answers: { 200: preparedAnswer('The state', status) },
  },
  getBridgeStatusSummary: {
    summary: 'Shows the state of the bridge without its nodes.',
    answers: { 200: preparedAnswer('The state', summary) },
  },
  getBridgeSummary: {
    summary: 'Shows the same as `/api/v1/orchestrators/status/summary`.',
    answers: { 200: preparedAnswer('The state', summary) },
  },
  watchBridgeStatus: {
    summary: 'Streams the state of the bridge: the present one, then each new one.',
    answers: { 200: eventStream('The states', statusEvent) },
    parameters: { query: resumeQuery, header: resumeHeader },
  },
} satisfies Record<string, OperationDescription>

export const sockets = {
  openBridgeStatusSocket: {
    summary: 'Opens a WebSocket that receives the state of the bridge: the present one, then each new one.',
    description: `Browsers send the token as \`?token=\`, or in the subprotocol \`authorization.bearer.<token>\` beside
\`capstan.v1\`. The server answers the text \`ping\` with \`{"type":"pong"}\` and repeats any other text.`,
    messages: {
      toClient: z
        .union([
          initial,
          update,
          z.strictObject({ type: z.literal('pong') }),
          z.strictObject({ type: z.literal('echo'), message: z.string() }),
        ])
        .meta({ id: 'BridgeStatusMessage' }),
      toServer: z.string(),
    },
    closeCodes: {
      1001: 'The server stops',
      1013: 'Try again later',
      4001: 'The token is missing, not valid or expired',
      4003: 'The permission orchestrators:read is missing',
    },
  },
} satisfies Record<string, SocketDescription>
