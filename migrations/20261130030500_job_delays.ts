import type { Knex } from 'knex'

/**
 * During an upgrade, processes of the previous version insert delayed jobs without `delay_ms`. Without it a later
 * `run_at` would count as written by a wrong clock, and the job would run at once.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function job_delay() returns trigger language plpgsql as $$
    begin
      new.delay_ms := greatest(0, ceil(extract(epoch from new.run_at - clock_timestamp()) * 1000));
      return new;
    end $$;
    create trigger job_delay before insert on jobs for each row when (new.delay_ms = 0) execute function job_delay();
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop trigger job_delay on jobs; drop function job_delay()')
}
