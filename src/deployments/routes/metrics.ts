import type { Knex } from 'knex'
import type { Resources } from '../../platform/resources.ts'
import { type StepKey, steps as titles } from '../model/states.ts'
import { readMetrics } from '../store/index.ts'

export type Metrics = (hours: number) => Promise<object>

const round = (seconds: number | null | undefined) =>
  seconds === null || seconds === undefined ? null : Math.round(seconds * 1000) / 1000

/** Counts, durations and errors of the deployments of the last hours, and the resources of the installation. */
export function createMetrics(db: Knex, readResources: () => Promise<Resources>): Metrics {
  return async (hours) => {
    const [{ totals, steps, errors, line }, installation] = await Promise.all([
      readMetrics(db, hours),
      readResources(),
    ])
    const oldest = line.oldest === null ? null : Number(line.oldest)
    return {
      hours,
      deployments: {
        total: Number(totals.total),
        completed: Number(totals.completed),
        failed: Number(totals.failed),
        rolledBack: Number(totals.rolled_back),
        cancelled: Number(totals.cancelled),
        medianSeconds: round(totals.seconds?.[0]),
        p95Seconds: round(totals.seconds?.[1]),
        steps: steps.map(({ step, median, retries }) => ({
          step,
          name: titles[step as StepKey],
          medianSeconds: round(median),
          retries: Number(retries),
        })),
      },
      errors: errors.map(({ code, count, last_at: lastAt }) => ({
        code,
        count: Number(count),
        lastAt: lastAt.toISOString(),
      })),
      resources: {
        queueDepth: Number(line.depth),
        oldestWaitingSeconds: round(oldest),
        workers: installation.queues.find(({ queue }) => queue === 'deploy-step')?.workers ?? null,
        ...installation,
      },
    }
  }
}
