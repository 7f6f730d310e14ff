import type { WorkerRuntime } from './worker-runtime.ts'

/** The logger of the local cloud; pino's logger implements it. */
export interface LocalCloudLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** An image registry that runs outside the local cloud. Without one, image names are stored but not checked. */
export interface ImageRegistry {
  /** The host and optional port, for example `127.0.0.1:5000`. */
  host: string
  username?: string | undefined
  password?: string | undefined
}

export interface LocalCloudOptions {
  /** The address to listen on. The Workers' own sockets are always on loopback. */
  host: string
  /** The port to listen on; 0 selects a free port. */
  port: number
  /** The directory of the state, created with mode 0700 and locked by the process that uses it. */
  dataDir: string
  /** The only accepted API token. */
  token: string
  /** The id of the only account: 32 lower-case hex digits. */
  accountId: string
  /** The names of the zones in which host names can be created. */
  zones?: readonly string[]
  /** Lets Workers also call this machine and its network. Default: only the internet. */
  privateNetwork?: boolean
  /** The registry of the container images. */
  images?: ImageRegistry | undefined
  /** The runtime that executes the Workers. Default: workerd. */
  runtime?: WorkerRuntime | undefined
  /** The current time in milliseconds since the epoch. Default: `Date.now`. */
  clock?: () => number
  log: LocalCloudLog
}

export interface LocalCloud {
  /** The URL without the API's path: `http://127.0.0.1:8787`. */
  url: string
  port: number
  /** Ends all Workers and closes the state. Idempotent. */
  stop(): Promise<void>
}
