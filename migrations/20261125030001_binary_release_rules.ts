import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- A published version never changes, a sealed one only becomes published; the files of both stay.
    create function binary_releases_immutable() returns trigger language plpgsql as $$
    begin
      if old.state = 'published' or (old.state = 'sealed' and (tg_op = 'DELETE' or new.state not in ('sealed', 'published')
        or (new.version, new.id, new.channel, new.platforms, new.released_at)
          is distinct from (old.version, old.id, old.channel, old.platforms, old.released_at)))
      then raise exception 'a published release does not change' using errcode = '23514';
      end if;
      return case when tg_op = 'DELETE' then old else new end;
    end $$;
    create trigger binary_releases_immutable before update or delete on binary_releases
      for each row execute function binary_releases_immutable();

    create function binary_release_files_immutable() returns trigger language plpgsql as $$
    begin
      if exists (select 1 from binary_releases where version = coalesce(old.version, new.version)
        and state in ('publishing', 'sealed', 'published'))
      then raise exception 'the files of a published release do not change' using errcode = '23514';
      end if;
      return case when tg_op = 'DELETE' then old else new end;
    end $$;
    create trigger binary_release_files_immutable before insert or update or delete on binary_release_files
      for each row execute function binary_release_files_immutable();
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop trigger binary_release_files_immutable on binary_release_files;
    drop trigger binary_releases_immutable on binary_releases;
    drop function binary_release_files_immutable();
    drop function binary_releases_immutable();
  `)
}
