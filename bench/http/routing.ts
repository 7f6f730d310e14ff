/**
 * Compares the route table with Express' router: the processor time to find the handler of a path, over the paths of all
 * routes. Prints microseconds per request and the ratio of the medians.
 *
 *   npx node bench/http/routing.ts [ROUTES=200] [REQUESTS=20000]
 */
import express from 'express'
import { route } from '../../src/platform/http/index.ts'
import { createRouteTable } from '../../src/platform/http/routing/route-table.ts'
import { operationsOf } from '../../src/platform/operations/operation.ts'

const routeCount = Number(process.argv[2] ?? 200)
const requests = Number(process.argv[3] ?? 20_000)
const rounds = 9

const patterns = Array.from({ length: routeCount }, (_, n) =>
  n % 3 === 0 ? `/api/v1/subject-${n}` : `/api/v1/subject-${n}/:id/part`,
)
const paths = patterns.map((pattern) => pattern.replace(':id', '4711'))

const operation = operationsOf('routing', async () => ({
  operations: { find: { summary: 'Finds a thing', answers: {} } },
}))
const table = createRouteTable(
  patterns.map((path) =>
    route({ ...operation('find'), method: 'get', path, access: 'open', handle: () => ({ body: {} }) }),
  ),
)
const router = express.Router()
let handled = 0
for (const pattern of patterns) {
  router.get(pattern, () => {
    handled += 1
  })
}

function viaTable(path: string): void {
  if (table(path) === undefined) throw new Error(`no route for ${path}`)
}

function viaExpress(path: string): void {
  const before = handled
  router({ url: path, method: 'GET' } as express.Request, {} as express.Response, () => undefined)
  if (handled === before) throw new Error(`no route for ${path}`)
}

function microsecondsEach(find: (path: string) => void): number {
  const started = process.cpuUsage()
  for (let n = 0; n < requests; n++) find(paths[(n * 7) % paths.length] as string)
  const { user, system } = process.cpuUsage(started)
  return (user + system) / requests
}

const median = (all: number[]) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] as number
const rows = Array.from({ length: rounds }, () => ({
  table: microsecondsEach(viaTable),
  express: microsecondsEach(viaExpress),
}))
const own = median(rows.map((row) => row.table))
const bare = median(rows.map((row) => row.express))
process.stdout.write(
  `${JSON.stringify({ routes: routeCount, tableUs: round(own), expressUs: round(bare), ratio: round(bare / own) })}\n`,
)

function round(value: number): number {
  return Math.round(value * 100) / 100
}
