import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ClusterFault } from './cluster.ts'

export type ClusterSource = { kind: 'in-cluster' } | { kind: 'kubeconfig'; files: string[] }

/** The address of the Kubernetes API, and the credentials of every call. */
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

/** The answer of the program that reads the credentials. */
export type CredentialsAnswer = { credentials: Credentials } | { fault: string }

/** @throws ClusterFault when they can't be read */
export type CredentialReader = (source: ClusterSource, signal: AbortSignal) => Promise<Credentials>

export interface CredentialSource {
  get(signal: AbortSignal): Promise<Credentials>
  /** To be called when the credentials were refused: the next `get` reads them again. */
  forget(): void
}

const program = fileURLToPath(new URL('./credentials-main.ts', import.meta.url))
/** Time limit. An exec plugin of a kubeconfig may call an identity provider. */
const maxReadMs = 60_000
/** Credentials are read again after this time, because files change and tokens expire. */
const keepMs = 10 * 60_000

/** Keeps the credentials that it has read for a while. */
export function createCredentialSource(source: ClusterSource, read: CredentialReader): CredentialSource {
  let kept: { found: Promise<Credentials>; at: number } | undefined
  return {
    get(signal) {
      if (kept === undefined || performance.now() - kept.at > keepMs) {
        const found = read(source, signal)
        const mine = { found, at: performance.now() }
        kept = mine
        // An error is not cached: the next call reads again.
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

/**
 * Reads credentials with Kubernetes' own client, in a child process that ends afterwards: the client takes 90 MB when
 * loaded, and a slave must stay small.
 */
export const readCredentials: CredentialReader = async (source, signal) => {
  signal.throwIfAborted()
  const limit = AbortSignal.any([signal, AbortSignal.timeout(maxReadMs)])
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
