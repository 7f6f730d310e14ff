import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table plans
      -- Sealed; the sign-in that the image is pulled with. Removed as soon as the image is not needed any more.
      add pull_secret text;
    alter table deployments
      -- What the container runs, by digest: the cloud can't tell it of an earlier version.
      add image text;
    -- Which image belongs to a version?
    create index deployments_version on deployments (version_id) where version_id is not null;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index deployments_version;
    alter table deployments drop image;
    alter table plans drop pull_secret;
  `)
}
