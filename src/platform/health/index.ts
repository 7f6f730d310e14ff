import { createDatabaseProbe, type DatabaseProbe } from './database-probe.ts'
import { createHealthMonitor, type HealthMonitor, type MonitorOptions } from './monitor.ts'

export { type Cause, clockCauses } from './causes.ts'
export { healthRoutes } from './routes.ts'

export interface Health {
  probe: DatabaseProbe
  monitor: HealthMonitor
}

/** Monitors everything that this process depends on. Close the probe when the process ends. */
export function createHealth(options: Omit<MonitorOptions, 'probe'> & { databaseUrl: string }): Health {
  const probe = createDatabaseProbe(options.databaseUrl)
  return { probe, monitor: createHealthMonitor({ ...options, probe }) }
}
