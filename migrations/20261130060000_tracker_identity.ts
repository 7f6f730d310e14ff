import type { Knex } from 'knex'

/** A kind of workload belongs to an API group, and what a node does not tell about an image is unknown. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Empty for Kubernetes' own kinds: so a StatefulSet of another group is another workload.
    alter table tracker_components add column api_group text not null default '';
    alter table tracker_components
      drop constraint tracker_components_scope_id_kind_workload_container_key,
      add constraint tracker_components_identity unique (scope_id, kind, workload, container, api_group);
    -- Null: no node tells the digest of what runs.
    alter table tracker_intervals alter column image_sha drop not null;
    alter table tracker_badge_tokens add column api_group text;
  `)
}

/** Of workloads that only their API group tells apart the oldest one stays; so does what has a digest. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    create temporary table lost on commit drop as
      select id from (
        select id, row_number() over (partition by scope_id, kind, workload, container order by api_group, id) as n
        from tracker_components
      ) c where n > 1;
    update tracker_components set interval_id = null, image_repo = null, image_name = null, image_tag = null,
      image_sha = null, first_seen = null, last_seen = null, state = null, pods = null, images = '[]', watched = false
      where interval_id is not null and image_sha is null;
    delete from tracker_intervals where image_sha is null or component_id in (select id from lost);
    delete from tracker_components where id in (select id from lost);
    alter table tracker_badge_tokens drop column api_group;
    alter table tracker_intervals alter column image_sha set not null;
    alter table tracker_components
      drop constraint tracker_components_identity,
      add constraint tracker_components_scope_id_kind_workload_container_key
        unique (scope_id, kind, workload, container);
    alter table tracker_components drop column api_group;
  `)
}
