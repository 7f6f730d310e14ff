import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const root = fileURLToPath(new URL('..', import.meta.url))

/** About how many seconds the longest files take on two processors. A file that is not listed takes less than 20. */
const seconds: Readonly<Record<string, number>> = {
  'test/platform/stores/silent-database.test.ts': 140,
  'test/e2e/outages.test.ts': 100,
  'test/e2e/wrangler/wrangler.test.ts': 80,
  'test/e2e/one-installation.test.ts': 75,
  'test/deployments/cloudflare/error-table.test.ts': 65,
  'test/deployments/execution/complete.test.ts': 60,
  'test/platform/jobs/wrong-clock.test.ts': 60,
  'test/deployments/containers/containers.test.ts': 45,
  'test/e2e/canaries.test.ts': 40,
  'test/e2e/queue-loss.test.ts': 40,
  'test/local-cloud/runtime/limits.test.ts': 40,
  'test/cli/anywhere.test.ts': 35,
  'test/deployments/execution/given-up.test.ts': 35,
  'test/deployments/rollback/outside-versions.test.ts': 35,
  'test/binary-releases/crash.test.ts': 25,
  'test/deployments/execution/failing.test.ts': 25,
  'test/deployments/rollback/rollback.test.ts': 25,
  'test/release-tracker/collection/kubeconfig.test.ts': 25,
  'test/platform/stores/silent-redis.test.ts': 25,
  'test/deployments/cloudflare/cloud-faults.test.ts': 25,
  'test/platform/stores/redis-topologies.test.ts': 20,
  'test/e2e/orchestrators.test.ts': 20,
  'test/release-tracker/push/processes.test.ts': 20,
}

/** These wait most of the time: started first, they leave the processors to the files beside them. */
const waiting = ['test/platform/stores/silent-database.test.ts', 'test/platform/jobs/wrong-clock.test.ts']
const projects = ['e2e', 'cloud', 'db', 'unit']

/**
 * Runs the longest files of a project first, so that none runs alone at the end, and one project after the other,
 * because a worker that changes to another project loads everything anew.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const ranks = new Map(
      (await super.sort(files)).map((file) => {
        const path = relative(root, file.moduleId)
        const late = waiting.includes(path) ? -1 : projects.indexOf(file.project.name)
        return [file, { late, seconds: seconds[path] ?? 0 }]
      }),
    )
    // Equal files keep the order of vitest, which knows their earlier durations.
    return [...ranks]
      .toSorted(([, a], [, b]) => a.late - b.late || b.seconds - a.seconds)
      .map(([file]) => file)
  }
}
