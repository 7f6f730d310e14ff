import type { WorkerRuntime } from './worker-runtime.ts'

/** The four levels that the local cloud writes; pino's logger fits. */
export interface LocalCloudLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The registry of this cloud: one that somebody else runs. Without one, images are only names here. */
export interface ImageRegistry {
  /** `127.0.0.1:5000` */
  host: string
  username?: string | undefined
  password?: string | undefined
}

export interface LocalCloudOptions {
  /** The address to listen on; the Workers' own sockets stay on loopback whatever it is. */
  host: string
  /** 0 takes any free port. */
  port: number
  /** A directory of its own: made with mode 0700, held by one process at a time. */
  dataDir: string
  /** The only API token that is accepted. */
  token: string
  /** The only account there is: 32 lower-case hex digits. */
  accountId: string
  /** Names of the zones that host names can be in. */
  zones?: readonly string[]
  /** Lets Workers call this machine and its network, too. Default: the internet only. */
  privateNetwork?: boolean
  /** A registry that somebody runs beside this cloud, for the images of containers. */
  images?: ImageRegistry | undefined
  /** Executes the Workers. Default: workerd. */
  runtime?: WorkerRuntime | undefined
  log: LocalCloudLog
}

export interface LocalCloud {
  /** Where it answers, without the API's path: `http://127.0.0.1:8787`. */
  url: string
  port: number
  /** Ends every Worker and closes the state; may be called again. */
  stop(): Promise<void>
}
