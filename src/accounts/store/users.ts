import type { Knex } from 'knex'

export interface User {
  id: string
  username: string
  email: string
  passwordHash: string
  isActive: boolean
  isAdmin: boolean
  rateLimitPerSecond: number
  rateLimitBurst: number
  sessionEpoch: number
  createdAt: Date
  updatedAt: Date
}

export type NewUser = Omit<User, 'isActive' | 'sessionEpoch' | 'createdAt' | 'updatedAt'>

/** The fields that an administrator may change besides the password; missing ones keep their values. */
export type UserChange = {
  [K in 'username' | 'email' | 'isActive' | 'isAdmin' | 'rateLimitPerSecond' | 'rateLimitBurst']?:
    | User[K]
    | undefined
}

interface UserRow {
  id: string
  username: string
  email: string
  password_hash: string
  is_active: boolean
  is_admin: boolean
  rate_limit_per_second: number
  rate_limit_burst: number
  session_epoch: number
  created_at: Date
  updated_at: Date
}

/** The columns of a user with the alias `u`, for joins. */
export const userColumns = [
  'u.id',
  'u.username',
  'u.email',
  'u.password_hash',
  'u.is_active',
  'u.is_admin',
  'u.rate_limit_per_second',
  'u.rate_limit_burst',
  'u.session_epoch',
  'u.created_at',
  'u.updated_at',
]

export function toUser(row: UserRow): User {
  return {
    id: row.id,
    username: row.username,
    email: row.email,
    passwordHash: row.password_hash,
    isActive: row.is_active,
    isAdmin: row.is_admin,
    rateLimitPerSecond: row.rate_limit_per_second,
    rateLimitBurst: row.rate_limit_burst,
    sessionEpoch: row.session_epoch,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

export async function hasUsers(db: Knex): Promise<boolean> {
  return (await db('users').first('id')) !== undefined
}

export async function findUserByName(db: Knex, username: string): Promise<User | undefined> {
  const row = await db('users as u').whereRaw('lower(u.username) = lower(?)', [username]).first(userColumns)
  return row && toUser(row)
}

/** @returns the id of the oldest active administrator; undefined if none is active */
export async function firstActiveAdmin(db: Knex): Promise<string | undefined> {
  const row = await db('users')
    .where({ is_admin: true, is_active: true })
    .orderBy(['created_at', 'id'])
    .first('id')
  return row?.id
}

/** Locks the user's row, which serializes changes of the user's credentials. */
export async function lockUser(trx: Knex.Transaction, id: string): Promise<User | undefined> {
  const row = await trx('users as u').where('u.id', id).forNoKeyUpdate().first(userColumns)
  return row && toUser(row)
}

/** Lets only one of several starting processes create the first administrator. Held until the transaction ends. */
export async function lockFirstUser(trx: Knex.Transaction): Promise<void> {
  await trx.raw(`select pg_advisory_xact_lock(hashtextextended('capstan:first-user', 0))`)
}

/** @throws a unique violation of `users_username` or `users_email` */
export async function insertUser(db: Knex, user: NewUser): Promise<void> {
  await db('users').insert({
    id: user.id,
    username: user.username,
    email: user.email,
    password_hash: user.passwordHash,
    is_admin: user.isAdmin,
    rate_limit_per_second: user.rateLimitPerSecond,
    rate_limit_burst: user.rateLimitBurst,
  })
}

export async function setPassword(trx: Knex.Transaction, id: string, passwordHash: string): Promise<void> {
  await trx('users').where({ id }).update({ password_hash: passwordHash })
}

export async function findUser(db: Knex, id: string): Promise<User | undefined> {
  const row = await db('users as u').where('u.id', id).first(userColumns)
  return row && toUser(row)
}

/** A page of users, newest first, and their total number. */
export async function listUsers(
  db: Knex,
  query: { skip: number; limit: number; isActive?: boolean | undefined },
): Promise<{ users: User[]; total: number }> {
  const filter = query.isActive === undefined ? {} : { 'u.is_active': query.isActive }
  const rows = await db('users as u')
    .where(filter)
    .orderBy([
      { column: 'u.created_at', order: 'desc' },
      { column: 'u.id', order: 'desc' },
    ])
    .offset(query.skip)
    .limit(query.limit)
    .select(userColumns)
  const [counted] = await db('users as u').where(filter).count({ total: '*' })
  return { users: rows.map(toUser), total: Number(counted?.total) }
}

/** @throws a unique violation like `insertUser`, or a check violation of `users_last_admin` */
export async function updateUser(trx: Knex.Transaction, id: string, change: UserChange): Promise<void> {
  await trx('users').where({ id }).update({
    username: change.username,
    email: change.email,
    is_active: change.isActive,
    is_admin: change.isAdmin,
    rate_limit_per_second: change.rateLimitPerSecond,
    rate_limit_burst: change.rateLimitBurst,
    updated_at: trx.fn.now(),
  })
}

/** Starts a new epoch, which ends all sessions and JWTs of earlier ones. @returns the new epoch */
export async function raiseEpoch(trx: Knex.Transaction, id: string): Promise<number> {
  const [row] = await trx('users')
    .where({ id })
    .update({ session_epoch: trx.raw('session_epoch + 1'), updated_at: trx.fn.now() })
    .returning('session_epoch')
  return row.session_epoch
}
