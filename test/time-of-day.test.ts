import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Programs of one machine, which share nothing with others: their time of day is as good as any. */
const ofOneMachine = /^src\/(local-cloud|cli|embedded)\/|\/commands(\/|\.ts$)/

/** Where the machine's time of day may be asked for, and why that decides nothing about order. */
const allowed: Record<string, string> = {
  'src/accounts/index.ts': 'the default where no clock is given',
  'src/accounts/users/administration.ts': 'shown',
  'src/accounts/sign-in/local-token.ts': 'shown',
  'src/binary-releases/downloads/downloads.ts': 'a new second makes new links; any change will do',
  'src/binary-releases/object-store/files/store.ts': 'compared with times of files on the same machine',
  'src/binary-releases/object-store/s3/calls.ts': "compared with the store's clock",
  'src/binary-releases/object-store/s3/clock.ts': "compared with the store's clock",
  'src/binary-releases/object-store/s3/store.ts': 'to tell how far it is off',
  'src/binary-releases/object-store/s3/links.ts': 'a signature that the object store checks',
  'src/binary-releases/object-store/files/signed-links.ts': 'the default where no clock is given',
  'src/deployments/cloudflare/envelope.ts': "compared with an answer's date",
  'src/deployments/github/app.ts': 'a signature that GitHub checks, with its skew',
  'src/deployments/github/faults.ts': "compared with an answer's date",
  'src/deployments/github/tokens.ts': "GitHub's end of a token; its age is measured, too",
  'src/deployments/routes/health.ts': 'shown',
  'src/deployments/log.ts': 'shown',
  'src/deployments/execution/steps/health-check.ts': "compared with a log's times on the same machine",
  'src/deployments/execution/traffic/raise.ts': "compared with a log's times on the same machine",
  'src/deployments/execution/traffic/shift.ts': "compared with a log's times on the same machine",
  'src/deployments/targets/targets.ts': 'the default where no clock is given',
  'src/deployments/routes/views.ts': 'an estimate that is shown',
  'src/platform/clock.ts': 'until the database has answered, and to tell how far it is off',
  'src/platform/errors.ts': 'shown',
  'src/platform/health/database-probe.ts': 'to tell how far it is off',
  'src/platform/health/routes.ts': 'shown',
  'src/platform/http/routing/answer.ts': 'shown',
  'src/platform/rate-limit/headers.ts': 'shown',
  'src/release-tracker/index.ts': 'the default where no clock is given',
}

it('the time of day of a machine is asked for only where it decides nothing about order', () => {
  const found = ['src', 'workers']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(folder, name),
      ),
    )
    .filter((file) => file.endsWith('.ts') && !file.includes('generated') && !ofOneMachine.test(file))
    .filter((file) => /Date\.now\b|new Date\(\)/.test(readFileSync(join(root, file), 'utf8')))
  expect(found.filter((file) => allowed[file] === undefined)).toEqual([])
})
