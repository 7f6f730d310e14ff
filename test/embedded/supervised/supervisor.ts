import { fileURLToPath } from 'node:url'
import { superviseChildren } from '../../../src/embedded/supervisor/supervisor.ts'

// A supervisor that kills itself when its child is ready: `supervisor.ts <journal>`.
const child = fileURLToPath(new URL('child.ts', import.meta.url))
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const command = [process.execPath, child, 'good', process.argv[2] ?? '', 'child']
await superviseChildren([{ name: 'child', command }], { log }).ready
process.kill(process.pid, 'SIGKILL')
