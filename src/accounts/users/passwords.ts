import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import { unavailable } from '../../platform/errors.ts'

export interface Passwords {
  hash(password: string): Promise<string>
  /**
   * Without a hash (no such user) the work is the same, and the answer false.
   * @param preferred comes before all that are not: guesses of strangers must not keep out who is known
   */
  verify(passwordHash: string | undefined, password: string, preferred?: boolean): Promise<boolean>
}

/** OWASP's argon2id setting: 19 MiB, two passes, one lane; about 10 ms of one core. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Hashes run on the thread pool: two at once leave its other threads to files and DNS. */
const atOnce = 2
const maxWaiting = 50

/** argon2id off the event loop. @throws SYS_002 when too many callers wait already. */
export function createPasswords(): Passwords {
  const gate = createGate({ atOnce, maxWaiting })
  let decoy: Promise<string> | undefined
  return {
    hash: (password) => gate(() => hash(password, cost)),
    async verify(passwordHash, password, preferred) {
      decoy ??= hash(randomBytes(32).toString('base64url'), cost)
      // Awaited for known users too, so that the first call of a process takes the same time for both.
      const decoyHash = await decoy
      const matches = await gate(() => verify(passwordHash ?? decoyHash, password), preferred)
      return matches && passwordHash !== undefined
    },
  }
}

/**
 * Lets `atOnce` tasks run and `maxWaiting` of each kind wait, in order of arrival; refuses the rest. Preferred ones come
 * before all others: however many those are, they keep no preferred one out.
 */
export function createGate(limits: { atOnce: number; maxWaiting: number }) {
  const lines = { preferred: [] as (() => void)[], others: [] as (() => void)[] }
  let running = 0
  return async <T>(task: () => Promise<T>, preferred = false): Promise<T> => {
    if (running < limits.atOnce) running += 1
    else {
      const line = preferred ? lines.preferred : lines.others
      if (line.length >= limits.maxWaiting) {
        throw unavailable('Too many sign-ins at this moment', { retryAfter: 2 })
      }
      // The one that ends hands its place over, so `running` stays as it is.
      await new Promise<void>((resolve) => line.push(resolve))
    }
    try {
      return await task()
    } finally {
      const next = lines.preferred.shift() ?? lines.others.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}
