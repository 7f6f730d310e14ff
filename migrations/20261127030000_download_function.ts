import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Records links that are about to be given out, and counts them. As a function its plan is kept by the session:
    -- planning it anew cost more than running it.
    -- @returns the versions among them that were yanked, of which nothing is recorded.
    create function record_download_links(in_versions text[], in_platforms text[], in_principals text[],
      in_names text[], in_addresses text[], in_correlation_ids text[])
    returns table (version text)
    language plpgsql as $$
    #variable_conflict use_column
    begin
      return query
      with yanked as materialized (
        select y.version from release_yanks y where y.version = any(in_versions)
      ), given as materialized (
        select * from unnest(in_versions, in_platforms, in_principals, in_names, in_addresses, in_correlation_ids)
          as link (version, platform, principal, name, address, correlation_id)
        where version not in (select version from yanked)
      ), kept as (
        insert into release_downloads (version, platform, principal, name, address, correlation_id)
        select * from given
      ), counted as (
        insert into release_download_counts as known (version, platform, links)
        select version, platform, count(*) from given
        -- Sorted, so that two batches never wait for each other's rows.
        group by version, platform order by version, platform
        on conflict (version, platform) do update set links = known.links + excluded.links
      )
      select version from yanked;
    end $$;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function record_download_links')
}
