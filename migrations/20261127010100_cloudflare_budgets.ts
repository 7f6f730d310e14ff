import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- What is left of an account's rate limit, as its last answers told. Unlogged: a crash may empty it, and the next
    -- answer tells again.
    create unlogged table cloudflare_budgets (
      account_id text primary key,
      calls_left int not null,
      resets_at timestamptz not null,
      -- After a 429: nobody calls before this time.
      blocked_until timestamptz
    );
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table cloudflare_budgets')
}
