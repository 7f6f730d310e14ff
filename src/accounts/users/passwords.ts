import { randomBytes } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import { unavailable } from '../../platform/errors.ts'

export interface Passwords {
  hash(password: string): Promise<string>
  /**
   * Verifies a password. Without a hash (no such user) it does the same work and returns false.
   * @param preferred runs before all other calls, so that guesses from unknown places cannot block known ones
   */
  verify(passwordHash: string | undefined, password: string, preferred?: boolean): Promise<boolean>
}

/** OWASP's argon2id parameters: 19 MiB, two passes, one lane; about 10 ms of one core. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Concurrent hashes. They run on the thread pool; two leave its other threads to files and DNS. */
const maxRunning = 2
const maxWaiting = 50

/** Hashes with argon2id outside the event loop. The functions throw SYS_002 if too many callers wait. */
export function createPasswords(): Passwords {
  const gate = createGate({ maxRunning, maxWaiting })
  let decoy: Promise<string> | undefined
  return {
    hash: (password) => gate(() => hash(password, cost)),
    async verify(passwordHash, password, preferred) {
      decoy ??= hash(randomBytes(32).toString('base64url'), cost)
      // Awaited for existing users too, so that the first call of a process takes the same time for both.
      const decoyHash = await decoy
      const matches = await gate(() => verify(passwordHash ?? decoyHash, password), preferred)
      return matches && passwordHash !== undefined
    },
  }
}

/**
 * Runs `maxRunning` tasks and lets `maxWaiting` of each kind wait, in order of arrival; refuses further ones. Preferred
 * tasks run before all others, whose number cannot block them.
 */
export function createGate(limits: { maxRunning: number; maxWaiting: number }) {
  const lines = { preferred: [] as (() => void)[], others: [] as (() => void)[] }
  let running = 0
  return async <T>(task: () => Promise<T>, preferred = false): Promise<T> => {
    if (running < limits.maxRunning) running += 1
    else {
      const line = preferred ? lines.preferred : lines.others
      if (line.length >= limits.maxWaiting) {
        throw unavailable('Too many concurrent sign-ins', { retryAfter: 2 })
      }
      // A finished task passes its slot on, so `running` does not change.
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
