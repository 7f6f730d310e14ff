import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ClusterFault } from './cluster.ts'

export type ClusterSource = { kind: 'in-cluster' } | { kind: 'kubeconfig'; files: string[] }

/** Where the API is, and what every call to it shows. */
export interface Credentials {
  server: string
  headers: Record<string, string>
  tls: {
    ca?: string
    cert?: string
    key?: string
    passphrase?: string
    servername?: string
    rejectUnauthorized?: boolean
  }
  proxyUrl: string | undefined
}

/** What the program that reads them answers. */
export type CredentialsAnswer = { credentials: Credentials } | { fault: string }

export interface CredentialSource {
  get(signal: AbortSignal): Promise<Credentials>
  /** They were refused: the next `get` reads them again. */
  forget(): void
}

const program = fileURLToPath(new URL('./credentials-main.ts', import.meta.url))
/** A program that a kubeconfig names may ask somebody for a token. */
const longestMs = 60_000
/** Files change and tokens expire: what was read is not kept for longer. */
const keepMs = 10 * 60_000

/**
 * Reads credentials by Kubernetes' own client, in a process that ends when it has: loaded, the client takes 90 MB, and
 * a slave is to be small.
 */
export function createCredentialSource(source: ClusterSource): CredentialSource {
  let kept: { found: Promise<Credentials>; at: number } | undefined
  return {
    get(signal) {
      if (kept === undefined || performance.now() - kept.at > keepMs) {
        const found = read(source, signal)
        const mine = { found, at: performance.now() }
        kept = mine
        // A fault is not kept: the next one asks again.
        found.catch(() => {
          if (kept === mine) kept = undefined
        })
      }
      return kept.found
    },
    forget() {
      kept = undefined
    },
  }
}

async function read(source: ClusterSource, signal: AbortSignal): Promise<Credentials> {
  signal.throwIfAborted()
  const limit = AbortSignal.any([signal, AbortSignal.timeout(longestMs)])
  const child = fork(program, [JSON.stringify(source)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const kill = () => child.kill('SIGKILL')
  limit.addEventListener('abort', kill, { once: true })
  try {
    const answer = await new Promise<CredentialsAnswer>((resolve) => {
      child.once('message', (message) => resolve(message as CredentialsAnswer))
      child.once('error', () => resolve({ fault: 'the credentials could not be read' }))
      child.once('exit', () => resolve({ fault: 'the credentials could not be read in time' }))
    })
    signal.throwIfAborted()
    if ('fault' in answer) throw new ClusterFault(answer.fault)
    return answer.credentials
  } finally {
    limit.removeEventListener('abort', kill)
    kill()
  }
}
