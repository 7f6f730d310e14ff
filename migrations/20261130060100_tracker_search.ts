import type { Knex } from 'knex'

/** "Where does this image, tag or digest run?", and where did it, across all clients. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create index tracker_scopes_namespace on tracker_scopes (namespace);
    create index tracker_components_sha on tracker_components (image_sha) where interval_id is not null;
    create index tracker_components_tag on tracker_components (image_tag) where interval_id is not null;
    -- The last part of the name: what comes before it may be left out in a search.
    create index tracker_components_image on tracker_components (substring(image_name from '[^/]*$'))
      where interval_id is not null;
    -- During a rollout other images run beside the one of the row.
    create index tracker_components_live on tracker_components using gin (images jsonb_path_ops)
      where interval_id is not null;
    create index tracker_intervals_sha on tracker_intervals (image_sha, first_seen desc);
    create index tracker_intervals_tag on tracker_intervals (image_tag, first_seen desc);
    create index tracker_intervals_image on tracker_intervals (substring(image_name from '[^/]*$'), first_seen desc);
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index tracker_intervals_image, tracker_intervals_tag, tracker_intervals_sha;
    drop index tracker_components_live, tracker_components_image, tracker_components_tag, tracker_components_sha;
    drop index tracker_scopes_namespace;
  `)
}
