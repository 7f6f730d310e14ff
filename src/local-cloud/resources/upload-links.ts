/** The names of the files that clients may upload: each one once, for a limited time. */
export class UploadLinks {
  /** When each name expires, in milliseconds since the epoch. Only clients with the token add names. */
  readonly #issued = new Map<string, number>()
  readonly #validMs: number

  constructor(validMs: number) {
    this.#validMs = validMs
  }

  issue(name: string, now: number): void {
    for (const [each, expires] of this.#issued) if (expires <= now) this.#issued.delete(each)
    this.#issued.set(name, now + this.#validMs)
  }

  /**
   * Uses up a name before its file is received, so that two requests can't upload it at the same time.
   * @returns a function that makes the name valid again after a failed upload; undefined if the name is not valid
   */
  take(name: string, now: number): (() => void) | undefined {
    const expires = this.#issued.get(name)
    if (expires === undefined || expires <= now) return undefined
    this.#issued.delete(name)
    return () => void (this.#issued.has(name) || this.#issued.set(name, expires))
  }
}
