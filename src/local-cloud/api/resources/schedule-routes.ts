import type { CloudContext } from '../../context.ts'
import { requireScript } from '../../scripts/lifecycle.ts'
import type { Schedule } from '../../store/schedules.ts'
import { putSchedules, schedulesBody } from '../../triggers/schedules.ts'
import { readJson } from '../body.ts'
import type { Router } from '../router.ts'

const schedules = '/accounts/{account}/workers/scripts/{script}/schedules'

/** The routes of cron triggers. */
export function scheduleRoutes(router: Router, cloud: CloudContext): void {
  router
    .on(`GET ${schedules}`, ({ param }) => {
      const { id } = requireScript(cloud, param('script'))
      return { result: { schedules: cloud.store.schedules.of(id).map(view) } }
    })
    .on(`PUT ${schedules}`, async ({ req, param }) => {
      const body = await readJson(req, schedulesBody)
      return { result: { schedules: (await putSchedules(cloud, param('script'), body)).map(view) } }
    })
}

const view = ({ cron, createdOn, modifiedOn }: Schedule) => ({
  cron,
  created_on: createdOn,
  modified_on: modifiedOn,
})
