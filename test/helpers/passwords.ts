import { hash } from '@node-rs/argon2'

/** The hash of a test user. It names its own cost, the lowest, so that signing in takes 1 ms instead of 60. */
export const hashPassword = (password: string): Promise<string> =>
  hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 })
