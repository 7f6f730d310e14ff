export const moduleTypes = ['esm', 'commonjs', 'wasm', 'text', 'data', 'sourcemap', 'python'] as const

export interface WorkerModule {
  name: string
  type: (typeof moduleTypes)[number]
  /** base64 */
  content: string
}

/** `ChatRoom` -> `CHAT_ROOM`, `HTTPServer` -> `HTTP_SERVER`. */
export function bindingName(className: string): string {
  return className
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .toUpperCase()
}
