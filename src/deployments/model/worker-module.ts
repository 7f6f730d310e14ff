export const moduleTypes = ['esm', 'commonjs', 'wasm', 'text', 'data', 'sourcemap', 'python'] as const
export type ModuleType = (typeof moduleTypes)[number]

/** A module with its code. */
export interface WorkerModule {
  name: string
  type: ModuleType
  /** base64 */
  content: string
}

/** A module of a plan, whose code is a blob. */
export interface PlannedModule {
  name: string
  type: ModuleType
  /** The SHA-256 of the code. */
  digest: string
  /** In bytes. */
  size: number
}

/** A module as a plan contains it. Plans of older versions of Capstan contain the code itself. */
export type StoredModule = PlannedModule | WorkerModule

/** A module for an upload, whose code is read while it is sent. */
export interface UploadModule {
  name: string
  type: ModuleType
  /** In bytes. */
  size: number
  read(): AsyncIterable<Uint8Array>
}

/** `ChatRoom` -> `CHAT_ROOM`, `HTTPServer` -> `HTTP_SERVER`. */
export function bindingName(className: string): string {
  return className
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toUpperCase()
}
