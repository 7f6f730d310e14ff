import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import {
  announceReady,
  announceStopped,
  exitMisconfigured,
  exitWhenOrphaned,
} from '../../../src/platform/process/supervised.ts'

// A child for the supervisor's tests: `child.ts <behaviour> <journal> <name>`. It writes its events to the journal.
const [behaviour = '', journal = '', name = ''] = process.argv.slice(2)
const note = (what: string) => appendFileSync(journal, `${name} ${what} ${process.pid}\n`)

note('started')
exitWhenOrphaned(() => {
  note('orphaned')
  process.exit()
})
process.on('SIGTERM', () => {
  note('stopping')
  // This imitates a bug of Node: the work has ended, but the process does not exit.
  if (behaviour === 'lingering') announceStopped()
  else if (behaviour !== 'stubborn') process.exit()
})
setInterval(() => undefined, 1000)

if (behaviour === 'misconfigured') exitMisconfigured(`${name}: port 1 is in use`)
else if (behaviour === 'crashing') process.exit(1)
else if (behaviour === 'with-helper') {
  const helper = spawn('sleep', ['60'], { stdio: 'ignore' })
  note(`helper-${helper.pid}`)
  announceReady()
} else announceReady({ port: 4711 })
