import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- Content that plans refer to by its SHA-256: modules, static files, database migrations.
    create table deployment_blobs (
      digest text primary key check (digest ~ '^[0-9a-f]{64}$'),
      size bigint not null check (size >= 0),
      -- The upload whose chunks are the content.
      upload_id uuid not null unique,
      -- The last time that a client asked for the blob or sent it.
      used_at timestamptz not null default now()
    );
    create index deployment_blobs_used on deployment_blobs (used_at);

    -- Chunks are written before the blob, whose digest is known at the end of its upload.
    create table deployment_blob_chunks (
      upload_id uuid not null,
      position int not null,
      bytes bytea not null,
      created_at timestamptz not null default now(),
      primary key (upload_id, position)
    );
    -- Pruning of uploads that were broken off.
    create index deployment_blob_chunks_created on deployment_blob_chunks (created_at);

    -- A blob that a plan refers to cannot be deleted.
    create table plan_blobs (
      plan_id uuid not null references plans (id) on delete cascade,
      digest text not null references deployment_blobs (digest),
      primary key (plan_id, digest)
    );
    create index plan_blobs_digest on plan_blobs (digest);

    alter table plans
      -- [{path, digest, size, contentType}]; null for a plan without static files.
      add asset_files jsonb;
    alter table deployments
      -- Binding -> id of the resource that the deployment found or created for it.
      add resources jsonb,
      -- Binding -> the state of the database before its migrations.
      add databases jsonb;
  `)
}

export async function down(knex: Knex): Promise<void> {
  // Earlier versions of Capstan read the code from the plan itself.
  await knex.raw(`
    update plans set modules = (
      select coalesce(jsonb_agg(
        case when module -> 'content' is not null then module else
          jsonb_build_object('name', module -> 'name', 'type', module -> 'type', 'content', coalesce((
            select translate(encode(string_agg(c.bytes, ''::bytea order by c.position), 'base64'), E'\\n', '')
            from deployment_blobs b join deployment_blob_chunks c on c.upload_id = b.upload_id
            where b.digest = module ->> 'digest'), '')) end order by place), '[]')
      from jsonb_array_elements(modules) with ordinality as m (module, place))
    where exists (select from jsonb_array_elements(modules) as m (module) where module -> 'digest' is not null);
    alter table deployments drop databases, drop resources;
    alter table plans drop asset_files;
    drop table plan_blobs;
    drop table deployment_blob_chunks;
    drop table deployment_blobs;
  `)
}
