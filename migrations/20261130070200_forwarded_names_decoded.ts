import type { Knex } from 'knex'

/**
 * Names from a forward-auth proxy were stored with a character for each byte of their UTF-8: `JÃ¶rg` for `Jörg`. Those
 * whose bytes are UTF-8 are put right; all others stay.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function pg_temp.bytes_as_utf8(garbled text) returns text language plpgsql immutable as $$
    begin
      return convert_from(convert_to(garbled, 'LATIN1'), 'UTF8');
    exception when others then
      return garbled;
    end $$;
    update release_downloads set name = pg_temp.bytes_as_utf8(name),
      principal = 'forwarded:' || pg_temp.bytes_as_utf8(name)
      where principal = 'forwarded:' || name and name ~ '[^\\u0001-\\u007f]';
    drop function pg_temp.bytes_as_utf8(text);

    -- Such a name would forge a line wherever it is shown.
    alter table release_downloads add constraint release_downloads_name
      check (name !~ '[\\u0001-\\u001f\\u007f-\\u009f]') not valid;
  `)
}

/** The names stay right. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table release_downloads drop constraint release_downloads_name')
}
